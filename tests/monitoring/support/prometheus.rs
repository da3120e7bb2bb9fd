use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use super::http::encoded;
use super::server::free_ports;
use super::{Directory, Installed, Server, get, get_json, until};

/// Prometheus, which asks somebody each second.
pub(crate) struct Prometheus {
    _server: Server,
    pub(crate) at: SocketAddr,
    _directory: Directory,
}

impl Prometheus {
    pub(crate) const PARTS: [&str; 1] = ["prometheus/installed"];

    pub(crate) fn start(installed: &Installed, target: SocketAddr) -> Self {
        let directory = Directory::new("prometheus");
        let [port] = free_ports();
        let config = directory.with(
            "prometheus.yml",
            &format!(
                "global: {{ scrape_interval: 1s, scrape_timeout: 1s }}\n\
                 scrape_configs: [{{ job_name: kanaloa, static_configs: [{{ targets: ['{target}'] }}] }}]\n"
            ),
        );
        let mut command = Command::new(installed.path("prometheus/usr/bin/prometheus"));
        command.arg(format!("--config.file={}", config.display()));
        command.arg(format!("--storage.tsdb.path={}", directory.path("data").display()));
        command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
        // Debian's package has its pages elsewhere; they are not looked at.
        command.current_dir(directory.as_path());
        let mut server = Server::start("prometheus", &directory, &mut command);
        let at = SocketAddr::from(([127, 0, 0, 1], port));
        until("Prometheus", || {
            server.assert_runs();
            get(at, "/-/ready").filter(|(status, _)| *status == 200)
        });
        let prometheus = Self { _server: server, at, _directory: directory };
        // It begins some seconds after it is ready.
        until("Prometheus to have asked", || prometheus.number("up").filter(|up| *up == 1.0));
        prometheus
    }

    /// What a query comes to now: labels and value of each series.
    pub(crate) fn query(&self, query: &str) -> Vec<(serde_json::Value, f64)> {
        let answer = get_json(self.at, &format!("/api/v1/query?query={}", encoded(query)));
        let one = |one: &serde_json::Value| {
            (one["metric"].clone(), one["value"][1].as_str().and_then(|value| value.parse().ok()).expect("a number"))
        };
        answer["data"]["result"].as_array().unwrap().iter().map(one).collect()
    }

    /// A query that comes to one number.
    pub(crate) fn number(&self, query: &str) -> Option<f64> {
        self.query(query).first().map(|(_, value)| *value)
    }
}

/// What `promtool check metrics` says of an exposition, and whether it is content.
pub(crate) fn promtool(installed: &Installed, exposition: &str) -> (bool, String) {
    let mut command = Command::new(installed.path("prometheus/usr/bin/promtool"));
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(exposition.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    (output.status.success(), said)
}
