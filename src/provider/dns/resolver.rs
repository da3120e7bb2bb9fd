//! Asks the DNS. What it is asked with is known in here only.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures::future::{Either, join, select};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::Name;
use thiserror::Error;

use super::known::Answer;
use crate::time::sleep;

/// No DNS name is written so.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{name:?} is not a DNS name: {reason}")]
pub struct InvalidDnsName {
    name: String,
    reason: String,
}

#[derive(Debug, Clone)]
enum Host {
    Name(Name),
    Address(IpAddr),
}

/// Asks for the addresses of one name.
pub(super) struct Resolver {
    host: Host,
    /// The system's unless said.
    pub(super) name_servers: Option<Vec<SocketAddr>>,
    pub(super) timeout: Duration,
    /// Made anew after a failure: what the system says about name servers and hosts may have changed.
    asks: Option<TokioResolver>,
}

impl Resolver {
    pub(super) fn new(name: &str) -> Result<Self, InvalidDnsName> {
        let invalid = |reason: &str| InvalidDnsName { name: name.to_string(), reason: reason.to_string() };
        // An address of IPv6 may stand in brackets, as it does beside a port.
        let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
        let host = match bare.parse() {
            Ok(address) => Host::Address(address),
            Err(_) if name.contains("://") => {
                return Err(invalid("a name stands there without a scheme, such as backend.example"));
            }
            Err(_) if name.contains(':') => return Err(invalid("the port is given beside the name")),
            Err(_) if name.contains(char::is_whitespace) => return Err(invalid("there is a space in it")),
            Err(_) if name.split_terminator('.').any(str::is_empty) || name == "." => {
                return Err(invalid("there is nothing between two of its dots, or before the first"));
            }
            // With underscores, as names of services have them.
            Err(_) => Host::Name(Name::from_str_relaxed(name).map_err(|_| {
                invalid("its parts are letters, digits, hyphens and underscores, 63 at most each and 253 together")
            })?),
        };
        if matches!(&host, Host::Name(name) if name.iter().len() == 0) {
            return Err(invalid("it is empty"));
        }
        Ok(Resolver { host, name_servers: None, timeout: Duration::from_secs(5), asks: None })
    }

    /// Asks for the IPv4 and the IPv6 addresses.
    pub(super) async fn resolve(&mut self) -> (Answer, Answer) {
        let name = match &self.host {
            Host::Name(name) => name.clone(),
            Host::Address(address) => {
                let none = Answer::None("it is an address of the other kind".to_string());
                let address = Answer::Addresses(vec![*address], Duration::MAX);
                return if self.host.is_ipv4() { (address, none) } else { (none, address) };
            }
        };
        let asks = match self.asks.take().map_or_else(|| self.prepare(), Ok) {
            Ok(asks) => asks,
            Err(error) => return (Answer::Failed(error.to_string()), Answer::Failed(error.to_string())),
        };
        let answers =
            join(self.in_time(asks.ipv4_lookup(name.clone())), self.in_time(asks.ipv6_lookup(name.clone()))).await;
        let has_failed = |answer| matches!(answer, &Answer::Failed(_));
        if !has_failed(&answers.0) && !has_failed(&answers.1) {
            self.asks = Some(asks);
        }
        answers
    }

    fn prepare(&self) -> Result<TokioResolver, NetError> {
        let mut builder = match &self.name_servers {
            None => TokioResolver::builder_tokio()?,
            Some(servers) => {
                let servers = servers.iter().map(name_server).collect();
                let config = ResolverConfig::from_parts(None, Vec::new(), servers);
                let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
                builder.options_mut().use_hosts_file = ResolveHosts::Never;
                builder
            }
        };
        let options = builder.options_mut();
        // What is asked for is known here already, and is to be asked for when it may have changed.
        options.cache_size = 0;
        // A packet that is lost must leave time for another.
        let tries = u32::try_from(options.attempts).unwrap_or(u32::MAX).saturating_add(1);
        options.timeout = options.timeout.min(self.timeout / tries);
        builder.build()
    }

    async fn in_time(&self, lookup: impl Future<Output = Result<Lookup, NetError>>) -> Answer {
        match select(std::pin::pin!(lookup), std::pin::pin!(sleep(self.timeout))).await {
            Either::Left((Ok(lookup), _)) => addresses(&lookup),
            Either::Left((Err(error), _)) if error.is_no_records_found() => Answer::None(error.to_string()),
            Either::Left((Err(error), _)) => Answer::Failed(error.to_string()),
            Either::Right(_) => Answer::Failed(format!("no answer within {:?}", self.timeout)),
        }
    }
}

impl Host {
    fn is_ipv4(&self) -> bool {
        matches!(self, Host::Address(IpAddr::V4(_)))
    }
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}

/// Of an answer that leads over aliases the least of all times to live holds.
fn addresses(lookup: &Lookup) -> Answer {
    let records = lookup.answers();
    let addresses: Vec<IpAddr> = records.iter().filter_map(|record| record.data.ip_addr()).collect();
    if addresses.is_empty() {
        return Answer::None("an answer without addresses".to_string());
    }
    let lasts = records.iter().map(|record| record.ttl).min().unwrap_or(0);
    Answer::Addresses(addresses, Duration::from_secs(lasts.into()))
}
