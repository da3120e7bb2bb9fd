//! Routes by host, and upstreams by name.

use super::support::{Proxy, Upstream, Wire, get, ok};

#[test]
fn each_host_has_its_route() {
    let (one, other) = (Upstream::answering(|_, _| ok("one")), Upstream::answering(|_, _| ok("other")));
    let proxy = Proxy::start(&format!(
        "proxy.routes = [ {{ host = one.example, dispatcher = one, upstreams = [\"http://{}\"] }},\n\
         {{ host = \"*.example\", dispatcher = other, upstreams = [\"http://{}\"] }} ]",
        one.address, other.address
    ));
    for (host, expected) in
        [("one.example", "one"), ("ONE.example:8080", "one"), ("two.example", "other"), ("a.one.example", "other")]
    {
        assert_eq!(proxy.ask(&format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n")).text(), expected, "{host}");
    }
    for host in ["example", "one.example.org"] {
        assert_eq!(proxy.ask(&format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n")).said(), (404, "no-route"), "{host}");
    }
    let status = proxy.status();
    assert_eq!(status["routes"][0]["requests"]["received"], 2);
    assert_eq!(status["routes"][1]["requests"]["received"], 2);
}

/// `localhost` is in the hosts file of nearly every machine; where it is ::1 as well, nobody listens there.
#[test]
fn a_dns_name_leads_to_its_addresses() {
    let upstream = Upstream::answering(|head, _| ok(head.get("host").unwrap_or("none")));
    let port = upstream.address.port();
    let proxy = Proxy::start(&format!(
        "proxy.routes = [{{ dns = \"http://localhost:{port}\", host-header = upstream }}]\n\
         dispatchers.default {{ work-settings {{ work-retry = 1, retry-budget.enabled = off }} }}"
    ));
    proxy.until("127.0.0.1 is found", |status| {
        let upstreams = status["routes"][0]["upstreams"].as_array().expect("a list");
        upstreams
            .iter()
            .any(|upstream| upstream["name"] == format!("127.0.0.1:{port}") && upstream["state"] == "running")
    });
    assert_eq!(proxy.ask(&get("/")).text(), format!("localhost:{port}"));
}

/// A name that leads nowhere: nothing is there to take requests, and clients are told so.
#[test]
fn a_dns_name_without_addresses_is_no_handlers() {
    let proxy = Proxy::start("proxy.routes = [{ dns = \"http://nothing.invalid:80\" }]");
    proxy.until("it is known", |status| status["routes"][0]["state"] == "no-handlers");
    let refused = proxy.ask(&get("/"));
    assert_eq!(refused.said(), (503, "no-handlers"));
    assert_eq!(refused.get("retry-after"), Some("1"));
    let mut admin = Wire::connect(proxy.admin);
    admin.send(get("/readyz"));
    let answer = admin.answer();
    assert_eq!((answer.status, answer.text()), (503, "route default: no upstream\n"));
}
