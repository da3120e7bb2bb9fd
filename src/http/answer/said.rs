//! What there is to say, put together when the program is built.

use hyper::StatusCode;
use hyper::header::HeaderValue;

/// What there is to say, ready to be sent.
pub(super) struct Said {
    pub(super) status: StatusCode,
    pub(super) reason: HeaderValue,
    pub(super) grpc_status: HeaderValue,
    pub(super) grpc_message: HeaderValue,
    pub(super) text: (&'static str, HeaderValue),
    pub(super) json: (&'static str, HeaderValue),
}

/// A length as text, at compile time.
const fn digits<const N: usize>(mut number: usize) -> [u8; N] {
    let mut digits = [b'0'; N];
    let mut place = N;
    while place > 0 {
        place -= 1;
        digits[place] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    assert!(number == 0);
    digits
}

macro_rules! length {
    ($text:expr) => {{
        const LENGTH: usize = $text.len();
        const DIGITS: [u8; if LENGTH < 100 { 2 } else { 3 }] = digits(LENGTH);
        match str::from_utf8(&DIGITS) {
            Ok(digits) => HeaderValue::from_static(digits),
            Err(_) => panic!(),
        }
    }};
}

/// The message is ASCII without `"`, `\` and `%`, so that it stands in JSON and in `grpc-message` as it is.
macro_rules! said {
    ($($name:ident = $status:ident $code:literal $reason:literal, grpc $grpc:literal: $message:literal;)*) => {$(
        pub(super) static $name: Said = {
            const TEXT: &str = concat!($code, " ", $reason, ": ", $message, "\n");
            const JSON: &str =
                concat!("{\"error\":{\"status\":", $code, ",\"reason\":\"", $reason, "\",\"message\":\"", $message, "\"}}\n");
            Said {
                status: StatusCode::$status,
                reason: HeaderValue::from_static($reason),
                grpc_status: HeaderValue::from_static($grpc),
                grpc_message: HeaderValue::from_static($message),
                text: (TEXT, length!(TEXT)),
                json: (JSON, length!(JSON)),
            }
        };)*

        #[cfg(test)]
        pub(super) static ALL: &[(&Said, u16, &str)] = &[$((&$name, $code, $message)),*];
    };
}

said! {
    OVER_CAPACITY = SERVICE_UNAVAILABLE 503 "over-capacity", grpc "14":
        "more requests arrive than the service can handle; try again later";
    WAITED_TOO_LONG = SERVICE_UNAVAILABLE 503 "waited-too-long", grpc "14":
        "the request has waited for so long that it would not be answered in time; try again later";
    QUEUE_FULL = SERVICE_UNAVAILABLE 503 "queue-full", grpc "14":
        "as many requests wait for the service as may; try again later";
    DEADLINE_CANNOT_BE_MET = SERVICE_UNAVAILABLE 503 "deadline-cannot-be-met", grpc "14":
        "the answer would come after the deadline of the request; allow more time or try again later";
    NO_HANDLERS = SERVICE_UNAVAILABLE 503 "no-handlers", grpc "14":
        "no instance of the service takes requests; try again later";
    SHUTTING_DOWN = SERVICE_UNAVAILABLE 503 "shutting-down", grpc "14":
        "the proxy takes no more requests; try again on another connection";
    SERVICE_TIMEOUT = GATEWAY_TIMEOUT 504 "service-timeout", grpc "4":
        "the service has not answered in time";
    REQUEST_TIMEOUT = GATEWAY_TIMEOUT 504 "request-timeout", grpc "4":
        "the request was not answered in time";
    DEADLINE = GATEWAY_TIMEOUT 504 "deadline", grpc "4":
        "the service has not answered before the deadline of the request";
    NO_CONNECTION = BAD_GATEWAY 502 "no-connection", grpc "14":
        "no connection to the service could be made; try again later";
    UPSTREAM_FAILED = BAD_GATEWAY 502 "upstream-failed", grpc "14":
        "the service broke off, or its answer is not valid";
    CUT_OFF = SERVICE_UNAVAILABLE 503 "cut-off", grpc "14":
        "the proxy stopped waiting for the service before it answered, as it ends or has changed";
    HANDLER_GONE = BAD_GATEWAY 502 "handler-gone", grpc "14":
        "what hands requests to the service ended before it answered";
    BODY_TOO_LARGE = PAYLOAD_TOO_LARGE 413 "body-too-large", grpc "8":
        "the body of the request is larger than the proxy allows; send less";
    REQUEST_BROKEN = BAD_REQUEST 400 "request-broken", grpc "13": "the body of the request was broken off";
    REQUEST_TOO_SLOW = REQUEST_TIMEOUT 408 "request-too-slow", grpc "4":
        "the request did not arrive in time";
    NOT_FOUND = NOT_FOUND 404 "no-route", grpc "12":
        "nothing is served for this host and path";
    METHOD_NOT_ALLOWED = METHOD_NOT_ALLOWED 405 "method-not-allowed", grpc "12":
        "nothing is served for this method; see the Allow header for those that are";
    NOT_A_FORWARD_PROXY = METHOD_NOT_ALLOWED 405 "method-not-allowed", grpc "12":
        "this is not a forward proxy: CONNECT and TRACE are not allowed";
    URI_TOO_LONG = URI_TOO_LONG 414 "uri-too-long", grpc "8":
        "the path and query are longer than the proxy allows; send less";
    HEAD_TOO_LARGE = REQUEST_HEADER_FIELDS_TOO_LARGE 431 "head-too-large", grpc "8":
        "the headers are larger than the proxy allows; send less";
    TOO_MANY_HEADERS = REQUEST_HEADER_FIELDS_TOO_LARGE 431 "too-many-headers", grpc "8":
        "there are more headers than the proxy allows; send fewer";
    BAD_PATH = BAD_REQUEST 400 "bad-path", grpc "13":
        "the path is not valid: it has a dot segment, a NUL or a percent sign without two hexadecimal digits";
    BAD_TARGET = BAD_REQUEST 400 "bad-path", grpc "13":
        "the path cannot be rewritten to one of the service";
    NO_HOST = BAD_REQUEST 400 "bad-host", grpc "13":
        "the Host header is missing";
    SEVERAL_HOSTS = BAD_REQUEST 400 "bad-host", grpc "13":
        "there is more than one Host header";
    BAD_HOST = BAD_REQUEST 400 "bad-host", grpc "13":
        "the host is not valid: it is to be a name or an address, and perhaps a port";
    OTHER_HOST = BAD_REQUEST 400 "bad-host", grpc "13":
        "the Host header and the target of the request name different hosts";
    BAD_CONTENT_LENGTH = BAD_REQUEST 400 "bad-length", grpc "13":
        "the Content-Length is not one number";
    BAD_TRANSFER_ENCODING = BAD_REQUEST 400 "bad-length", grpc "13":
        "the Transfer-Encoding is not chunked alone";
    TWO_LENGTHS = BAD_REQUEST 400 "bad-length", grpc "13":
        "there are both a Content-Length and a Transfer-Encoding";
    BAD_CONNECTION = BAD_REQUEST 400 "bad-connection", grpc "13":
        "the Connection header names a header that is not for this connection";
    BAD_DEADLINE = BAD_REQUEST 400 "bad-deadline", grpc "13":
        "the deadline is not valid";
}
