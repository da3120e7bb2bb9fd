//! An HTTP reverse proxy: overload protection in front of any HTTP service.
//!
//! ```text
//! client ─► server ─► proxy: check, route, headers ─► dispatcher ─► upstream handler ─► upstream
//! ```

mod admin;
mod admin_server;
mod admin_thread;
pub(crate) mod answer;
pub(crate) mod headers;
mod live;
mod patience;
mod proxy;
mod reverse_proxy;
pub mod route;
pub(crate) mod server;
pub mod settings;
mod status;

pub use admin_server::{AdminError, AdminServer};
pub use reverse_proxy::{Drained, ProxyError, ReverseProxy};
pub use status::{ProxyStatus, RouteStatus, UpstreamStatus};
