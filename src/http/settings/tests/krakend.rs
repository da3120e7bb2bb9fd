//! Files that were written for KrakenD.

use std::time::Duration;

use super::*;
use crate::http::route::Pattern;

/// The example of KrakenD's documentation of endpoints.
const DOCUMENTED: &str = r#"{
  "endpoints": [
    {
      "endpoint": "/v1/users/{user}",
      "method": "GET",
      "backend": [
        {
          "url_pattern": "/users/summary/{user}",
          "method": "GET",
          "host": [
            "https://api.mybackend.com"
          ]
        }
      ]
    }
  ]
}"#;

/// Everything that is supported.
const WHOLE: &str = r##"{
  "$schema": "https://www.krakend.io/schema/v2.9/krakend.json",
  "version": 3,
  "name": "shop",
  "port": 9090,
  "listen_ip": "127.0.0.2",
  "timeout": "3s",
  "host": ["http://default:8000"],
  "@comment": { "of": "anything" },
  "endpoints": [
    {
      "endpoint": "/users/{id}",
      "concurrent_calls": 3,
      "timeout": "500ms",
      "input_headers": ["X-User", "accept"],
      "input_query_strings": ["Page"],
      "output_encoding": "no-op",
      "#comment": "of one line",
      "backend": [{
        "host": ["http://a:8000", "b:8001/"],
        "url_pattern": "/users/{id}",
        "encoding": "no-op",
        "disable_host_sanitize": false
      }]
    },
    {
      "endpoint": "/users/{id}",
      "method": "post",
      "input_headers": ["*"],
      "input_query_strings": ["*"],
      "output_encoding": "json",
      "backend": [{ "url_pattern": "v2/{id}", "method": "POST", "encoding": "json" }]
    }
  ]
}"##;

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).unwrap()
}

/// An endpoint with `endpoint` beside its path and `backend` beside its host and path.
fn file(top: &str, endpoint: &str, backend: &str) -> String {
    format!(
        r#"{{ {top}
"endpoints": [{{ "endpoint": "/a/{{id}}", {endpoint}
"backend": [{{ "host": ["http://a"], "url_pattern": "/b/{{id}}", {backend}
}}] }}] }}"#
    )
}

#[test]
fn the_documented_example() {
    let settings = parsed(DOCUMENTED);
    assert_eq!((settings.listen, settings.admin), (proxy(ROUTE).listen, proxy(ROUTE).admin));
    let mut dispatcher = DispatcherSettings::default();
    dispatcher.work.service_timeout = Duration::from_secs(2);
    let expected = RouteSettings {
        dispatcher: "GET /v1/users/{user}".into(),
        settings: dispatcher,
        matches: RouteMatch {
            host: None,
            path: PathMatch::Pattern(pattern("/v1/users/{user}")),
            methods: vec![Method::GET],
        },
        rewrite: Some(Rewrite::Pattern(pattern("/users/summary/{user}"))),
        upstreams: upstreams(&["https://api.mybackend.com"]),
        host_header: HostHeader::Upstream,
        request_headers: Some(vec![HeaderName::from_static("content-type")]),
        query_parameters: Some(Vec::new()),
        ..proxy(ROUTE).routes.remove(0)
    };
    assert_eq!(settings.routes, [expected]);
}

#[test]
fn all_that_is_supported() {
    let settings = parsed(WHOLE);
    assert_eq!(settings.listen, "127.0.0.2:9090".parse().unwrap());
    let shown: Vec<_> = settings.routes.iter().map(RouteSettings::to_string).collect();
    let expected = [
        "GET /users/{id} -> http://a:8000, http://b:8001 (dispatcher GET /users/{id})",
        "POST /users/{id} -> http://default:8000 (dispatcher POST /users/{id})",
    ];
    assert_eq!(shown, expected);
    let [get, post] = settings.routes.as_slice() else { panic!("{:?}", settings.routes) };
    assert_eq!((get.settings.work.concurrent_calls, post.settings.work.concurrent_calls), (3, 1));
    let timeouts = [get, post].map(|route| route.settings.work.service_timeout.as_millis());
    assert_eq!(timeouts, [500, 3_000]);
    // What stays as it is is not written anew.
    assert_eq!((&get.rewrite, &post.rewrite), (&None, &Some(Rewrite::Pattern(pattern("/v2/{id}")))));
    assert_eq!(get.request_headers, Some(["x-user", "accept"].map(HeaderName::from_static).into()));
    assert_eq!(get.query_parameters, Some(vec!["Page".into()]));
    assert_eq!((&post.request_headers, &post.query_parameters), (&None, &None));
}

#[test]
fn where_it_listens() {
    let cases = [
        (r#""port": 9000,"#, "", "0.0.0.0:9000"),
        (r#""listen_ip": "::1","#, "", "[::1]:8080"),
        (r#""port": 9000,"#, "kanaloa.proxy.listen = \"127.0.0.1:1\"", "127.0.0.1:1"),
    ];
    for (top, ours, expected) in cases {
        let files = Files::new("krakend-listens");
        let krakend = files.with("krakend.json", &file(top, "", ""));
        let ours = files.with("ours.conf", ours);
        for order in [[&krakend, &ours], [&ours, &krakend]] {
            let settings = ProxySettings::load(order, &CommandLine::default()).unwrap();
            assert_eq!(settings.listen, expected.parse().unwrap(), "{top}");
        }
    }
    let overrides = CommandLine { listen: Some("127.0.0.1:2".parse().unwrap()), ..CommandLine::default() };
    let settings = ProxySettings::parse("krakend.json", &file("\"port\": 9000,", "", ""), &overrides).unwrap();
    assert_eq!(settings.listen, "127.0.0.1:2".parse().unwrap());
}

#[test]
fn what_is_said_in_our_words_holds_for_it_too() {
    let ours = r#"
      kanaloa {
        dispatchers."GET /a/{id}" { queue.capacity = 7, work-settings.service-timeout = 9s }
        proxy.default-route { priority = 1, host-header = preserve }
        proxy.routes = [{ path-prefix = "/own", upstreams = ["http://own"] }]
      }"#;
    let files = Files::new("krakend-ours");
    let load = |krakend: &str| {
        let files = [files.with("krakend.json", krakend), files.with("ours.conf", ours)];
        ProxySettings::load(files, &CommandLine::default()).unwrap().routes
    };
    let routes = load(&file("", "", ""));
    let shown: Vec<_> = routes.iter().map(RouteSettings::to_string).collect();
    assert_eq!(shown, ["/own/* -> http://own (dispatcher own)", "GET /a/{id} -> http://a (dispatcher GET /a/{id})"]);
    let route = &routes[1];
    assert_eq!((route.settings.queue.capacity, route.settings.work.service_timeout.as_secs()), (7, 9));
    assert_eq!((route.priority.class(), &route.host_header), (1, &HostHeader::Preserve));
    // What is written in KrakenD's words is no default.
    for (top, endpoint) in [(r#""timeout": "4s","#, ""), ("", r#""timeout": "4s","#)] {
        assert_eq!(load(&file(top, endpoint, ""))[1].settings.work.service_timeout.as_secs(), 4);
    }
}

#[test]
fn what_only_krakend_does_is_named() {
    let unsupported = |key: &str| {
        format!(
            "{key} is not supported beside endpoints: leave it out if the proxy can do without, or keep KrakenD for it"
        )
    };
    for key in
        ["extra_config", "cache_ttl", "plugin", "tls", "debug_endpoint", "output_encoding", "dns_cache_ttl", "akka"]
    {
        assert_eq!(
            refused(&file(&format!("\"{key}\": {{}},"), "", "")),
            format!("app.conf:1: {key}: {}", unsupported(key))
        );
    }
    for key in ["extra_config", "cache_ttl", "querystring_params", "headers_to_pass"] {
        let expected = format!("app.conf:2: endpoints.0.{key}: {}", unsupported(key));
        assert_eq!(refused(&file("", &format!("\"{key}\": 1,"), "")), expected);
    }
    let of_backends = [
        "extra_config",
        "allow",
        "deny",
        "mapping",
        "group",
        "target",
        "is_collection",
        "sd",
        "sd_scheme",
        "input_headers",
    ];
    for key in of_backends {
        let expected = format!("app.conf:3: endpoints.0.backend.0.{key}: {}", unsupported(key));
        assert_eq!(refused(&file("", "", &format!("\"{key}\": 1"))), expected);
    }
    let misspelt = [
        (file("\"prot\": 1,", "", ""), "1: prot: unknown key; did you mean port?"),
        (
            file("", "\"concurrent_call\": 1,", ""),
            "2: endpoints.0.concurrent_call: unknown key; did you mean concurrent_calls?",
        ),
        (
            file("", "", "\"url_patern\": 1"),
            "3: endpoints.0.backend.0.url_patern: unknown key; did you mean url_pattern?",
        ),
    ];
    for (text, expected) in misspelt {
        assert_eq!(refused(&text), format!("app.conf:{expected}"));
    }
}

#[test]
fn values_that_are_wrong() {
    let timer = "a duration such as 500ms, from 1ms to 8760h";
    let url = values::UPSTREAM;
    let cases = [
        (file("\"version\": 2,", "", ""), "1: version: expected 3, the version of the format since KrakenD 2.0, found 2".into()),
        (
            file("\"port\": 8081,", "", ""),
            "1: port: expected addresses of listen and admin that can both be had, found 0.0.0.0:8081 and 127.0.0.1:8081"
                .into(),
        ),
        (
            file("", "", "\"url_pattern\": \"/b?c={id}\""),
            "3: endpoints.0.backend.0.url_pattern: expected a path such as /users/{id}, found \"/b?c={id}\": it has more \
             than a path"
                .into(),
        ),
        (file("\"port\": 0,", "", ""), "1: port: expected a whole number from 1 to 65535, found 0".into()),
        (file("\"listen_ip\": \"all\",", "", ""), "1: listen_ip: expected an address such as 0.0.0.0, found \"all\"".into()),
        (file("\"timeout\": \"2 weeks\",", "", ""), format!("1: timeout: expected {timer}, found \"2 weeks\"")),
        (file("", "\"timeout\": \"soon\",", ""), format!("2: endpoints.0.timeout: expected {timer}, found \"soon\"")),
        (
            file("", "\"concurrent_calls\": 0,", ""),
            "2: endpoints.0.concurrent_calls: expected a whole number from 1 to 100, found 0".into(),
        ),
        (file("", "\"method\": \"G T\",", ""), "2: endpoints.0.method: expected a method such as GET, found \"G T\"".into()),
        (
            file("", "\"input_headers\": [\"a b\"],", ""),
            "2: endpoints.0.input_headers.0: expected a name, or * for all, found \"a b\"".into(),
        ),
        (
            file("", "\"output_encoding\": \"string\",", ""),
            "2: endpoints.0.output_encoding: expected json or no-op, found \"string\"".into(),
        ),
        (
            file("", "", "\"encoding\": \"xml\""),
            "3: endpoints.0.backend.0.encoding: expected json or no-op, found \"xml\"".into(),
        ),
        (
            file("", "", "\"method\": \"POST\""),
            "3: endpoints.0.backend.0.method: expected GET, the method of the endpoint, since methods are not changed, \
             found \"POST\""
                .into(),
        ),
        (
            file("", "", "\"url_pattern\": \"/b/{other}\""),
            "3: endpoints.0.backend.0.url_pattern: expected parameters that the endpoint has too, found {other}".into(),
        ),
        (
            file("", "", "\"host\": [\"http://a/b\"]"),
            format!("3: endpoints.0.backend.0.host.0: expected {url}, found \"http://a/b\""),
        ),
        (
            file("", "", "\"host\": [\"a\"], \"disable_host_sanitize\": true"),
            format!("3: endpoints.0.backend.0.host.0: expected {url}, found \"a\""),
        ),
        (
            file("", "", "\"host\": []"),
            "3: endpoints.0.backend.0.host: expected a list of hosts, found an empty one".into(),
        ),
        (
            file("", "\"endpoint\": \"/a/*\",", ""),
            "2: endpoints.0.endpoint: expected a path without *, for which kanaloa.proxy.routes has path-prefix, \
             found \"/a/*\""
                .into(),
        ),
        (
            "endpoints = [{ endpoint = /a\n backend = [{ url_pattern = /a }] }]".into(),
            "2: endpoints.0.backend.0.host: expected a list of hosts, found nothing".into(),
        ),
        (
            "endpoints = [{ endpoint = /a, backend = [{ host = [a] }] }]".into(),
            "1: endpoints.0.backend.0.url_pattern: expected a path such as /users/{id}, found nothing".into(),
        ),
        (
            "endpoints = [{ backend = [{ host = [a], url_pattern = / }] }]".into(),
            "1: endpoints.0.endpoint: expected a path such as /users/{id}, found nothing".into(),
        ),
        (
            "endpoints = [{ endpoint = / }]".into(),
            "1: endpoints.0.backend: expected a list of one backend, found nothing".into(),
        ),
        ("endpoints = []".into(), "1: endpoints: expected a list of endpoints, found an empty one".into()),
        (
            "endpoints = [{ endpoint = /, backend = [{}, {}] }]".into(),
            "1: endpoints.0.backend: expected one backend, since answers are not merged: for a choice among equals, \
             several in its host, found 2"
                .into(),
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(refused(&text), format!("app.conf:{expected}"), "{text}");
    }
}

#[test]
fn a_timeout_beyond_that_of_the_dispatcher() {
    let text = "
      kanaloa.default-dispatcher.work-settings { request-timeout = 1s, service-timeout = 500ms }
      endpoints = [
        { endpoint = /, timeout = 2s
          backend = [{ host = [a], url_pattern = / }] }
      ]";
    assert_eq!(
        refused(text),
        "app.conf:4: endpoints.0: expected request-timeout > service-timeout with the work-settings.request-timeout of \
         its dispatcher, found 1s <= 2s"
    );
}

#[test]
fn endpoints_that_are_there_twice() {
    let text = "endpoints = [
      { endpoint = /a, backend = [{ host = [a], url_pattern = / }] }
      { endpoint = /a, backend = [{ host = [b], url_pattern = / }] }
    ]";
    assert_eq!(
        refused(text),
        "app.conf:3: endpoints.1.endpoint: expected an endpoint that is there once, found \"GET /a\", which is that of \
         endpoints.0"
    );
}

#[test]
fn text_comes_before_parameters_whatever_the_order() {
    let paths = ["/{a}/{b}", "/users/{id}", "/users/me", "/{a}/me", "/users"];
    let endpoint = |path: &str| format!("{{ endpoint = \"{path}\", backend = [{{ host = [a], url_pattern = / }}] }}");
    let endpoints: Vec<_> = paths.iter().map(|path| endpoint(path)).collect();
    let routes = parsed(&format!("endpoints = [{}]", endpoints.join("\n"))).routes;
    let names: Vec<_> = routes.iter().map(|route| route.dispatcher.as_str()).collect();
    assert_eq!(names, ["GET /users", "GET /users/me", "GET /users/{id}", "GET /{a}/me", "GET /{a}/{b}"]);
}

#[test]
fn endpoints_of_others_are_none_of_a_proxy() {
    let files = Files::new("krakend-others");
    for text in ["endpoints { search = \"http://a\" }", "endpoints = [a, b]"] {
        assert_eq!(ProxySettings::find([files.with("app.conf", text)]).unwrap(), None);
    }
    assert_eq!(ProxySettings::find([files.with("app.conf", DOCUMENTED)]).unwrap(), Some(parsed(DOCUMENTED)));
}
