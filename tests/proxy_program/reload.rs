//! SIGHUP: other settings while requests come, of which none is lost.

use rustix::process::Signal;

use tokio::net::TcpListener;

use crate::support::{Files, Load, Program, Upstream, Wire, soon};

/// A configuration with these routes, and `more`.
fn conf(routes: &[(&str, &[&Upstream])], more: &str) -> String {
    let routes = routes.iter().map(|(path, upstreams)| {
        let urls: Vec<_> = upstreams.iter().map(|upstream| format!("\"{}\"", upstream.url())).collect();
        format!("{{ path-prefix = {path}, upstreams = [{}] }}", urls.join(", "))
    });
    format!("kanaloa.proxy.routes = [{}]\n{more}", routes.collect::<Vec<_>>().join(", "))
}

#[tokio::test]
async fn nothing_is_lost_while_settings_change() {
    let [a, b, c] = [Upstream::start("a").await, Upstream::start("b").await, Upstream::start("c").await];
    let files = Files::new("reload");
    let change = |text: String| files.with("proxy.conf", &text);
    let file = change(conf(&[("/always", &[&a])], ""));
    let mut program = Program::start(&["--config", &file, "--threads", "1"]).await;
    let mut load = Load::start(program.address, 8, "/always");
    load.further(100).await;

    // An upstream comes.
    change(conf(&[("/always", &[&a, &b])], ""));
    program.reload().await;
    b.wait_for(50).await;

    // One goes.
    change(conf(&[("/always", &[&b])], ""));
    program.reload().await;
    program.line(&format!("handler {}: removed", a.address)).await;
    let left = a.count();
    load.further(200).await;
    assert_eq!(a.count(), left, "it has been removed");

    // A route comes, before that of the load.
    assert_eq!(program.get("/new").await.status(), 404);
    change(conf(&[("/new", &[&c]), ("/always", &[&b])], ""));
    program.reload().await;
    assert_eq!(program.get("/new").await.text(), "c GET /new");
    load.further(200).await;

    // It goes.
    change(conf(&[("/always", &[&b])], ""));
    program.reload().await;
    let answer = program.get("/new").await;
    assert_eq!((answer.status(), answer.header("kanaloa-reason")), (404, Some("no-route")));
    load.further(200).await;

    // The dispatcher is another one.
    let work = "kanaloa.dispatchers.always.work-settings.service-timeout = 7s";
    change(conf(&[("/always", &[&b])], work));
    program.reload().await;
    assert!(program.line("service-timeout").await.contains("service-timeout 7s"), "{}", program.said());
    load.further(200).await;

    // Fewer connections may be there than there are: those stay. The place that was free before may be taken, then none is.
    change(conf(&[("/always", &[&b])], "kanaloa.proxy.max-connections = 4"));
    program.reload().await;
    let mut last = program.connect().await;
    program.line("connections are taken: further ones wait until some close").await;
    let mut waits = program.connect().await;
    waits.send("GET /waits HTTP/1.1\r\nhost: h\r\n\r\n").await;
    assert_eq!(last.get("/last").await.status(), 404);
    load.further(200).await;
    assert_eq!(program.route().await["requests"]["failed"], 0);
    change(conf(&[("/waits", &[&c]), ("/always", &[&b])], "kanaloa.proxy.max-connections = 100"));
    assert_eq!(c.count(), 1, "it is beyond the limit");
    program.reload().await;
    assert_eq!(waits.answer().await.text(), "c GET /waits");

    let answered = load.stop().await;
    assert_eq!(a.count() + b.count(), answered, "each request went out once");
}

#[tokio::test]
async fn what_is_under_way_is_finished_where_it_began() {
    let [a, b, c] = [Upstream::start("a").await, Upstream::start("b").await, Upstream::start("c").await];
    let files = Files::new("reload-under-way");
    let file = files.with("proxy.conf", &conf(&[("/upstream", &[&a]), ("/route", &[&b]), ("/dispatcher", &[&b])], ""));
    let mut program = Program::start(&["--config", &file]).await;
    let mut wires = Vec::new();
    for path in ["/upstream/held", "/route/held", "/dispatcher/held", "/upstream/streamed", "/route/streamed"] {
        let mut wire = program.connect().await;
        wire.send(format!("GET {path} HTTP/1.1\r\nhost: h\r\n\r\n")).await;
        wires.push(wire);
    }
    for wire in &mut wires[3..] {
        assert_eq!(wire.head().await.status(), 200);
        assert!(!wire.chunk().await.is_empty());
    }
    a.wait_for(2).await;
    b.wait_for(3).await;

    // The upstream goes, the route goes, and the dispatcher is another one.
    let work = "kanaloa.dispatchers.dispatcher.work-settings.service-timeout = 7s";
    files.with("proxy.conf", &conf(&[("/upstream", &[&c]), ("/dispatcher", &[&c])], work));
    program.reload().await;
    // An upstream that goes may have one more request while it hears of that.
    soon("the new upstream", async { while program.get("/upstream").await.text() != "c GET /upstream" {} }).await;
    let had = a.count();
    assert_eq!(program.get("/route").await.status(), 404);
    assert_eq!(program.get("/dispatcher").await.text(), "c GET /dispatcher");

    a.go_on();
    b.go_on();
    for (wire, expected) in
        wires.iter_mut().zip(["a GET /upstream/held", "b GET /route/held", "b GET /dispatcher/held"])
    {
        assert_eq!(wire.answer().await.text(), expected);
        // The connection is good for more.
        assert_eq!(wire.get("/upstream").await.text(), "c GET /upstream");
    }
    for wire in &mut wires[3..] {
        assert_eq!(wire.chunk().await, b"the end");
        assert_eq!(wire.chunk().await, b"");
    }
    assert_eq!((a.count(), b.count()), (had, 3));
}

/// The same address, spoken to in another way, is another upstream.
#[tokio::test]
async fn an_upstream_changes_its_scheme() {
    let a = Upstream::start("a").await;
    let files = Files::new("reload-scheme");
    let conf = |scheme: &str| {
        let text =
            format!("kanaloa.proxy.routes = [{{ path-prefix = /, upstreams = [\"{scheme}://{}\"] }}]", a.address);
        files.with("proxy.conf", &text)
    };
    let file = conf("https");
    let mut program = Program::start(&["--config", &file, "--threads", "1"]).await;
    assert_eq!(program.get("/").await.header("kanaloa-reason"), Some("no-connection"));
    conf("http");
    program.reload().await;
    soon("it is spoken to in the clear", async { while program.get("/").await.text() != "a GET /" {} }).await;
}

/// Whether requests may go out twice is a matter of the settings as they are, also where the dispatcher stays.
#[tokio::test]
async fn what_may_not_go_out_twice_any_more_does_not() {
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let files = Files::new("reload-twice");
    let conf = |may: &str| {
        let (address, route) = (upstream.local_addr().unwrap(), format!("retry-idempotent = {may}"));
        let text = format!("kanaloa.proxy.routes = [{{ upstreams = [\"http://{address}\"], {route} }}]");
        files.with("proxy.conf", &text)
    };
    let file = conf("on");
    let mut program = Program::start(&["--config", &file, "--threads", "1"]).await;
    let mut client = program.connect().await;
    client.send("GET /1 HTTP/1.1\r\nhost: h\r\n\r\n").await;
    let mut at_upstream = Wire::new(upstream.accept().await.unwrap().0);
    at_upstream.request().await.unwrap();
    at_upstream.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(client.answer().await.status(), 200);
    conf("off");
    program.reload().await;
    // It closes the idle connection when the next request comes.
    client.send("GET /2 HTTP/1.1\r\nhost: h\r\n\r\n").await;
    at_upstream.request().await.unwrap();
    drop(at_upstream);
    assert_eq!(client.answer().await.header("kanaloa-reason"), Some("upstream-failed"));
}

#[tokio::test]
async fn a_file_that_is_bad_changes_nothing() {
    let upstream = Upstream::start("a").await;
    let files = Files::new("reload-bad");
    let good = conf(&[("/always", &[&upstream])], "");
    let file = files.with("proxy.conf", &good);
    let mut program = Program::start(&["--config", &file]).await;
    let mut load = Load::start(program.address, 4, "/always");

    files.with("proxy.conf", &format!("{good}kanaloa.proxy.max-conections = 7"));
    program.signal(Signal::HUP);
    program.line("not reloaded, the settings stay as they were").await;
    let why = program.line("proxy.conf:2").await;
    assert_eq!(
        why.trim_start(),
        format!("{file}:2: kanaloa.proxy.max-conections: unknown key; did you mean max-connections?")
    );
    load.further(100).await;

    std::fs::remove_file(&file).unwrap();
    program.signal(Signal::HUP);
    program.line("not reloaded").await;
    assert!(program.line(&file).await.contains("No such file"), "{}", program.said());
    load.further(100).await;

    // What cannot be found out from the file alone.
    files.with("proxy.conf", &format!("{good}kanaloa.proxy.tls {{ certificate = /no/such.pem, key = /no/such.key }}"));
    program.signal(Signal::HUP);
    let why = program.line("not reloaded").await;
    assert!(why.contains("cannot read /no/such.pem"), "{why}");
    load.further(100).await;

    files.with("proxy.conf", &conf(&[("/always", &[&upstream]), ("/new", &[&upstream])], ""));
    program.reload().await;
    assert_eq!(program.get("/new").await.status(), 200);
    load.stop().await;
}

#[tokio::test]
async fn what_changes_only_at_a_restart_is_named() {
    let upstream = Upstream::start("a").await;
    let files = Files::new("reload-restart");
    let route = conf(&[("/", &[&upstream])], "");
    let file = files.with("proxy.conf", &route);
    let mut program = Program::start(&["--config", &file]).await;
    // What the command line says of addresses holds, so only the number of threads can differ here.
    files.with("proxy.conf", &format!("{route}kanaloa.proxy.threads = 7"));
    program.signal(Signal::HUP);
    let warning = program.line("changes only at a restart").await;
    assert!(warning.contains("reloaded, but for threads: that changes only at a restart"), "{warning}");
    assert_eq!(program.get("/").await.status(), 200);
}

#[tokio::test]
async fn another_address_needs_a_restart() {
    let upstream = Upstream::start("a").await;
    let files = Files::new("reload-listen");
    let route = conf(&[("/", &[&upstream])], "");
    let listen = |address: &str| format!("{route}kanaloa.proxy {{ listen = \"{address}\", admin = \"127.0.0.1:0\" }}");
    let file = files.with("proxy.conf", &listen("127.0.0.1:0"));
    let mut program = Program::start_as_it_is(&["--config", &file]).await;
    files.with("proxy.conf", &listen("127.0.0.1:1"));
    program.signal(Signal::HUP);
    let warning = program.line("changes only at a restart").await;
    assert!(warning.contains("reloaded, but for listen: that changes only at a restart"), "{warning}");
    assert!(program.line(" listens on ").await.ends_with(&program.address.to_string()), "{}", program.said());
    assert_eq!(program.get("/").await.status(), 200);
}
