//! What cannot be done: each message says what, where, and what to do.

use std::net::TcpListener;

use crate::support::{Files, run};

const ANY: [&str; 4] = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
const UPSTREAM: [&str; 2] = ["--upstream", "http://127.0.0.1:9"];

async fn refused(args: &[&[&str]], status: i32, expected: &str) {
    let args = args.concat();
    assert_eq!(run(&args).await, (Some(status), format!("{expected}\n")), "{args:?}");
}

#[tokio::test]
async fn settings_that_make_no_sense() {
    let files = Files::new("mistakes");
    let unknown = files.with("unknown.conf", "kanaloa.proxy {\n  lisen = \"127.0.0.1:0\"\n}\n");
    let expected = format!("{unknown}:2: kanaloa.proxy.lisen: unknown key; did you mean listen?");
    refused(&[&ANY, &UPSTREAM, &["--config", &unknown]], 2, &expected).await;

    let missing = files.path("missing.conf");
    let expected = format!("{missing}: cannot be read: No such file or directory (os error 2)");
    refused(&[&ANY, &UPSTREAM, &["--config", &missing]], 2, &expected).await;

    let expected = "kanaloa.proxy.routes: expected routes, such as [{ upstreams = [\"http://127.0.0.1:9000\"] }], or \
                    --upstream http://127.0.0.1:9000 on the command line, found none";
    refused(&[&ANY], 2, expected).await;

    for url in ["nonsense", "ftp://127.0.0.1:9", "http://", "http://a b", "http://127.0.0.1:99999", "http://u@h"] {
        let expected = format!(
            "--upstream: expected an http or https URL of a host alone, such as http://10.0.0.1:9000 (a path is for rewrite or \
             strip-prefix), found \"{url}\""
        );
        refused(&[&ANY, &["--upstream", url]], 2, &expected).await;
    }

    let expected = "--threads: kanaloa.proxy.threads: expected auto, or a whole number from 1 to 1024, found \"0\"";
    refused(&[&ANY, &UPSTREAM, &["--threads", "0"]], 2, expected).await;

    // What the command line itself refuses.
    let (status, said) = run(&["--listen", "localhost"]).await;
    assert_eq!(status, Some(2));
    assert!(said.contains("invalid value 'localhost' for '--listen <ADDR>'"), "{said}");
}

#[tokio::test]
async fn addresses_that_cannot_be_had() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let expected =
        format!("error: cannot listen on {address}: another program does already; stop it, or listen elsewhere");
    refused(&[&["--listen", &address, "--admin", "127.0.0.1:0"], &UPSTREAM], 1, &expected).await;
    let expected = expected.replace("error: ", "error: the admin address (kanaloa.proxy.admin, or --admin): ");
    refused(&[&["--listen", "127.0.0.1:0", "--admin", &address], &UPSTREAM], 1, &expected).await;

    // Of TEST-NET-1, which no machine has.
    let expected = "error: cannot listen on 192.0.2.1:80: the address is not of this machine; 0.0.0.0 and [::] stand for \
                    all that are";
    refused(&[&["--listen", "192.0.2.1:80", "--admin", "127.0.0.1:0"], &UPSTREAM], 1, expected).await;
}

#[tokio::test]
async fn certificates_that_are_none() {
    let files = Files::new("certificates");
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = files.with("certificate.pem", &made.cert.pem());
    let garbage = files.with("garbage.pem", "-----BEGIN PRIVATE KEY-----\n!!!\n-----END PRIVATE KEY-----\n");
    let empty = files.with("empty.pem", "");
    let other = files.with("other.pem", &other.signing_key.serialize_pem());
    let missing = files.path("missing.pem");
    let with = |key: &str| {
        let tls = format!("kanaloa.proxy.tls {{ certificate = \"{certificate}\", key = \"{key}\" }}");
        files.with("proxy.conf", &tls)
    };
    for (key, expected) in [
        (
            &missing,
            format!(
                "error: cannot read {missing}: No such file or directory (os error 2); check the path and its permissions"
            ),
        ),
        (
            &empty,
            format!(
                "error: {empty} has no private key; it is to have one in PKCS#8, PKCS#1 or SEC1, without a passphrase"
            ),
        ),
    ] {
        let file = with(key);
        refused(&[&ANY, &UPSTREAM, &["--config", &file]], 1, &expected).await;
    }
    for (key, begin, end) in [
        (
            &garbage,
            format!("error: {garbage} is not PEM: "),
            "; a PEM file has lines like -----BEGIN CERTIFICATE-----\n",
        ),
        (
            &other,
            format!("error: the key in {other} does not serve for the certificate in {certificate}: "),
            "; put the two that belong together\n",
        ),
    ] {
        let file = with(key);
        let (status, said) = run(&[&ANY[..], &UPSTREAM, &["--config", &file]].concat()).await;
        assert_eq!(status, Some(1));
        assert!(said.starts_with(&begin) && said.ends_with(end), "{said}");
    }
    let file = files.with("proxy.conf", &format!("kanaloa.proxy.tls.certificate = \"{certificate}\""));
    let (status, said) = run(&[&ANY[..], &UPSTREAM, &["--config", &file]].concat()).await;
    assert_eq!(status, Some(2));
    assert!(
        said.contains("proxy.conf:1: kanaloa.proxy.tls.certificate: expected both certificate and key, or neither"),
        "{said}"
    );
}
