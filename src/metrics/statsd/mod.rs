//! StatsD: what is reported goes there as lines in UDP packets.

mod contact;
mod courier;
mod mailbox;
mod names;
mod packets;
#[cfg(test)]
mod tests;

use std::io;
use std::net::ToSocketAddrs;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use contact::Pace;
use courier::{Courier, LookUp};
use mailbox::Mailbox;
use names::Names;
use packets::Packets;

use super::Metric;
use crate::config::StatsDSettings;

/// A dispatcher's way to StatsD. Nothing here blocks: what is reported waits, within bounds, for a thread that sends it.
#[derive(Debug)]
pub(super) struct Statsd {
    names: Names,
    multi_metrics: bool,
    packet_buffer_size: usize,
    mailbox: Arc<Mailbox>,
}

/// What is on its way when no more is reported.
#[derive(Debug)]
pub(super) struct OnItsWay(Arc<Mailbox>);

/// Tells that the courier is gone, whatever ended it.
struct Leaving(Arc<Mailbox>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.leave();
    }
}

impl Statsd {
    /// Starts the thread that sends.
    pub(super) fn start(dispatcher: &str, settings: &StatsDSettings) -> io::Result<Self> {
        let (host, port) = (settings.host.clone(), settings.port);
        let title = format!("dispatcher {dispatcher}: StatsD at {host}:{port}");
        let look_up = Box::new(move || Ok((host.as_str(), port).to_socket_addrs()?.collect()));
        let machine = hostname::get().unwrap_or_default();
        Self::with(dispatcher, &machine.to_string_lossy(), settings, title, look_up, Pace::USUAL)
    }

    fn with(
        dispatcher: &str,
        machine: &str,
        settings: &StatsDSettings,
        title: String,
        look_up: LookUp,
        pace: Pace,
    ) -> io::Result<Self> {
        let mailbox = Arc::new(Mailbox::default());
        let (courier, leaving) = (Courier::new(title, look_up, pace), Leaving(Arc::clone(&mailbox)));
        let body = move || courier.run(&leaving.0);
        thread::Builder::new().name(format!("statsd-{dispatcher}").replace('\0', "")).spawn(body)?;
        Ok(Statsd {
            names: Names::new(&settings.namespace, dispatcher, machine),
            multi_metrics: settings.multi_metrics,
            packet_buffer_size: settings.packet_buffer_size,
            mailbox,
        })
    }

    /// Whether a report would be sent soon. If not, what is to be reported is to grow until it is.
    pub(super) fn has_room(&self) -> bool {
        self.mailbox.has_room()
    }

    pub(super) fn report(&self, metrics: &[Metric]) {
        let mut packets = Packets::new(self.multi_metrics, self.packet_buffer_size);
        for Metric { handler, name, value } in metrics {
            packets.add(&self.names.name(handler.as_deref(), name), value);
        }
        self.mailbox.post(packets.finish());
    }

    /// No more is reported.
    pub(super) fn close(&self) -> OnItsWay {
        self.mailbox.close();
        OnItsWay(Arc::clone(&self.mailbox))
    }
}

impl Drop for Statsd {
    fn drop(&mut self) {
        self.mailbox.close();
    }
}

impl OnItsWay {
    /// Blocks until it has been sent, or given up, but no longer than this. Returns whether it has.
    pub(super) fn wait(&self, longest: Duration) -> bool {
        self.0.wait_until_left(longest)
    }
}
