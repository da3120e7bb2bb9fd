//! The reverse proxy over real sockets: what its users are promised.
//!
//! A test is a script: it holds the client's end and the upstream's end of each connection, and says what either does.

mod admin;
mod again;
mod answers;
mod bodies;
mod dashboard;
mod headers;
mod hosts;
mod http2;
mod slots;
mod support;
mod tls;
mod upgrades;
mod vanished;
mod wire;
