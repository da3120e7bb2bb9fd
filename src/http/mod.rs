//! An HTTP reverse proxy: overload protection in front of any HTTP service.

pub mod route;
pub(crate) mod server;
pub mod settings;
