use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::Command;

use super::server::{free_ports, free_udp_port};
use super::{Directory, Installed, PATIENCE, Server, until};

/// Where it listens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StatsdPorts {
    pub(crate) udp: u16,
    management: u16,
}

impl StatsdPorts {
    pub(crate) fn free() -> Self {
        let [management] = free_ports();
        Self { udp: free_udp_port(), management }
    }
}

/// What it calls things in Graphite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names {
    /// As it does by default.
    Legacy,
    New,
}

/// The StatsD daemon.
pub(crate) struct Statsd {
    server: Server,
    pub(crate) ports: StatsdPorts,
    _directory: Directory,
}

impl Statsd {
    pub(crate) const PARTS: [&str; 1] = ["npm/installed"];

    /// One that keeps all that it has got for as long as a test takes, and tells nobody else.
    pub(crate) fn keeping(installed: &Installed, ports: StatsdPorts) -> Self {
        Self::start(installed, ports, "flushInterval: 3600000, backends: []")
    }

    /// One that tells Graphite each second.
    pub(crate) fn before_graphite(installed: &Installed, graphite: u16, names: Names) -> Self {
        let ports = StatsdPorts::free();
        let to = format!("flushInterval: 1000, graphiteHost: '127.0.0.1', graphitePort: {graphite}");
        // Percentiles as in grafana/statsd/config.js.
        let legacy = names == Names::Legacy;
        Self::start(
            installed,
            ports,
            &format!("{to}, percentThreshold: [90, 99], graphite: {{ legacyNamespace: {legacy} }}"),
        )
    }

    fn start(installed: &Installed, ports: StatsdPorts, more: &str) -> Self {
        let directory = Directory::new("statsd");
        let StatsdPorts { udp, management } = ports;
        let config = format!(
            "{{ address: '127.0.0.1', port: {udp}, mgmt_address: '127.0.0.1', mgmt_port: {management}, title: false, {more} }}"
        );
        let config = directory.with("config.js", &config);
        let mut command = Command::new("node");
        command.arg(installed.path("npm/node_modules/statsd/stats.js")).arg(config);
        let server = Server::start("statsd", &directory, &mut command);
        let mut statsd = Self { server, ports, _directory: directory };
        // It listens for packets before it listens to this.
        until("StatsD", || {
            statsd.server.assert_runs();
            (statsd.ask("health").ok()?.trim() == "health: up").then_some(())
        });
        statsd
    }

    fn ask(&self, what: &str) -> std::io::Result<String> {
        let at = SocketAddr::from(([127, 0, 0, 1], self.ports.management));
        let mut stream = TcpStream::connect(at)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        writeln!(stream, "{what}")?;
        let mut said = String::new();
        let mut lines = BufReader::new(stream);
        while lines.read_line(&mut said)? > 0 {
            if said.starts_with("health") || said.ends_with("END\n") {
                break;
            }
        }
        Ok(said)
    }

    /// All counters, as they stand.
    pub(crate) fn counters(&self) -> BTreeMap<String, f64> {
        numbers(&self.ask("counters").unwrap())
    }

    pub(crate) fn gauges(&self) -> BTreeMap<String, f64> {
        numbers(&self.ask("gauges").unwrap())
    }

    /// All times, of which it tells a hundred of each.
    pub(crate) fn timers(&self) -> BTreeMap<String, Vec<f64>> {
        let said = self.ask("timers").unwrap();
        let timer = |(name, rest): (&str, &str)| {
            let (times, _) = rest.trim_start_matches([':', ' ', '[']).split_once(']').expect(rest);
            let times = times.split(',').map(str::trim).filter(|time| !time.is_empty() && !time.starts_with("..."));
            (name.to_owned(), times.map(|time| time.parse().expect(time)).collect())
        };
        said.split('\'').skip(1).collect::<Vec<_>>().chunks(2).map(|pair| timer((pair[0], pair[1]))).collect()
    }

    /// Waits until all that was sent before has been read.
    pub(crate) fn fence(&self) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let before = self.counters().get("fence").copied().unwrap_or_default();
        socket.send_to(b"fence:1|c", ("127.0.0.1", self.ports.udp)).unwrap();
        until("StatsD to have read all", || {
            (self.counters().get("fence").copied().unwrap_or_default() > before).then_some(())
        });
    }
}

/// Of what JavaScript shows of an object, the names and their numbers.
fn numbers(said: &str) -> BTreeMap<String, f64> {
    let pair = |line: &str| {
        let (name, value) = line.trim().trim_end_matches([',', '}', ' ']).rsplit_once(": ")?;
        Some((name.trim_matches(['{', ' ', '\'']).to_owned(), value.parse().ok()?))
    };
    // Few are shown on one line.
    said.replace(", ", ",\n").lines().filter_map(pair).collect()
}
