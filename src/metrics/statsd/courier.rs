//! Who carries packets to StatsD.

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, UdpSocket};

use crate::time::Instant;
use log::{info, warn};

use super::contact::{Contact, Pace};
use super::mailbox::Mailbox;

/// Looks up where StatsD is.
pub(super) type LookUp = Box<dyn FnMut() -> io::Result<Vec<SocketAddr>> + Send>;

/// Carries packets to StatsD. Lives on a thread of its own, since looking up a name blocks.
pub(super) struct Courier {
    /// Whose packets, and where to, for the log.
    title: String,
    look_up: LookUp,
    contact: Contact,
    socket: Option<UdpSocket>,
    /// Addresses that have not been tried since they were looked up.
    untried: VecDeque<SocketAddr>,
}

/// What became of a packet.
#[derive(Debug, PartialEq, Eq)]
enum Sent {
    /// It is on its way, or lost, as packets may be.
    Done,
    /// It could not be sent yet.
    Kept,
}

impl Courier {
    pub(super) fn new(title: String, look_up: LookUp, pace: Pace) -> Self {
        Courier { title, look_up, contact: Contact::new(pace), socket: None, untried: VecDeque::new() }
    }

    /// Sends what is posted until no more comes. What cannot be sent waits, until the end; then it has one more try.
    pub(super) fn run(mut self, mailbox: &Mailbox) {
        while let Some(report) = mailbox.next() {
            for packet in report {
                loop {
                    mailbox.pause(self.contact.wait(Instant::now()));
                    let is_last_try = mailbox.is_closed();
                    match self.send(packet.as_bytes(), Instant::now()) {
                        Sent::Done => break,
                        Sent::Kept if is_last_try => return,
                        Sent::Kept => {}
                    }
                }
            }
        }
    }

    fn send(&mut self, packet: &[u8], now: Instant) -> Sent {
        if (self.socket.is_none() || self.contact.is_stale(now))
            && let Err(error) = self.find(now)
        {
            return self.fail(&error, now, Sent::Kept);
        }
        while let Some(socket) = &self.socket {
            match socket.send(packet) {
                Ok(_) => {
                    if self.contact.sent(now) {
                        info!("{} is reached again", self.title);
                    }
                    return Sent::Done;
                }
                // It speaks of a packet before; this one has not been sent.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    if self.connect().is_err() {
                        return self.fail(&error, now, Sent::Kept);
                    }
                }
                Err(error) if is_for_now(error.kind()) => return self.fail(&error, now, Sent::Kept),
                // One that cannot be sent at all must not hold up those behind it.
                Err(error) => return self.fail(&error, now, Sent::Done),
            }
        }
        Sent::Kept
    }

    /// Looks up where StatsD is. What is known stands if that fails, or if it still holds.
    fn find(&mut self, now: Instant) -> io::Result<()> {
        let found = (self.look_up)();
        self.contact.looked_up(now);
        match (found, &self.socket) {
            (Err(_), Some(_)) => Ok(()),
            (Err(error), None) => Err(error),
            (Ok(found), socket) => {
                let current = socket.as_ref().and_then(|socket| socket.peer_addr().ok());
                let (mut found, v6): (Vec<_>, Vec<_>) = found.into_iter().partition(SocketAddr::is_ipv4);
                // The StatsD of old listens on IPv4 only, and a packet is lost to find that out.
                found.extend(v6);
                let is_known = current.is_some_and(|current| found.contains(&current));
                self.untried = found.into_iter().filter(|at| !is_known || Some(*at) != current).collect();
                if is_known { Ok(()) } else { self.connect() }
            }
        }
    }

    /// Goes to the next address, if there is one.
    fn connect(&mut self) -> io::Result<()> {
        self.socket = None;
        let mut last = io::Error::new(io::ErrorKind::NotFound, "no address");
        while let Some(at) = self.untried.pop_front() {
            match open(at) {
                Ok(socket) => {
                    self.socket = Some(socket);
                    return Ok(());
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn fail(&mut self, error: &io::Error, now: Instant, packet: Sent) -> Sent {
        self.socket = None;
        if self.contact.failed(now) {
            warn!("{} is out of reach: {error}; what happens meanwhile is counted and reported later", self.title);
        }
        packet
    }
}

/// Whether it is the way that fails, and not the packet: the same may go through later.
fn is_for_now(error: io::ErrorKind) -> bool {
    use io::ErrorKind::{
        AddrNotAvailable, HostUnreachable, Interrupted, NetworkDown, NetworkUnreachable, OutOfMemory, PermissionDenied,
        WouldBlock,
    };
    matches!(
        error,
        AddrNotAvailable
            | HostUnreachable
            | Interrupted
            | NetworkDown
            | NetworkUnreachable
            | OutOfMemory
            | PermissionDenied
            | WouldBlock
    )
}

/// Connected, so that the system tells when nobody listens there.
fn open(at: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = if at.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = UdpSocket::bind(any)?;
    socket.connect(at)?;
    Ok(socket)
}
