//! Clients that others have written. Those that are not installed are left out, and it is said.

use std::process::Stdio;

use tokio::process::Command;

use crate::support::{Files, Program, Reply, Upstream, soon};

/// The output of a program, `None` if it is not installed.
async fn output(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).stdin(Stdio::null()).kill_on_drop(true).output();
    let output = match soon(program, output).await {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!("left out: {program} is not installed");
            return None;
        }
        Err(error) => panic!("{program}: {error}"),
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{program} {args:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
    Some(said)
}

#[tokio::test]
async fn curl() {
    let upstream = Upstream::start("a").await;
    let program = Program::start(&["--upstream", &upstream.url()]).await;
    let url = |path: &str| format!("http://{}{path}", program.address);
    let curl =
        async |args: &[&str]| output("curl", &[&["--silent", "--show-error", "--max-time", "10"], args].concat()).await;
    let Some(said) = curl(&[&url("/plain")]).await else { return };
    assert_eq!(said, "a GET /plain");

    // Two requests on one connection.
    let format = "\n%{http_code} %{http_version} %{num_connects}\n";
    let said = curl(&["--write-out", format, &url("/first"), &url("/second")]).await.unwrap();
    assert_eq!(said, "a GET /first\n200 1.1 1\na GET /second\n200 1.1 0\n");

    for (version, expected) in [("--http1.1", "1.1"), ("--http2-prior-knowledge", "2")] {
        let said = curl(&[version, "--write-out", format, &url("/one")]).await.unwrap();
        assert_eq!(said, format!("a GET /one\n200 {expected} 1\n"));

        let said = curl(&[version, "--head", &url("/head")]).await.unwrap();
        assert!(said.lines().next().unwrap().contains(" 200"), "{said}");
        assert!(said.contains("content-length: 12\r\n"), "{said}");

        let said = curl(&[version, "--data", "some text", &url("/form")]).await.unwrap();
        assert_eq!(said, "a POST /form some text");
    }

    // An upload of 8 MB, of a length that is known and of one that is not, with and without asking first.
    let files = Files::new("curl");
    let file = files.with("body", &"0123456789abcdef".repeat(8 << 16));
    let counts = Upstream::replying(|request| Reply::Now(200, "", format!("{} bytes", request.body.len()))).await;
    let program = Program::start(&["--upstream", &counts.url()]).await;
    let url = format!("http://{}/", program.address);
    for args in [
        &["--http1.1", "--expect100-timeout", "5", "--header", "expect: 100-continue"][..],
        &["--http1.1", "--header", "expect:"],
        &["--http1.1", "--header", "transfer-encoding: chunked"],
        &["--http2-prior-knowledge"],
        &["--http2-prior-knowledge", "--header", "content-length:"],
    ] {
        let said = curl(&[args, &["--upload-file", &file, &url]].concat()).await.unwrap();
        assert_eq!(said, "8388608 bytes", "{args:?}");
    }
    // It waits for 100 for 5 s, so it has had one.
    let said =
        curl(&["--verbose", "--stderr", "-", "--header", "expect: 100-continue", "--upload-file", &file, &url]).await;
    assert!(said.unwrap().contains("< HTTP/1.1 100 Continue"));
}

/// The number before some words.
fn number(said: &str, words: &str) -> u64 {
    let (before, _) = said.split_once(words).unwrap_or_else(|| panic!("no {words:?} in {said}"));
    before.trim_end().rsplit([' ', '\n', ',']).next().unwrap().parse().unwrap_or_else(|error| panic!("{said}: {error}"))
}

#[tokio::test]
async fn wrk() {
    let upstream = Upstream::start("a").await;
    let program = Program::start(&["--upstream", &upstream.url()]).await;
    let url = format!("http://{}/load", program.address);
    let Some(said) = output("wrk", &["--threads", "1", "--connections", "32", "--duration", "1s", &url]).await else {
        return;
    };
    assert!(number(&said, "requests in") > 0, "{said}");
    assert!(!said.contains("Non-2xx") && !said.contains("Socket errors"), "{said}");
}

#[tokio::test]
async fn h2load() {
    let upstream = Upstream::start("a").await;
    let program = Program::start(&["--upstream", &upstream.url()]).await;
    let url = format!("http://{}/load", program.address);
    for args in [&["-m", "16"][..], &["--h1"]] {
        let args = [&["-n", "2000", "-c", "8"], args, &[&url]].concat();
        let Some(said) = output("h2load", &args).await else { return };
        assert_eq!(number(&said, "succeeded"), 2_000, "{said}");
        assert_eq!(number(&said, "2xx"), 2_000, "{said}");
    }
}
