//! What all of these tests stand on.

mod files;
mod load;
mod program;
mod upstream;
mod wire;

use std::future::Future;
use std::time::Duration;

pub(crate) use files::Files;
pub(crate) use load::Load;
pub(crate) use program::{CALM, Program, run};
pub(crate) use upstream::{Reply, Upstream};
pub(crate) use wire::{Message, Wire};

/// Whatever is waited for happens within that, or never.
const PATIENCE: Duration = Duration::from_secs(15);

/// What comes of a future, which is to come soon.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("waited in vain for {what}"),
    }
}
