//! What the command line says over files.

use super::*;

fn command(upstreams: &[&str]) -> CommandLine {
    CommandLine { upstreams: upstreams.iter().map(|url| (*url).to_owned()).collect(), ..CommandLine::default() }
}

fn with(text: &str, overrides: &CommandLine) -> Result<ProxySettings, String> {
    ProxySettings::parse("app.conf", text, overrides).map_err(|error| error.to_string())
}

#[test]
fn addresses_and_threads_lie_over_files() {
    let overrides = CommandLine {
        listen: Some("127.0.0.1:1".parse().unwrap()),
        admin: Some("127.0.0.1:2".parse().unwrap()),
        threads: Some(3),
        upstreams: Vec::new(),
    };
    let text = format!("kanaloa.proxy {{ listen = \"0.0.0.0:80\", admin = none, threads = auto, {ROUTE} }}");
    let settings = with(&text, &overrides).unwrap();
    assert_eq!(settings.listen, "127.0.0.1:1".parse().unwrap());
    assert_eq!((settings.admin, settings.threads), (Some("127.0.0.1:2".parse().unwrap()), 3));
}

#[test]
fn upstreams_make_one_route_over_the_default() {
    let text = "kanaloa { proxy.default-route.priority = 1, dispatchers.default.queue.capacity = 7 }";
    let settings = with(text, &command(&["http://a:9000", "http://b:9000"])).unwrap();
    let [route] = settings.routes.as_slice() else { panic!("{:?}", settings.routes) };
    assert_eq!(route.to_string(), "/* -> http://a:9000, http://b:9000 (dispatcher default)");
    assert_eq!((route.priority.class(), route.settings.queue.capacity), (1, 7));
    assert_eq!(with("", &command(&["http://a:9000", "http://b:9000"])).unwrap().routes.len(), 1);
}

#[test]
fn what_is_wrong_with_it_names_the_option() {
    let not_both = "leave them out, or write the upstreams there";
    let cases = [
        (
            format!("\nkanaloa.proxy {{\n{ROUTE} }}"),
            command(&["http://a"]),
            format!("--upstream: there are routes in app.conf:3 (kanaloa.proxy.routes) as well: {not_both}"),
        ),
        (
            String::new(),
            command(&["http://a", "a:9000", "http://A:80/", "http://a/b"]),
            format!(
                "--upstream: expected {0}, found \"a:9000\"\n\
                 --upstream: expected each upstream once, found \"http://A:80/\"\n\
                 --upstream: expected {0}, found \"http://a/b\"",
                values::UPSTREAM
            ),
        ),
        (
            format!("kanaloa.proxy {{ {ROUTE} }}"),
            CommandLine { threads: Some(0), ..CommandLine::default() },
            "--threads: kanaloa.proxy.threads: expected auto, or a whole number from 1 to 1024, found \"0\"".to_owned(),
        ),
        (
            format!("kanaloa.proxy {{ {ROUTE} }}"),
            CommandLine { listen: Some("127.0.0.1:8081".parse().unwrap()), ..CommandLine::default() },
            "--listen: kanaloa.proxy.listen: expected addresses of listen and admin that can both be had, \
             found 127.0.0.1:8081 and 127.0.0.1:8081"
                .to_owned(),
        ),
    ];
    for (text, overrides, expected) in cases {
        assert_eq!(with(&text, &overrides).unwrap_err(), expected);
    }
}

#[test]
fn no_route_at_all_says_what_to_write() {
    let expected = "kanaloa.proxy.routes: expected routes, such as [{ upstreams = [\"http://127.0.0.1:9000\"] }], or \
                    --upstream http://127.0.0.1:9000 on the command line, found none";
    for text in ["", "kanaloa.proxy.listen = \"127.0.0.1:1\"", "kanaloa.proxy.routes = []"] {
        assert_eq!(refused(text), expected);
    }
}

#[test]
fn files_without_a_proxy_have_none_to_be_found() {
    let files = Files::new("find");
    let of_others = files.with("others.conf", "kanaloa.default-dispatcher.queue.capacity = 0\nakka.loglevel = DEBUG");
    assert_eq!(ProxySettings::find([&of_others]).unwrap(), None);
    // The command line may bring what there is to proxy.
    let without_routes = files.with("without.conf", "kanaloa.proxy.max-headers = 7");
    let found = ProxySettings::find([&without_routes]).unwrap().unwrap();
    assert_eq!((found.server.max_headers, found.routes), (7, Vec::new()));
    let wrong = files.with("wrong.conf", "kanaloa.proxy.max-headers = 0");
    let error = ProxySettings::find([&wrong, &of_others]).unwrap_err().to_string();
    let expected = [
        format!("{}:1: kanaloa.proxy.max-headers: expected a whole number from 1 to 10000, found 0", wrong.display()),
        format!("{}:1: kanaloa.default-dispatcher.queue.capacity: expected at least 1, found 0", of_others.display()),
    ];
    assert_eq!(error, expected.join("\n"));
}
