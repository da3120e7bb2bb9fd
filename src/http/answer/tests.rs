use hyper::Request;
use proptest::prelude::*;

use super::*;

fn form(method: Method, headers: &[(&'static str, &str)]) -> Form {
    let mut request = Request::builder().method(method);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Form::of(&request.body(()).unwrap().into_parts().0)
}

fn over_capacity(expected_wait: Duration) -> Reason {
    Rejection::OverCapacity { expected_wait, drop_rate: 0.5 }.into()
}

#[test]
fn a_refusal_in_text() {
    let answer = answer(&over_capacity(Duration::from_millis(2_100)), &form(Method::GET, &[]));
    assert_eq!(answer.status(), 503);
    let body = "503 over-capacity: more requests arrive than the service can handle; try again later\n";
    assert_eq!(answer.body(), body);
    let expected = [
        ("kanaloa-reason", "over-capacity"),
        ("cache-control", "no-store"),
        ("retry-after", "3"),
        ("content-type", "text/plain; charset=utf-8"),
        ("content-length", &body.len().to_string()),
    ];
    let headers: Vec<_> =
        answer.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    assert_eq!(headers, expected);
}

#[test]
fn a_request_that_can_be_read_in_several_ways_is_the_last() {
    let closes = |refusal: Refusal| {
        let answer = answer(&refusal.into(), &form(Method::POST, &[]));
        answer.headers().get("connection").map(|value| value.to_str().unwrap().to_owned())
    };
    for refusal in [Refusal::BadTransferEncoding, Refusal::TwoLengths, Refusal::BadContentLength, Refusal::SeveralHosts]
    {
        assert_eq!(closes(refusal), Some("close".to_owned()));
    }
    for refusal in [Refusal::UriTooLong, Refusal::BadPath, Refusal::TooManyHeaders] {
        assert_eq!(closes(refusal), None);
    }
}

#[test]
fn a_refusal_in_json() {
    let answer = answer(&over_capacity(Duration::ZERO), &form(Method::GET, &[("accept", "application/json")]));
    let body: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!(
        body,
        serde_json::json!({"error": {
            "status": 503,
            "reason": "over-capacity",
            "message": "more requests arrive than the service can handle; try again later",
        }})
    );
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(answer.headers()["content-length"], answer.body().len().to_string());
    assert_eq!(answer.headers()["retry-after"], "1");
}

#[test]
fn a_refusal_in_grpc() {
    let of = |reason: Reason| {
        let answer = answer(&reason, &form(Method::POST, &[("content-type", "application/grpc+proto")]));
        assert_eq!((answer.status(), answer.body().len()), (StatusCode::OK, 0));
        assert_eq!(answer.headers()["content-type"], "application/grpc");
        assert!(!answer.headers().contains_key("content-length"));
        let text = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        (text("grpc-status"), text("grpc-message"))
    };
    let (status, message) = of(Rejection::NoHandlers.into());
    assert_eq!((&*status, &*message), ("14", "no instance of the service takes requests; try again later"));
    assert_eq!(of(Reason::NoConnection).0, "14");
    assert_eq!(of(Timeout::Deadline.into()).0, "4");
    assert_eq!(of(Reason::BodyTooLarge).0, "8");
    let (_, message) = of(Refusal::BadDeadline("grpc-timeout", "5%é".into()).into());
    assert_eq!(message, "the deadline in grpc-timeout is not valid: \"5%25%C3%A9\"");
}

#[test]
fn head_has_the_length_and_no_body() {
    let of = |method| answer(&Reason::NoConnection, &form(method, &[]));
    let (get, head) = (of(Method::GET), of(Method::HEAD));
    assert_eq!(get.headers(), head.headers());
    assert!(!get.body().is_empty() && head.body().is_empty());
}

#[test]
fn a_deadline_that_is_none_is_shown() {
    let reason = Refusal::BadDeadline("kanaloa-deadline-ms", "so\"on".into()).into();
    let text = answer(&reason, &form(Method::GET, &[]));
    assert_eq!(text.body(), "400 bad-deadline: the deadline in kanaloa-deadline-ms is not valid: \"so\\\"on\"\n");
    let json = answer(&reason, &form(Method::GET, &[("accept", "application/json")]));
    let body: serde_json::Value = serde_json::from_slice(json.body()).unwrap();
    assert_eq!(body["error"]["message"], "the deadline in kanaloa-deadline-ms is not valid: \"so\\\"on\"");
    assert_eq!(json.headers()["content-length"], json.body().len().to_string());
}

#[test]
fn methods_that_are_allowed_are_told() {
    let reason = NoRoute::MethodNotAllowed(vec![Method::GET, Method::PUT]).into();
    let answer = answer(&reason, &form(Method::POST, &[]));
    assert_eq!(
        (answer.status(), &answer.headers()["allow"]),
        (StatusCode::METHOD_NOT_ALLOWED, &"GET, PUT".parse().unwrap())
    );
}

#[test]
fn all_that_is_said_is_what_it_seems() {
    for (said, code, message) in said::ALL {
        assert_eq!(said.status.as_u16(), *code);
        assert_eq!(said.text.1, said.text.0.len().to_string());
        assert_eq!(said.json.1, said.json.0.len().to_string());
        let json: serde_json::Value = serde_json::from_str(said.json.0).unwrap();
        assert_eq!(json["error"]["status"], *code);
        assert_eq!(json["error"]["reason"], said.reason.to_str().unwrap());
        assert_eq!(json["error"]["message"], *message);
        assert_eq!(percent_encoded(message), *message);
        assert_eq!(said.grpc_message, *message);
    }
}

#[test]
fn a_pause_is_whole_seconds() {
    assert_eq!(seconds(Duration::ZERO), "1");
    assert_eq!(seconds(Duration::from_secs(1)), "1");
    assert_eq!(seconds(Duration::from_nanos(1_000_000_001)), "2");
    assert_eq!(seconds(Duration::from_secs(60)), "60");
    assert_eq!(seconds(Duration::MAX), "60");
}

#[test]
fn json_is_for_those_who_prefer_it() {
    for accept in [
        "application/json",
        "APPLICATION/JSON; charset=utf-8",
        "application/json, text/plain, */*",
        "*/json",
        "application/*",
        "application/vnd.api+json",
        "text/html;q=0.8, application/json;q=0.9",
        "application/json;q=0.001",
    ] {
        assert!(prefers_json(accept), "{accept}");
    }
    for accept in [
        "",
        "*/*",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "application/json;q=0",
        "application/json;q=2",
        "text/plain, application/json;q=0.9",
        "json",
        "application/xjson",
        "application/json;q=0.0001",
        "text/*",
    ] {
        assert!(!prefers_json(accept), "{accept}");
    }
}

#[test]
fn grpc_web_is_not_grpc() {
    for (content_type, expected) in [
        ("application/grpc", true),
        ("Application/GRPC;x=1", true),
        ("application/grpc+json", true),
        ("application/grpc-web", false),
        ("application/grpcx", false),
        ("application/json", false),
    ] {
        assert_eq!(is_grpc(content_type.as_bytes()), expected, "{content_type}");
    }
}

proptest! {
    #[test]
    fn any_request_can_be_answered(
        accept in prop::collection::vec(any::<u8>(), 0..30),
        likely in "[a-z/*;,q=.0-9 +]{0,30}",
        content_type in prop::collection::vec(any::<u8>(), 0..30),
    ) {
        prefers_json(&likely);
        let mut request = Request::new(()).into_parts().0;
        for (name, value) in [(ACCEPT, accept), (CONTENT_TYPE, content_type)] {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                request.headers.insert(name, value);
            }
        }
        answer(&Reason::CutOff, &Form::of(&request));
    }

    #[test]
    fn any_deadline_can_be_shown(value in ".*") {
        let reason = Refusal::BadDeadline("grpc-timeout", value).into();
        let json = answer(&reason, &form(Method::GET, &[("accept", "application/json")]));
        prop_assert!(serde_json::from_slice::<serde_json::Value>(json.body()).is_ok());
        answer(&reason, &form(Method::GET, &[]));
        let grpc = answer(&reason, &form(Method::POST, &[("content-type", "application/grpc")]));
        prop_assert!(grpc.headers()["grpc-message"].to_str().is_ok());
    }
}
