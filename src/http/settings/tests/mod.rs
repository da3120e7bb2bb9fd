//! What texts come to, and what is reported for those that come to nothing.

mod command_line;
mod keys;
mod krakend;
mod mistakes;
mod routes;

use std::path::PathBuf;

use super::*;

/// A route for files that are about something else.
const ROUTE: &str = "routes = [{ upstreams = [\"http://a:9000\"] }]";

/// A directory of its own for one test, removed at its end.
struct Files(PathBuf);

impl Files {
    fn new(test: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("kanaloa-proxy-{}-{test}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        Self(directory)
    }

    fn with(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn parsed(text: &str) -> ProxySettings {
    ProxySettings::parse("app.conf", text, &CommandLine::default()).unwrap_or_else(|error| panic!("{text}\n{error}"))
}

fn refused(text: &str) -> String {
    match ProxySettings::parse("app.conf", text, &CommandLine::default()) {
        Ok(_) => panic!("accepted:\n{text}"),
        Err(error) => error.to_string(),
    }
}

/// The settings of `text` inside `kanaloa.proxy`.
fn proxy(text: &str) -> ProxySettings {
    parsed(&format!("kanaloa.proxy {{\n{text}\n}}"))
}

/// The only route that has `text` beside its upstream.
fn route(text: &str) -> RouteSettings {
    let mut routes = proxy(&format!("routes = [{{ upstreams = [\"http://a:9000\"], {text} }}]")).routes;
    assert_eq!(routes.len(), 1);
    routes.remove(0)
}

fn upstream(url: &str) -> Upstream {
    values::upstream(url).unwrap_or_else(|| panic!("{url}"))
}

fn upstreams(urls: &[&str]) -> Upstreams {
    Upstreams::Fixed(urls.iter().map(|url| upstream(url)).collect())
}
