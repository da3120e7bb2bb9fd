//! Routes as a program prints them.

use std::fmt;

use hyper::Method;

use super::super::route::PathMatch;
use super::values::written;
use super::{RouteMatch, RouteSettings, Scheme, Upstream, Upstreams};

/// `GET shop.example.com/users/{id} -> http://10.0.0.1:9000, http://10.0.0.2:9000 (dispatcher users)`.
impl fmt::Display for RouteSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {} (dispatcher {})", self.matches, self.upstreams, self.dispatcher)
    }
}

/// `GET shop.example.com/users/{id}`; a prefix ends with `/*`.
impl fmt::Display for RouteMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.methods.is_empty() {
            let methods: Vec<_> = self.methods.iter().map(Method::as_str).collect();
            write!(f, "{} ", methods.join(","))?;
        }
        f.write_str(self.host.as_deref().unwrap_or_default())?;
        match &self.path {
            PathMatch::Prefix(prefix) => write!(f, "{}/*", prefix.trim_end_matches('/')),
            PathMatch::Pattern(pattern) => f.write_str(&written(pattern)),
        }
    }
}

/// URLs, or `dns` and the URL with the name.
impl fmt::Display for Upstreams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Upstreams::Fixed(upstreams) => {
                let urls: Vec<_> = upstreams.iter().map(Upstream::to_string).collect();
                f.write_str(&urls.join(", "))
            }
            Upstreams::Dns { scheme, name, port } => write!(f, "dns {scheme}://{name}:{port}"),
        }
    }
}

/// A URL.
impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        })
    }
}
