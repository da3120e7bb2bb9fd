//! Ctrl-C: the first ends what is done early, the second the program.

use std::process;

use tokio::sync::watch;

/// Status of a program that was interrupted: 128 + SIGINT.
pub(crate) const INTERRUPTED: u8 = 130;

/// Whether the user wants it to end.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// Listens for Ctrl-C. To be called within a runtime.
    pub(crate) fn on_ctrl_c() -> Self {
        let (trigger, interrupt) = watch::channel(false);
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_err() {
                // Ctrl-C cannot be listened for, so it ends the process, as it does by default.
                return std::future::pending().await;
            }
            trigger.send_replace(true);
            if tokio::signal::ctrl_c().await.is_ok() {
                process::exit(INTERRUPTED.into());
            }
        });
        Interrupt(interrupt)
    }

    /// Ready when the user wants it to end, now and ever after.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub(crate) async fn wait(&mut self) {
        if self.0.wait_for(|interrupted| *interrupted).await.is_err() {
            // Nobody is there to interrupt.
            std::future::pending().await
        }
    }

    pub(crate) fn happened(&self) -> bool {
        *self.0.borrow()
    }
}

#[cfg(test)]
impl Interrupt {
    pub(crate) fn never() -> Self {
        Interrupt::by_hand().0
    }

    pub(crate) fn by_hand() -> (Self, watch::Sender<bool>) {
        let (trigger, interrupt) = watch::channel(false);
        (Interrupt(interrupt), trigger)
    }
}
