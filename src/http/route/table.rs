//! Which of a proxy's routes has a request.

use hyper::Method;
use hyper::http::request::Parts;

use super::PathMatch;
use super::path::Path;
use crate::http::headers::host;
use crate::http::settings::RouteMatch;

/// Whether a route takes a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Match {
    /// Host or path are others.
    No,
    /// Host and path are its own, but the method is not.
    OtherMethod,
    Yes,
}

/// Why no route has a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoRoute {
    NotFound,
    /// Routes take its host and path, but only with these methods.
    MethodNotAllowed(Vec<Method>),
}

/// A proxy's routes, in order.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    routes: Vec<RouteMatch>,
    /// Whether it matters whom a request is for.
    has_hosts: bool,
}

impl PathMatch {
    pub(crate) fn takes(&self, path: Path<'_>) -> bool {
        match self {
            PathMatch::Prefix(prefix) => path.after(prefix).is_some(),
            PathMatch::Pattern(pattern) => pattern.takes(path),
        }
    }
}

impl RouteMatch {
    /// Whether this takes a request for `host`, which may have a port.
    pub(crate) fn takes(&self, host: Option<&str>, method: &Method, path: Path<'_>) -> Match {
        let is_host = match (&self.host, host) {
            (None, _) => true,
            (Some(own), Some(host)) => is_host(own, host::without_port(host)),
            (Some(_), None) => false,
        };
        if !is_host || !self.path.takes(path) {
            Match::No
        } else if self.methods.is_empty() || self.methods.contains(method) {
            Match::Yes
        } else {
            Match::OtherMethod
        }
    }
}

/// A dot at the end of a name changes nothing about which it is.
fn is_host(own: &str, host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    match own.strip_prefix('*') {
        Some(below) => {
            let (host, below) = (host.as_bytes(), below.as_bytes());
            host.len() > below.len() && host[host.len() - below.len()..].eq_ignore_ascii_case(below)
        }
        None => host.eq_ignore_ascii_case(own),
    }
}

impl Table {
    pub(crate) fn new(routes: Vec<RouteMatch>) -> Self {
        let has_hosts = routes.iter().any(|route| route.host.is_some());
        Table { routes, has_hosts }
    }

    /// The place of the first route that takes the request.
    ///
    /// # Errors
    /// [`NoRoute`] if none does.
    pub(crate) fn find(&self, request: &Parts) -> Result<usize, NoRoute> {
        let host = if self.has_hosts { host::asked(request) } else { None };
        let path = Path::new(request.uri.path());
        let mut is_for_other_methods = false;
        for (place, route) in self.routes.iter().enumerate() {
            match route.takes(host, &request.method, path) {
                Match::Yes => return Ok(place),
                Match::OtherMethod => is_for_other_methods = true,
                Match::No => {}
            }
        }
        if !is_for_other_methods {
            return Err(NoRoute::NotFound);
        }
        let mut allowed: Vec<Method> = Vec::new();
        for route in &self.routes {
            if route.takes(host, &request.method, path) == Match::OtherMethod {
                for method in &route.methods {
                    if !allowed.contains(method) {
                        allowed.push(method.clone());
                    }
                }
            }
        }
        Err(NoRoute::MethodNotAllowed(allowed))
    }
}

#[cfg(test)]
mod tests {
    use hyper::Request;
    use proptest::prelude::*;

    use super::*;
    use crate::http::route::Pattern;

    fn route(host: Option<&str>, path: &str, methods: &[Method]) -> RouteMatch {
        let path = match path.contains('{') {
            true => PathMatch::Pattern(Pattern::parse(path).unwrap()),
            false => PathMatch::Prefix(path.to_owned()),
        };
        RouteMatch { host: host.map(str::to_owned), path, methods: methods.to_vec() }
    }

    fn request(method: Method, host: &str, path: &str) -> Parts {
        Request::builder().method(method).uri(path).header("host", host).body(()).unwrap().into_parts().0
    }

    #[test]
    fn the_first_route_that_takes_a_request_has_it() {
        let table = Table::new(vec![
            route(Some("a.example"), "/", &[Method::POST]),
            route(None, "/users/{id}", &[]),
            route(None, "/users", &[Method::GET]),
            route(None, "/", &[]),
        ]);
        let find = |method, host, path| table.find(&request(method, host, path));
        assert_eq!(find(Method::POST, "A.example:8080", "/users/1"), Ok(0));
        assert_eq!(find(Method::GET, "a.example", "/users/1"), Ok(1));
        assert_eq!(find(Method::GET, "b.example", "/users"), Ok(2));
        assert_eq!(find(Method::PUT, "b.example", "/users"), Ok(3));
    }

    #[test]
    fn a_request_with_another_method_is_told_which_there_are() {
        let table = Table::new(vec![
            route(None, "/a", &[Method::GET, Method::HEAD]),
            route(None, "/a/b", &[Method::PUT, Method::GET]),
            route(None, "/c", &[Method::DELETE]),
        ]);
        let allowed = vec![Method::GET, Method::HEAD, Method::PUT];
        assert_eq!(table.find(&request(Method::POST, "h", "/a/b")), Err(NoRoute::MethodNotAllowed(allowed)));
        assert_eq!(table.find(&request(Method::POST, "h", "/ab")), Err(NoRoute::NotFound));
    }

    #[test]
    fn hosts_are_compared_without_port_and_case() {
        let takes = |own, host| route(Some(own), "/", &[]).takes(host, &Method::GET, Path::new("/")) == Match::Yes;
        assert!(takes("example.com", Some("EXAMPLE.com:80")));
        assert!(takes("example.com", Some("example.com.")));
        assert!(!takes("example.com", Some("example.com.evil")));
        assert!(!takes("example.com", None));
        assert!(takes("[::1]", Some("[::1]:8080")));
        assert!(takes("*.example.com", Some("A.b.Example.com:1")));
        assert!(!takes("*.example.com", Some("example.com")));
        assert!(!takes("*.example.com", Some("badexample.com")));
        assert!(!takes("*.example.com", Some(".example.com")));
    }

    #[test]
    fn the_authority_of_the_target_stands_for_the_host() {
        let table = Table::new(vec![route(Some("a"), "/x", &[])]);
        assert_eq!(table.find(&request(Method::GET, "b", "http://a/x")), Ok(0));
        assert_eq!(table.find(&request(Method::GET, "a", "http://b/x")), Err(NoRoute::NotFound));
    }

    #[test]
    fn no_route_has_what_is_no_path() {
        let table = Table::new(vec![route(None, "/", &[])]);
        assert_eq!(table.find(&request(Method::OPTIONS, "h", "*")), Err(NoRoute::NotFound));
    }

    proptest! {
        #[test]
        fn the_route_found_is_the_first_that_takes_the_request(
            routes in prop::collection::vec((0..4usize, 0..5usize, 0..3usize), 0..6),
            asked in (0..3usize, 0..5usize, 0..3usize),
        ) {
            let hosts = [None, Some("a"), Some("*.a"), Some("b")];
            let paths = ["/", "/a", "/a/b", "/{x}", "/{x}/b"];
            let methods: [&[Method]; 3] = [&[], &[Method::GET], &[Method::PUT, Method::POST]];
            let routes: Vec<_> =
                routes.into_iter().map(|(host, path, method)| route(hosts[host], paths[path], methods[method])).collect();
            let (host, path) = (["a", "b", "x.a"][asked.0], ["/", "/a", "/a/b", "/%61/b", "/c"][asked.1]);
            let method = [Method::GET, Method::PUT, Method::PATCH][asked.2].clone();
            let all: Vec<_> =
                routes.iter().map(|route| route.takes(Some(host), &method, Path::new(path))).collect();
            let found = Table::new(routes).find(&request(method, host, path));
            match all.iter().position(|&taken| taken == Match::Yes) {
                Some(place) => prop_assert_eq!(found, Ok(place)),
                None if all.contains(&Match::OtherMethod) => {
                    prop_assert!(matches!(found, Err(NoRoute::MethodNotAllowed(allowed)) if !allowed.is_empty()));
                }
                None => prop_assert_eq!(found, Err(NoRoute::NotFound)),
            }
        }
    }
}
