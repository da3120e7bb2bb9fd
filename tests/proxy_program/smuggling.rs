//! Requests in which a second one is hidden: what one reader takes for a body and another for a request.
//!
//! Each is refused, and its connection closed behind it; or it reaches the upstream as the one request that any reader sees.
//! What is hidden never arrives.

use crate::support::{Program, Upstream};

/// What is hidden. Whoever sees it as a request of its own is deceived.
const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nhost: h\r\n\r\n";

/// What becomes of it.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// It is refused with this status.
    Refused(u16),
    /// The upstream sees one request with this line and body, and the client gets its answer.
    One(&'static str, &'static str),
    /// The same, and then the connection is closed, whatever else was sent.
    Last(&'static str, &'static str),
    /// The same, and what comes after it is refused.
    OneAndRefused(&'static str, &'static str, u16),
}
use Fate::{Last, One, OneAndRefused, Refused};

/// The line that the upstream sees of a POST.
const POST: &str = "POST /x HTTP/1.1";
const GET: &str = "GET /x HTTP/1.1";

/// A POST with these headers, and what follows.
fn post(headers: &str, rest: &str) -> String {
    format!("POST /x HTTP/1.1\r\nhost: h\r\n{headers}\r\n\r\n{rest}")
}

/// A GET with these lines after the first.
fn get(lines: &str) -> String {
    format!("GET /x HTTP/1.1\r\n{lines}\r\n\r\n")
}

/// A chunked POST with this body.
fn chunked(body: &str) -> String {
    post("transfer-encoding: chunked", body)
}

/// Two readings of where a body ends.
fn lengths() -> Vec<(&'static str, String, Fate)> {
    let hidden_after_chunks = format!("0\r\n\r\n{HIDDEN}");
    let length = hidden_after_chunks.len();
    let with_length = |more: &str| post(&format!("content-length: {length}\r\n{more}"), &hidden_after_chunks);
    let encoding = |value: &str| post(&format!("transfer-encoding:{value}"), &hidden_after_chunks);
    vec![
        // TE holds and the connection ends, as RFC 9112, section 6.3, has it.
        ("CL and TE", with_length("transfer-encoding: chunked"), Last(POST, "")),
        (
            "TE and CL",
            post(&format!("transfer-encoding: chunked\r\ncontent-length: {length}"), &hidden_after_chunks),
            Last(POST, ""),
        ),
        ("TE and a short CL", post("transfer-encoding: chunked\r\ncontent-length: 3", &hidden_after_chunks), Last(POST, "")),
        (
            "CL and TE, and a wish to stay",
            with_length("transfer-encoding: chunked\r\nconnection: keep-alive"),
            Last(POST, ""),
        ),
        ("CL and TE xchunked", with_length("transfer-encoding: xchunked"), Refused(400)),
        ("CL and TE with a space before its colon", with_length("transfer-encoding : chunked"), Refused(400)),
        ("CL and TE with an underscore, which is another header", with_length("transfer_encoding: chunked"), {
            One(POST, "0\r\n\r\nGET /hidden HTTP/1.1\r\nhost: h\r\n\r\n")
        }),
        ("CL and TE in a folded line", with_length("x: y\r\n transfer-encoding: chunked"), Refused(400)),
        ("two equal CLs, which are one", post("content-length: 3\r\ncontent-length: 3", "abc"), One(POST, "abc")),
        ("two CLs", post("content-length: 0\r\ncontent-length: 35", HIDDEN), Refused(400)),
        ("two CLs, the large one first", post("content-length: 35\r\ncontent-length: 0", HIDDEN), Refused(400)),
        ("a list of CLs", post("content-length: 3, 3", "abc"), Refused(400)),
        ("CL with a sign", post("content-length: +3", "abc"), Refused(400)),
        ("CL with a minus", post("content-length: -3", "abc"), Refused(400)),
        ("CL with a space inside", post("content-length: 3 5", "abc"), Refused(400)),
        ("CL in hex", post("content-length: 0x3", "abc"), Refused(400)),
        ("CL with an underscore", post("content-length: 1_0", "abc"), Refused(400)),
        ("an empty CL", post("content-length:", HIDDEN), Refused(400)),
        ("CL beyond 64 bits", post("content-length: 18446744073709551619", "abc"), Refused(400)),
        ("CL folded", post("content-length: 3\r\n 5", "abc"), Refused(400)),
        ("TE xchunked", encoding(" xchunked"), Refused(400)),
        ("TE chunked, identity", encoding(" chunked, identity"), Refused(400)),
        ("TE identity", encoding(" identity"), Refused(400)),
        ("TE gzip, chunked", encoding(" gzip, chunked"), Refused(400)),
        ("TE chunked twice", encoding(" chunked, chunked"), Refused(400)),
        ("two TEs", encoding(" chunked\r\ntransfer-encoding: chunked"), Refused(400)),
        ("two TEs, one of which is unknown", encoding(" chunked\r\ntransfer-encoding: x"), Refused(400)),
        ("TE with a parameter", encoding(" chunked;a=b"), Refused(400)),
        ("TE in quotes", encoding(" \"chunked\""), Refused(400)),
        ("TE folded", encoding("\r\n chunked"), Refused(400)),
        ("TE with a vertical tab", encoding(" \u{b}chunked"), Refused(400)),
        (
            "TE in HTTP/1.0",
            "POST /x HTTP/1.0\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /hidden HTTP/1.1\r\nhost: h\r\n\r\n"
                .to_owned(),
            Refused(400),
        ),
        ("a GET with TE", get("host: h\r\ntransfer-encoding: chunked") + "3\r\nabc\r\n0\r\n\r\n", One(GET, "abc")),
        ("TE between tabs", post("transfer-encoding: \t chunked \t", "3\r\nabc\r\n0\r\n\r\n"), One(POST, "abc")),
        ("TE in large letters", post("Transfer-Encoding: CHUNKED", "3\r\nabc\r\n0\r\n\r\n"), One(POST, "abc")),
        ("a CL and nothing else", post("content-length: 003", "abc"), One(POST, "abc")),
    ]
}

/// Chunks that are none.
fn chunks() -> Vec<(&'static str, String, Fate)> {
    vec![
        ("chunks", chunked("3\r\nabc\r\n0\r\n\r\n"), One(POST, "abc")),
        ("a chunk with an extension", chunked("3;a=b\r\nabc\r\n0\r\n\r\n"), One(POST, "abc")),
        ("a chunk with a quoted extension", chunked("3;a=\"b\"\r\nabc\r\n0;c\r\n\r\n"), One(POST, "abc")),
        ("chunks with zeros before their size", chunked("0003\r\nabc\r\n00\r\n\r\n"), One(POST, "abc")),
        ("a chunk of more than 64 bits", chunked("10000000000000003\r\nabc\r\n0\r\n\r\n"), Refused(400)),
        ("a chunk with a sign", chunked("+3\r\nabc\r\n0\r\n\r\n"), Refused(400)),
        ("a chunk with a minus", chunked("-3\r\nabc\r\n0\r\n\r\n"), Refused(400)),
        ("a chunk in 0x", chunked("0x3\r\nabc\r\n0\r\n\r\n"), Refused(400)),
        ("a chunk without a size", chunked("\r\nabc\r\n0\r\n\r\n"), Refused(400)),
        ("a chunk of letters", chunked("xyz\r\nabc\r\n0\r\n\r\n"), Refused(400)),
        ("a chunk longer than its size", chunked("3\r\nabcdef\r\n0\r\n\r\n"), Refused(400)),
        ("a chunk that ends with LF", chunked("3\r\nabc\n0\r\n\r\n"), Refused(400)),
        ("a size that ends with LF", chunked("3\nabc\r\n0\r\n\r\n"), Refused(400)),
        ("an extension with LF", chunked("3;a\nabc\r\n0\r\n\r\n"), Refused(400)),
        ("an extension with CR", chunked("3;a\rb\r\nabc\r\n0\r\n\r\n"), Refused(400)),
        (
            "trailers that would frame",
            chunked("3\r\nabc\r\n0\r\ncontent-length: 35\r\ntransfer-encoding: chunked\r\n\r\n"),
            One(POST, "abc"),
        ),
        (
            "garbage after the end",
            chunked("3\r\nabc\r\n0\r\n\r\n\u{1}\u{2}garbage\r\n\r\n"),
            OneAndRefused(POST, "abc", 400),
        ),
    ]
}

/// Heads that not all read alike.
fn heads() -> Vec<(&'static str, String, Fate)> {
    vec![
        ("a plain one", get("host: h"), One(GET, "")),
        ("LF alone", "GET /x HTTP/1.1\nhost: h\n\n".to_owned(), One(GET, "")),
        ("a header behind LF", get("host: h\nx: y\r\nz: 1"), One(GET, "")),
        ("NUL in a value", get("host: h\r\nx: a\0b"), Refused(400)),
        ("CR in a value", get("host: h\r\nx: a\rtransfer-encoding: chunked"), Refused(400)),
        ("NUL in a name", get("host: h\r\nx\0y: a"), Refused(400)),
        ("a name with a space", get("host: h\r\nx y: a"), Refused(400)),
        ("a space before the colon", get("host: h\r\nx : a"), Refused(400)),
        ("a tab before the colon", get("host: h\r\nx\t: a"), Refused(400)),
        ("no name", get("host: h\r\n: a"), Refused(400)),
        ("no colon", get("host: h\r\nx"), Refused(400)),
        ("a space before the first name", get(" x: a\r\nhost: h"), Refused(400)),
        ("a folded line", get("host: h\r\nx: a\r\n b"), Refused(400)),
        ("no host", get("x: a"), Refused(400)),
        ("two hosts", get("host: h\r\nhost: h"), Refused(400)),
        ("two different hosts", get("host: h\r\nhost: g"), Refused(400)),
        ("a host that is none", get("host: h/x"), Refused(400)),
        ("a host with a user", get("host: u@h"), Refused(400)),
        ("a host with a space", get("host: h g"), Refused(400)),
        ("another host in the target", "GET http://g/x HTTP/1.1\r\nhost: h\r\n\r\n".to_owned(), Refused(400)),
        ("the same host in the target", "GET http://h/x HTTP/1.1\r\nhost: h\r\n\r\n".to_owned(), One(GET, "")),
        ("a target with a user", "GET http://u@h/x HTTP/1.1\r\nhost: h\r\n\r\n".to_owned(), Refused(400)),
        ("a connection that names the host", get("host: h\r\nconnection: close, host"), Refused(400)),
        (
            "a connection that names the length",
            post("content-length: 3\r\nconnection: content-length", "abc"),
            Refused(400),
        ),
        ("a line in a line", "GET /a HTTP/1.1\r\nGET /hidden HTTP/1.1\r\nhost: h\r\n\r\n".to_owned(), Refused(400)),
        ("a space in the target", "GET /x /hidden HTTP/1.1\r\nhost: h\r\n\r\n".to_owned(), Refused(400)),
        ("a tab in the line", "GET\t/x HTTP/1.1\r\nhost: h\r\n\r\n".to_owned(), Refused(400)),
        ("two spaces in the line", "GET  /x HTTP/1.1\r\nhost: h\r\n\r\n".to_owned(), Refused(400)),
        ("HTTP/0.9", "GET /hidden\r\n\r\n".to_owned(), Refused(400)),
        ("HTTP/1.2", "GET /hidden HTTP/1.2\r\nhost: h\r\n\r\n".to_owned(), Refused(400)),
        ("HTTP/2 without its preface", "GET /hidden HTTP/2.0\r\nhost: h\r\n\r\n".to_owned(), Refused(400)),
        (
            "an encoded CRLF in the path, which stays encoded",
            "GET /x%0d%0a%0d%0aGET%20/hidden HTTP/1.1\r\nhost: h\r\n\r\n".to_owned(),
            One("GET /x%0d%0a%0d%0aGET%20/hidden HTTP/1.1", ""),
        ),
        ("a fragment, which is for nobody else", "GET /x#/hidden HTTP/1.1\r\nhost: h\r\n\r\n".to_owned(), One(GET, "")),
        ("a CONNECT", "CONNECT h:80 HTTP/1.1\r\nhost: h:80\r\n\r\n".to_owned(), Refused(405)),
        (
            "an upgrade to HTTP/2, which hides what comes behind it",
            get(
                "host: h\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAARAAAAAAAIAAAAA",
            ),
            One(GET, ""),
        ),
    ]
}

#[tokio::test]
async fn what_is_hidden_never_arrives() {
    let upstream = Upstream::start("a").await;
    let program = Program::start(&["--upstream", &upstream.url()]).await;
    let mut wrong = Vec::new();
    for (what, bytes, fate) in [lengths(), chunks(), heads()].concat() {
        let before = upstream.count();
        let mut wire = program.connect().await;
        wire.send(&bytes).await;
        let mut answers = Vec::new();
        let statuses: &[u16] = match &fate {
            Refused(status) => &[*status],
            One(..) | Last(..) => &[200],
            OneAndRefused(_, _, status) => &[200, *status],
        };
        for _ in statuses {
            answers.push(wire.answer().await);
        }
        let expected: &[_] = match fate {
            Refused(_) => &[],
            One(line, body) | Last(line, body) | OneAndRefused(line, body, _) => &[(line, body)],
        };
        // Behind what is refused the connection ends, long before it would for being idle.
        let rest = match fate {
            One(..) => Vec::new(),
            _ => wire.rest().await,
        };
        let seen = upstream.seen().split_off(before);
        let seen: Vec<_> = seen.iter().map(|request| (request.line.as_str(), request.text())).collect();
        let got: Vec<_> = answers.iter().map(|answer| answer.status()).collect();
        if seen != expected || got != statuses || !rest.is_empty() {
            wrong.push(format!("{what}: {got:?}, {seen:?}, {:?}", String::from_utf8_lossy(&rest)));
        }
    }
    assert!(wrong.is_empty(), "{:#?}", wrong);
    assert_eq!(upstream.broken(), [""; 0], "whatever reaches the upstream is sound");
    assert!(!upstream.seen().iter().any(|request| request.path() == "/hidden"));
}
