//! A handler for each address of a DNS name.

mod known;
mod resolver;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use log::{Level, debug};
pub use resolver::InvalidDnsName;

use self::known::{Health, Known};
use self::resolver::Resolver;
use super::{HandlerChange, HandlerProvider};
use crate::dispatcher::HandlerSource;
use crate::log_limit::LogLimit;
use crate::time::sleep;

/// However short the time to live of an answer and the shortest interval are, the name is not resolved more often.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);

/// Resolves a name again and again, and has a handler for each of its addresses, IPv4 and IPv6. The handlers are named
/// as their addresses are written, such as `10.0.0.7:8080` and `[2001:db8::7]:8080`.
///
/// The name is resolved anew when the time to live of the last answer is over, but not sooner than after the shortest
/// interval and not later than after the longest.
///
/// **The old handlers stay when resolving fails**: where a server cannot be reached, is too slow or answers with an error,
/// and also where the name does not exist or has no address, for that is more often a mistake in the DNS than a wish to
/// stop all. It is then tried again after the shortest interval, then after twice that, up to the longest. Where only one
/// of the two questions, for IPv4 and for IPv6, is answered, that half is followed and the other stays.
///
/// To take all handlers away, remove them, or shut the dispatcher down.
///
/// The name is asked for as the system does, with its hosts file, search domains and name servers, unless
/// [`name_servers`](Self::name_servers) says otherwise. An IP address in the place of a name stands for itself.
///
/// ```no_run
/// use kanaloa::{DnsProvider, HandlerSource, PushingDispatcher, handler_fn};
///
/// # async fn ask(_: std::net::SocketAddr, question: String) -> Result<String, String> { Ok(question) }
/// # actix::System::new().block_on(async {
/// let backends = DnsProvider::new("backend.internal", 8080, |address| {
///     HandlerSource::new(handler_fn("backend", move |question: String| ask(address, question)))
/// })?;
/// let dispatcher = PushingDispatcher::builder("backend").provider(backends).start()?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # });
/// ```
///
/// A handler that says it is [gone](crate::Reply::gone) comes back only if Kanaloa can make it again: give it with
/// [`HandlerSource::factory`] if it may be. For one that was not, its address must first leave the DNS and come back.
pub struct DnsProvider<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    name: String,
    /// Who speaks in the log.
    title: String,
    changes_log: LogLimit,
    health_log: LogLimit,
    port: u16,
    make: Box<dyn FnMut(SocketAddr) -> HandlerSource<Req, Res, Err> + Send>,
    resolver: Resolver,
    known: Known,
    health: Health,
    /// What is still to be announced.
    changes: VecDeque<Change>,
    /// Until the name is resolved again.
    wait: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Come(IpAddr),
    Gone(IpAddr),
}

impl<Req, Res, Err> DnsProvider<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    /// Has the handlers that `make` makes of the addresses of `name`, at this port. If `make` panics, the provider ends.
    ///
    /// # Errors
    ///
    /// [`InvalidDnsName`] if no name is written so.
    pub fn new(
        name: impl Into<String>,
        port: u16,
        make: impl FnMut(SocketAddr) -> HandlerSource<Req, Res, Err> + Send + 'static,
    ) -> Result<Self, InvalidDnsName> {
        let name = name.into();
        Ok(DnsProvider {
            resolver: Resolver::new(&name)?,
            title: format!("addresses of {name}"),
            name,
            changes_log: LogLimit::of_one(module_path!()),
            health_log: LogLimit::of_one(module_path!()),
            port,
            make: Box::new(make),
            known: Known::new(Duration::from_secs(1), Duration::from_secs(30)),
            health: Health::Well,
            changes: VecDeque::new(),
            wait: Duration::ZERO,
        })
    }

    /// The shortest and the longest time from one answer to the next question; 1 s and 30 s unless said. The shortest is
    /// 10 ms at least, and where it is above the longest, the longest is the same.
    #[must_use]
    pub fn intervals(mut self, shortest: Duration, longest: Duration) -> Self {
        let shortest = shortest.max(SHORTEST_INTERVAL);
        self.known = Known::new(shortest, longest.max(shortest));
        self
    }

    /// How long an answer may take, several tries together; 5 s unless said.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.resolver.timeout = timeout;
        self
    }

    /// Asks these servers, over UDP, or TCP where an answer is too long for it, rather than those of the system. Neither
    /// the system's hosts file nor its search domains are looked at.
    #[must_use]
    pub fn name_servers(mut self, servers: impl IntoIterator<Item = SocketAddr>) -> Self {
        self.resolver.name_servers = Some(servers.into_iter().collect());
        self
    }

    async fn resolve(&mut self) {
        let (v4, v6) = self.resolver.resolve().await;
        let update = self.known.update(v4, v6);
        self.wait = update.wait;
        let title = &self.title;
        let count = self.known.addresses().len();
        if !update.changes.is_empty() {
            let come = update.changes.iter().filter(|change| matches!(change, Change::Come(_))).count();
            let gone = update.changes.len() - come;
            let text = format_args!("{title}: {count} now, {come} new, {gone} gone");
            self.changes_log.say(Level::Info, text);
        }
        let (log, reason) = (&self.health_log, &update.reason);
        match &update.health {
            _ if update.health == self.health => {}
            Health::Well => log.say(Level::Info, format_args!("{title}: resolved again, {count} there")),
            Health::HalfKnown => {
                let text = format_args!("{title}: a part could not be resolved, and stays as it is: {reason}");
                log.say(Level::Warn, text);
            }
            Health::Unknown => {
                log.say(Level::Warn, format_args!("{title}: not resolved, so the {count} known stay: {reason}"));
            }
        }
        if update.health != Health::Well {
            debug!("{title}: asked again in {:?}: {}", self.wait, update.reason);
        }
        self.health = update.health;
        self.changes.extend(update.changes);
    }
}

impl<Req, Res, Err> HandlerProvider<Req, Res, Err> for DnsProvider<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    fn followed_by(&mut self, dispatcher: &str) {
        self.title = format!("dispatcher {dispatcher}: addresses of {}", self.name);
    }

    async fn next(&mut self) -> Option<HandlerChange<Req, Res, Err>> {
        loop {
            let at = |ip| SocketAddr::new(ip, self.port);
            match self.changes.pop_front() {
                Some(Change::Come(ip)) => {
                    let address = at(ip);
                    return Some(HandlerChange::Add((self.make)(address).named(address.to_string())));
                }
                Some(Change::Gone(ip)) => return Some(HandlerChange::Remove(at(ip).to_string())),
                None => {
                    sleep(self.wait).await;
                    self.resolve().await;
                }
            }
        }
    }
}

impl<Req, Res, Err> std::fmt::Debug for DnsProvider<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DnsProvider")
            .field("name", &self.name)
            .field("port", &self.port)
            .field("addresses", self.known.addresses())
            .finish_non_exhaustive()
    }
}
