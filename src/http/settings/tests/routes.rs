//! What becomes of routes: their paths, their upstreams, their dispatchers.

use super::*;

fn names(text: &str) -> Vec<String> {
    proxy(text).routes.into_iter().map(|route| route.dispatcher).collect()
}

#[test]
fn routes_are_shown_as_they_match() {
    let text = r#"routes = [
        { path = "/users/{id}/orders", host = "*.example.com", methods = [get, head], upstreams = ["http://a", "https://b:1"] }
        { path-prefix = "/v1/", dns = "http://orders.internal", dispatcher = orders }
        { upstreams = ["http://[::1]:9000"] }
    ]"#;
    let shown: Vec<_> = proxy(text).routes.iter().map(RouteSettings::to_string).collect();
    let expected = [
        "GET,HEAD *.example.com/users/{id}/orders -> http://a, https://b:1 (dispatcher users-{id}-orders)",
        "/v1/* -> dns http://orders.internal:80 (dispatcher orders)",
        "/* -> http://[::1]:9000 (dispatcher default)",
    ];
    assert_eq!(shown, expected);
}

#[test]
fn a_dispatcher_has_the_settings_of_its_name() {
    let text = r#"kanaloa {
        default-dispatcher.queue.capacity = 5
        dispatchers { api-orders.queue.capacity = 7, search.queue.capacity = 8 }
        proxy.routes = [
          { path-prefix = "/api/orders", upstreams = ["http://a"] }
          { path-prefix = "/find", dispatcher = search, upstreams = ["http://a"] }
          { upstreams = ["http://a"] }
        ]
      }"#;
    let read = parsed(text).routes.into_iter().map(|route| (route.dispatcher, route.settings.queue.capacity));
    let expected = [("api-orders", 7), ("search", 8), ("default", 5)].map(|(name, size)| (name.to_owned(), size));
    assert_eq!(read.collect::<Vec<_>>(), expected);
}

#[test]
fn a_prefix_is_stripped_and_a_pattern_filled_in() {
    assert_eq!(
        route("path-prefix = \"/api/\", strip-prefix = on").rewrite,
        Some(Rewrite::StripPrefix("/api".to_owned()))
    );
    let pattern = crate::http::route::Pattern::parse("/v2/{user}/{id}").unwrap();
    assert_eq!(
        route(r#"path = "/users/{user}/orders/{id}", rewrite = "/v2/{user}/{id}""#).rewrite,
        Some(Rewrite::Pattern(pattern))
    );
}

#[test]
fn what_a_route_says_itself_hides_what_excludes_it_in_the_default() {
    let text = r#"
        default-route { path-prefix = "/api", dns = "http://orders.internal" }
        routes = [{ path = "/users/{id}", upstreams = ["http://a"] }, { upstreams = ["http://b"] }, { path-prefix = "/c" }]"#;
    let shown: Vec<_> = proxy(text).routes.iter().map(RouteSettings::to_string).collect();
    let expected = [
        "/users/{id} -> http://a (dispatcher users-{id})",
        "/api/* -> http://b (dispatcher api)",
        "/c/* -> dns http://orders.internal:80 (dispatcher c)",
    ];
    assert_eq!(shown, expected);
}

#[test]
fn files_lie_over_each_other_and_include() {
    let files = Files::new("layers");
    let first = files.with("1.conf", "include \"part\"\nkanaloa.proxy { max-headers = 7, max-connections = 8 }");
    let first_route = "routes = [{ path-prefix = /a, upstreams = [\"http://a:9000\"] }]";
    files.with("part.conf", &format!("kanaloa.proxy {{ max-headers = 6, idle-timeout = 1s, {first_route} }}"));
    let second = files.with("2.conf", "kanaloa.proxy { max-connections = 9, routes += { path-prefix = /b, dns = ${where} } }\nwhere = \"http://b.internal\"");
    let settings = ProxySettings::load([&first, &second], &CommandLine::default()).unwrap();
    let server = &settings.server;
    assert_eq!((server.max_headers, server.max_connections, server.idle_timeout.as_secs()), (7, 9, 1));
    let routes: Vec<_> = settings.routes.iter().map(RouteSettings::to_string).collect();
    assert_eq!(routes, ["/a/* -> http://a:9000 (dispatcher a)", "/b/* -> dns http://b.internal:80 (dispatcher b)"]);
}

#[test]
fn names_that_are_not_said_come_from_paths() {
    let text = r#"routes = [
        { path-prefix = "/a/b/", upstreams = ["http://a"] }
        { path = "/{x}", upstreams = ["http://a"] }
        { upstreams = ["http://a"] }
    ]"#;
    assert_eq!(names(text), ["a-b", "{x}", "default"]);
}

#[test]
fn what_others_read_is_no_matter_to_them() {
    let text = "kanaloa.proxy { listen = nowhere, what = ever, routes = 3 }";
    let settings = crate::config::Settings::parse("app.conf", text).unwrap();
    assert_eq!(settings, crate::config::Settings::reference());
}

#[test]
fn a_route_that_gets_no_request_is_refused() {
    // What comes first, what comes after it, and whether that is left anything.
    let cases = [
        ("path-prefix = /", "path-prefix = /a", false),
        ("path-prefix = /a", "path-prefix = /a/b", false),
        ("path-prefix = /a", "path-prefix = /", true),
        ("path-prefix = /a", "path-prefix = /ab", true),
        ("path-prefix = /a", "path = \"/a/{b}\"", false),
        ("path-prefix = /a/b", "path = \"/a/{b}\"", true),
        ("path = \"/a/{b}\"", "path = \"/a/{c}\"", false),
        ("path = \"/a/{b}\"", "path = \"/a/b\"", false),
        ("path = \"/a/b\"", "path = \"/a/{b}\"", true),
        ("path = \"/a/{b}\"", "path = \"/a/{b}/c\"", true),
        ("path = \"/a/{b}\"", "path-prefix = /a", true),
        ("host = a", "host = b", true),
        ("host = a", "host = a", false),
        ("host = a", "path-prefix = /", true),
        ("methods = [GET]", "methods = [GET, POST]", true),
        ("methods = [GET]", "path-prefix = /", true),
        ("methods = [GET, POST]", "methods = [POST]", false),
        ("path-prefix = /", "methods = [POST]", false),
    ];
    for (first, second, is_left) in cases {
        let route = |text: &str, name: &str| format!("{{ upstreams = [\"http://a\"], dispatcher = {name}, {text} }}");
        let text = format!("kanaloa.proxy.routes = [{}\n{}]", route(first, "first"), route(second, "second"));
        let read = ProxySettings::parse("app.conf", &text, &CommandLine::default());
        let hidden = read.err().map(|error| error.to_string().contains("expected a route that comes before"));
        assert_eq!(hidden, (!is_left).then_some(true), "{text}");
    }
    assert_eq!(
        refused(
            "kanaloa.proxy.routes = [{ upstreams = [\"http://a\"] }\n{ upstreams = [\"http://a\"], path-prefix = /a }]"
        ),
        "app.conf:2: kanaloa.proxy.routes.1: expected a route that comes before kanaloa.proxy.routes.0, which takes all its \
         requests, found /a/* after it"
    );
}

#[test]
fn routes_may_be_brought_and_share_what_is_written_once() {
    let text = r#"
      common { priority = 1, upstreams = ["http://a"] }
      first = [${common} { path-prefix = "/a" }]
      kanaloa.proxy.routes = ${first} [${common} { path-prefix = "/b", priority = 9 }]"#;
    assert_eq!(refused(text), "app.conf:4: kanaloa.proxy.routes.1.priority: expected a class from 0 to 5, found 9");
    let routes = parsed(&text.replace('9', "2")).routes;
    let read: Vec<_> = routes.iter().map(|route| (route.dispatcher.as_str(), route.priority.class())).collect();
    assert_eq!(read, [("a", 1), ("b", 2)]);
}
