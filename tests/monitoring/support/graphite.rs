use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use super::http::encoded;
use super::server::free_ports;
use super::{Directory, Installed, Server, get, get_json, until};

/// Graphite: carbon-cache, which takes what StatsD sends, and graphite-web, which answers queries.
pub(crate) struct Graphite {
    _carbon: Server,
    _web: Server,
    pub(crate) at: SocketAddr,
    /// Where it takes lines.
    pub(crate) lines: u16,
    _directory: Directory,
}

impl Graphite {
    pub(crate) const PARTS: [&str; 1] = ["graphite/installed"];

    pub(crate) fn start(installed: &Installed) -> Self {
        let directory = Directory::new("graphite");
        let here = directory.as_path().to_str().unwrap();
        let [lines, pickles, queries, web] = free_ports();
        for made in ["whisper", "log"] {
            fs::create_dir(directory.path(made)).unwrap();
        }
        directory.with("storage-schemas.conf", "[all]\npattern = .*\nretentions = 1s:10m\n");
        let carbon_conf = format!(
            "[cache]\nSTORAGE_DIR = {here}\nLOCAL_DATA_DIR = {here}/whisper\nCONF_DIR = {here}\n\
             LOG_DIR = {here}/log\nPID_DIR = {here}\n\
             LINE_RECEIVER_INTERFACE = 127.0.0.1\nLINE_RECEIVER_PORT = {lines}\n\
             PICKLE_RECEIVER_INTERFACE = 127.0.0.1\nPICKLE_RECEIVER_PORT = {pickles}\n\
             CACHE_QUERY_INTERFACE = 127.0.0.1\nCACHE_QUERY_PORT = {queries}\n\
             MAX_CACHE_SIZE = inf\nMAX_UPDATES_PER_SECOND = inf\nMAX_CREATES_PER_MINUTE = inf\n\
             ENABLE_UDP_LISTENER = False\nENABLE_TAGS = False\nLOG_UPDATES = False\nLOG_CREATES = False\n"
        );
        let carbon_conf = directory.with("carbon.conf", &carbon_conf);
        directory.with(
            "graphite_here.py",
            &format!(
                "SECRET_KEY = 'of a test'\nSTORAGE_DIR = '{here}'\nLOG_DIR = '{here}/log'\nINDEX_FILE = '{here}/index'\n\
                 STANDARD_DIRS = ['{here}/whisper']\nCARBONLINK_HOSTS = ['127.0.0.1:{queries}']\n\
                 DATABASES = {{'default': {{'ENGINE': 'django.db.backends.sqlite3', 'NAME': '{here}/graphite.db'}}}}\n\
                 TAGDB = ''\nFIND_CACHE_DURATION = 0\nDEFAULT_CACHE_DURATION = 0\nTIME_ZONE = 'UTC'\nALLOWED_HOSTS = ['*']\n"
            ),
        );
        let program = |name: &str| {
            let bin = installed.path("graphite/bin");
            let mut command = Command::new(bin.join("python"));
            command.arg(bin.join(name)).current_dir(here).env("PYTHONPATH", here);
            command.env("GRAPHITE_SETTINGS_MODULE", "graphite_here").env("DJANGO_SETTINGS_MODULE", "graphite.settings");
            command
        };
        let mut carbon = program("carbon-cache.py");
        carbon.arg("--config").arg(carbon_conf).args(["--nodaemon", "start"]);
        let mut carbon = Server::start("carbon", &directory, &mut carbon);
        let made = program("django-admin").args(["migrate", "--run-syncdb"]).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let listen = format!("tcp:{web}:interface=127.0.0.1");
        let mut command = program("twistd");
        command.args(["--nodaemon", "--pidfile=", "web", "--wsgi", "graphite.wsgi.application", "--listen", &listen]);
        let mut server = Server::start("graphite-web", &directory, &mut command);
        let at = SocketAddr::from(([127, 0, 0, 1], web));
        until("Graphite", || {
            carbon.assert_runs();
            server.assert_runs();
            std::net::TcpStream::connect(("127.0.0.1", lines)).ok()?;
            get(at, "/render?target=none&format=json").filter(|(status, _)| *status == 200)
        });
        Self { _carbon: carbon, _web: server, at, lines, _directory: directory }
    }

    /// The values of each series that answers a target, in the last five minutes, without those that are not there.
    pub(crate) fn series(&self, target: &str) -> Vec<(String, Vec<f64>)> {
        let path = format!("/render?format=json&from=-5min&noNullPoints=true&target={}", encoded(target));
        let series = get_json(self.at, &path);
        let values = |points: &serde_json::Value| {
            points.as_array().unwrap().iter().filter_map(|point| point[0].as_f64()).collect()
        };
        let one = |one: &serde_json::Value| (one["target"].as_str().unwrap().to_owned(), values(&one["datapoints"]));
        series.as_array().unwrap().iter().map(one).collect()
    }
}
