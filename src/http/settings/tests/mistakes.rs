//! What is reported for keys and values that are wrong.

use super::*;

/// The report for `text` inside `kanaloa.proxy` beside a sound route, without the place and that path.
fn refused_inside(text: &str) -> String {
    let report = refused(&format!("kanaloa.proxy {{ {text}, {ROUTE} }}"));
    report.strip_prefix("app.conf:1: kanaloa.proxy.").unwrap_or(&report).to_owned()
}

/// The same for `text` in a route.
fn refused_in_route(text: &str) -> String {
    let report = refused(&format!("kanaloa.proxy.routes = [{{ upstreams = [\"http://a\"], {text} }}]"));
    report.strip_prefix("app.conf:1: kanaloa.proxy.routes.0.").unwrap_or(&report).to_owned()
}

const TIMER: &str = "a duration such as 500ms, from 1ms to 8760h";

#[test]
fn unknown_keys_and_what_was_meant() {
    let cases = [
        ("lisen = \"127.0.0.1:1\"", "lisen: unknown key; did you mean listen?"),
        ("maxHeaders = 7", "maxHeaders: unknown key; did you mean max-headers?"),
        ("default-route.pathPrefix = /a", "default-route.pathPrefix: unknown key; did you mean path-prefix?"),
        ("default-route.upstream.maxIdle = 1", "default-route.upstream.maxIdle: unknown key; did you mean max-idle?"),
        ("tls.cert = a", "tls.cert: unknown key"),
        ("colour = red", "colour: unknown key"),
    ];
    for (text, expected) in cases {
        assert_eq!(refused_inside(text), expected);
    }
    assert_eq!(refused_in_route("methds = [GET]"), "methds: unknown key; did you mean methods?");
    assert_eq!(refused("kanaloa.prxy { routes = [] }"), "app.conf:1: kanaloa.prxy: unknown key; did you mean proxy?");
}

#[test]
fn values_of_the_proxy() {
    let address = "an address with a port, such as 127.0.0.1:8080";
    let both = "both certificate and key, or neither";
    let cases = [
        ("listen = 8080", format!("listen: expected {address}, found 8080")),
        ("listen = \"localhost:8080\"", format!("listen: expected {address}, found \"localhost:8080\"")),
        ("listen = none", format!("listen: expected {address}, found \"none\"")),
        ("admin = somewhere", format!("admin: expected {address}, or none, found \"somewhere\"")),
        (
            "admin = \"127.0.0.1:8080\"",
            "admin: expected addresses of listen and admin that can both be had, found 127.0.0.1:8080 and 127.0.0.1:8080"
                .into(),
        ),
        (
            "listen = \"0.0.0.0:8081\"",
            "listen: expected addresses of listen and admin that can both be had, found 0.0.0.0:8081 and 127.0.0.1:8081"
                .into(),
        ),
        ("threads = 0", "threads: expected auto, or a whole number from 1 to 1024, found 0".into()),
        ("threads = 1025", "threads: expected auto, or a whole number from 1 to 1024, found 1025".into()),
        ("tls.certificate = a", format!("tls.certificate: expected {both}, found no key")),
        ("tls.key = a", format!("tls.key: expected {both}, found no certificate")),
        ("tls = on", "tls: expected an object, found \"on\"".into()),
        ("max-connections = 0", "max-connections: expected a whole number from 1 to 10000000, found 0".into()),
        ("header-timeout = 0", format!("header-timeout: expected {TIMER}, found 0")),
        ("idle-timeout = 999us", format!("idle-timeout: expected {TIMER}, found \"999us\"")),
        ("request-body-idle-timeout = soon", format!("request-body-idle-timeout: expected {TIMER}, found \"soon\"")),
        ("write-timeout = 366d", format!("write-timeout: expected {TIMER}, found \"366d\"")),
        ("max-uri-length = 65535", "max-uri-length: expected a number of bytes from 1 to 65534, found 65535".into()),
        (
            "max-header-size = 4K",
            "max-header-size: expected a number of bytes from 8192 to 16777216, found \"4K\"".into(),
        ),
        ("max-headers = 0", "max-headers: expected a whole number from 1 to 10000, found 0".into()),
        (
            "max-concurrent-streams = 0",
            "max-concurrent-streams: expected a whole number from 1 to 100000, found 0".into(),
        ),
        (
            "drain-timeout = never",
            "drain-timeout: expected a duration such as 500ms, from 0 to 8760h, found \"never\"".into(),
        ),
        ("default-route = 3", "default-route: expected an object, found 3".into()),
    ];
    for (text, expected) in cases {
        assert_eq!(refused_inside(text), expected, "{text}");
    }
}

#[test]
fn values_of_a_route() {
    let statuses = "a status from 200 to 599";
    let class = "a class from 0 to 5";
    let cases = [
        ("path-prefix = api", format!("path-prefix: expected {}, found \"api\"", values::PREFIX)),
        ("path-prefix = \"/a?b\"", format!("path-prefix: expected {}, found \"/a?b\"", values::PREFIX)),
        ("path-prefix = \"/a/../b\"", format!("path-prefix: expected {}, found \"/a/../b\"", values::PREFIX)),
        ("path-prefix = \"/a//b\"", format!("path-prefix: expected {}, found \"/a//b\"", values::PREFIX)),
        ("path-prefix = \"/a/{b}\"", format!("path-prefix: expected {}, found \"/a/{{b}}\"", values::PREFIX)),
        ("path-prefix = none", format!("path-prefix: expected {}, found \"none\"", values::PREFIX)),
        (
            "path = \"/a?b={c}\"",
            "path: expected a path such as /users/{id}, found \"/a?b={c}\": it has more than a path".into(),
        ),
        ("path = [a]", "path: expected a path such as /users/{id}, found a list".into()),
        ("path = \"/a\", path-prefix = \"/a\"", "path-prefix: expected either path or path-prefix, found both".into()),
        ("host = \"a:80\"", format!("host: expected {}, or none, found \"a:80\"", values::HOST)),
        ("host = \"*.*.a\"", format!("host: expected {}, or none, found \"*.*.a\"", values::HOST)),
        ("methods = GET", "methods: expected a list, found \"GET\"".into()),
        ("methods = [\"GE T\"]", "methods.0: expected a method such as GET, found \"GE T\"".into()),
        (
            "dns = \"http://b\"",
            "dns: expected either upstreams, such as [\"http://10.0.0.1:9000\"], or dns, such as \
          \"http://orders.internal:8080\", found both"
                .into(),
        ),
        ("dispatcher = \"\"", "dispatcher: expected a name, or none, found \"\"".into()),
        ("retry-idempotent = maybe", "retry-idempotent: expected on or off, found \"maybe\"".into()),
        ("retry-others = 1", "retry-others: expected on or off, found 1".into()),
        ("retry-buffer = 2G", "retry-buffer: expected a number of bytes from 0 to 1073741824, found \"2G\"".into()),
        ("beyond-retry-buffer = drop", "beyond-retry-buffer: expected send-once or refuse, found \"drop\"".into()),
        (
            "max-request-body = big",
            "max-request-body: expected a number of bytes such as 10M, or none, found \"big\"".into(),
        ),
        ("failure-statuses = [5xx]", format!("failure-statuses.0: expected {statuses}, found \"5xx\"")),
        ("failure-statuses = [500, 199]", format!("failure-statuses.1: expected {statuses}, found 199")),
        ("max-hold = none", "max-hold: expected a duration such as 500ms, from 0 to 8760h, found \"none\"".into()),
        ("host-header = \"a b\"", format!("host-header: expected {}, found \"a b\"", values::HOST_HEADER)),
        ("host-header = \"http://a\"", format!("host-header: expected {}, found \"http://a\"", values::HOST_HEADER)),
        ("forwarded = drop", "forwarded: expected replace, append, keep or remove, found \"drop\"".into()),
        ("priority = 6", format!("priority: expected {class}, found 6")),
        ("priority = high", format!("priority: expected {class}, found \"high\"")),
        (
            "priority-header = \"x tier\"",
            "priority-header: expected the name of a header, an object with name and values, or none, found \"x tier\""
                .into(),
        ),
        (
            "priority-header { name = x-tier, values { gold = 6 } }",
            format!("priority-header.values.gold: expected {class}, found 6"),
        ),
        (
            "priority-header { values { gold = 1 } }",
            "priority-header.name: expected the name of a header, found nothing".into(),
        ),
        (
            "priority-header { name = x, value { a = 1 } }",
            "priority-header.value: unknown key; did you mean values?".into(),
        ),
        ("user-header = \"x:user\"", "user-header: expected the name of a header, or none, found \"x:user\"".into()),
        ("request-headers = none", "request-headers: expected all, or a list of names, found \"none\"".into()),
        ("request-headers = [\"a b\"]", "request-headers.0: expected the name of a header, found \"a b\"".into()),
        ("query-parameters = [\"\"]", "query-parameters.0: expected a text that is not empty, found \"\"".into()),
        (
            "strip-prefix = on, path = \"/a\"",
            "strip-prefix: expected a path-prefix to strip, found a path: rewrite is for that".into(),
        ),
        ("strip-prefix = on, rewrite = \"/a\"", "rewrite: expected either rewrite or strip-prefix, found both".into()),
        ("path = \"/a/{b}\", rewrite = \"/{c}\"", "rewrite: expected parameters that path has too, found {c}".into()),
        ("rewrite = \"/{c}\"", "rewrite: expected no parameters, which only path could have, found {c}".into()),
        ("upstream.http = http3", "upstream.http: expected http1 or http2, found \"http3\"".into()),
        ("upstream.connect-timeout = 0", format!("upstream.connect-timeout: expected {TIMER}, found 0")),
        ("upstream.idle-timeout = 0", format!("upstream.idle-timeout: expected {TIMER}, found 0")),
        ("upstream.max-idle = -1", "upstream.max-idle: expected a whole number from 0 to 1000000, found -1".into()),
        ("upstream.body-idle-timeout = 0", format!("upstream.body-idle-timeout: expected {TIMER}, found 0")),
        ("upstream.ca = [a]", "upstream.ca: expected the path of a file, or none, found a list".into()),
    ];
    for (text, expected) in cases {
        assert_eq!(refused_in_route(text), expected, "{text}");
    }
    // What exactly is wrong with a pattern is said by who knows patterns.
    for (key, text) in [("path", "users"), ("path", "/a{b}"), ("rewrite", "/{a}/{a}")] {
        let report = refused_in_route(&format!("{key} = \"{text}\""));
        let start = format!("{key}: expected a path such as /users/{{id}}, found \"{text}\": ");
        assert!(report.starts_with(&start) && !report.contains('\n'), "{report}");
    }
}

#[test]
fn where_requests_go() {
    let url = values::UPSTREAM;
    let name = values::DNS;
    let neither =
        "either upstreams, such as [\"http://10.0.0.1:9000\"], or dns, such as \"http://orders.internal:8080\"";
    let cases = [
        ("upstreams = [\"a:9000\"]", format!(".upstreams.0: expected {url}, found \"a:9000\"")),
        ("upstreams = [\"ftp://a\"]", format!(".upstreams.0: expected {url}, found \"ftp://a\"")),
        ("upstreams = [\"http://a/b\"]", format!(".upstreams.0: expected {url}, found \"http://a/b\"")),
        ("upstreams = [\"http://a?b\"]", format!(".upstreams.0: expected {url}, found \"http://a?b\"")),
        ("upstreams = [\"http://u@a\"]", format!(".upstreams.0: expected {url}, found \"http://u@a\"")),
        ("upstreams = [\"http://\"]", format!(".upstreams.0: expected {url}, found \"http://\"")),
        ("upstreams = [\"http://a:0\"]", format!(".upstreams.0: expected {url}, found \"http://a:0\"")),
        ("upstreams = [\"http://a:65536\"]", format!(".upstreams.0: expected {url}, found \"http://a:65536\"")),
        ("upstreams = [3]", format!(".upstreams.0: expected {url}, found 3")),
        ("upstreams = \"http://a\"", ".upstreams: expected a list, found \"http://a\"".into()),
        (
            "upstreams = [\"http://a:9000\", \"HTTP://A:9000/\"]",
            ".upstreams.1: expected each upstream once, found \"HTTP://A:9000/\"".into(),
        ),
        ("dns = \"http://10.0.0.1:9000\"", format!(".dns: expected {name}, found \"http://10.0.0.1:9000\"")),
        ("dns = \"http://[::1]:9000\"", format!(".dns: expected {name}, found \"http://[::1]:9000\"")),
        ("dns = orders", format!(".dns: expected {name}, found \"orders\"")),
        ("priority = 1", format!(": expected {neither}, found neither")),
    ];
    for (text, expected) in cases {
        let report = refused(&format!("kanaloa.proxy.routes = [{{ {text} }}]"));
        assert_eq!(report, format!("app.conf:1: kanaloa.proxy.routes.0{expected}"));
    }
}

#[test]
fn two_routes_with_one_dispatcher() {
    let own = "a dispatcher that no other route has: set `dispatcher` to its name";
    let text = "kanaloa.proxy.routes = [
        { upstreams = [\"http://a\"], host = a }
        { upstreams = [\"http://a\"] }
        { upstreams = [\"http://a\"], path-prefix = /c
          dispatcher = default }
      ]";
    assert_eq!(
        refused(text),
        format!(
            "app.conf:3: kanaloa.proxy.routes.1: expected {own}, found \"default\", which is that of kanaloa.proxy.routes.0\n\
             app.conf:5: kanaloa.proxy.routes.2.dispatcher: expected {own}, found \"default\", which is that of \
             kanaloa.proxy.routes.0"
        )
    );
}

#[test]
fn everything_is_reported_at_once_where_it_stands() {
    let text = "
kanaloa {
  default-dispatcher.queue.capacity = 0
  proxy {
    max-headers = 0
    default-route.priority = 9
    routes = [
      {
        upstreams = [\"http://a\"]
        priority = 1
        methods = [\"\"]
      }
      {
        path-prefix = b
        upstreams = []
        upstream.max-idel = 1
      }
    ]
  }
}";
    let expected = [
        "app.conf:3: kanaloa.default-dispatcher.queue.capacity: expected at least 1, found 0".to_owned(),
        "app.conf:5: kanaloa.proxy.max-headers: expected a whole number from 1 to 10000, found 0".to_owned(),
        "app.conf:6: kanaloa.proxy.default-route.priority: expected a class from 0 to 5, found 9".to_owned(),
        "app.conf:11: kanaloa.proxy.routes.0.methods.0: expected a method such as GET, found \"\"".to_owned(),
        format!("app.conf:14: kanaloa.proxy.routes.1.path-prefix: expected {}, found \"b\"", values::PREFIX),
        "app.conf:14: kanaloa.proxy.routes.1: expected either upstreams, such as [\"http://10.0.0.1:9000\"], or dns, such \
         as \"http://orders.internal:8080\", found neither"
            .to_owned(),
        "app.conf:16: kanaloa.proxy.routes.1.upstream.max-idel: unknown key; did you mean max-idle?".to_owned(),
    ];
    assert_eq!(
        refused(text),
        expected.join(
            "
"
        )
    );
}

#[test]
fn routes_that_are_none() {
    assert_eq!(
        refused("kanaloa.proxy.routes = 3"),
        "app.conf:1: kanaloa.proxy.routes: expected a list of routes, found 3"
    );
    assert_eq!(
        refused("kanaloa.proxy.routes = [3]"),
        "app.conf:1: kanaloa.proxy.routes.0: expected an object, found 3"
    );
    assert_eq!(refused("kanaloa.proxy = 3"), "app.conf:1: kanaloa.proxy: expected an object, found 3");
    assert_eq!(refused("kanaloa.proxy.routes = ${gone}"), "app.conf:1: kanaloa.proxy.routes: ${gone} has no value");
}
