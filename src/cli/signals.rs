//! The signals by which a server is told what to do.

use std::io;

use super::interrupt::INTERRUPTED;

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGHUP: read the settings again.
    Reload,
    /// SIGTERM, or SIGINT, which is Ctrl-C: finish and end. `status`: what a process ends with that is ended at once.
    End { status: u8 },
}

/// Status of a program that was terminated: 128 + SIGTERM.
#[cfg(unix)]
const TERMINATED: u8 = 143;

#[cfg(unix)]
mod system {
    use tokio::signal::unix::{SignalKind, signal};

    pub(super) use tokio::signal::unix::Signal as Stream;

    pub(super) fn all() -> std::io::Result<[Stream; 3]> {
        Ok([signal(SignalKind::hangup())?, signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?])
    }
}

/// Waits for signals.
#[cfg(unix)]
pub(crate) struct Signals([system::Stream; 3]);

#[cfg(unix)]
impl Signals {
    /// From now on signals are waited for, and no longer end the process by themselves. To be called within a runtime.
    pub(crate) fn listen() -> io::Result<Self> {
        system::all().map(Signals)
    }

    /// The next signal.
    pub(crate) async fn next(&mut self) -> Signal {
        let [reload, terminate, interrupt] = &mut self.0;
        tokio::select! {
            _ = reload.recv() => Signal::Reload,
            _ = terminate.recv() => Signal::End { status: TERMINATED },
            _ = interrupt.recv() => Signal::End { status: INTERRUPTED },
        }
    }
}

/// Waits for Ctrl-C, the only signal there is.
#[cfg(not(unix))]
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    /// To be called within a runtime.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Signals)
    }

    /// The next signal.
    pub(crate) async fn next(&mut self) -> Signal {
        if tokio::signal::ctrl_c().await.is_err() {
            // It ends the process, as it does by default.
            return std::future::pending().await;
        }
        Signal::End { status: INTERRUPTED }
    }
}

impl Signals {
    /// Resolves at the next signal that asks for the end.
    pub(crate) async fn end(&mut self) {
        while self.next().await == Signal::Reload {}
    }
}
