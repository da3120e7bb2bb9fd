//! Which requests may go out more than once.

use hyper::Method;
use hyper::header::{HeaderMap, HeaderName};

static KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Whether a request may go out more than once: `retry_idempotent` says it of those whose method RFC 9110 calls idempotent,
/// and of those with an `idempotency-key` that is not empty; `retry_others` of the rest.
pub(crate) fn may_repeat(method: &Method, headers: &HeaderMap, retry_idempotent: bool, retry_others: bool) -> bool {
    if retry_idempotent == retry_others {
        return retry_others;
    }
    let is_idempotent = method.is_idempotent() || headers.get(&KEY).is_some_and(|key| !key.is_empty());
    if is_idempotent { retry_idempotent } else { retry_others }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idempotent_requests_may_be_repeated() {
        let none = HeaderMap::new();
        for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE, Method::TRACE] {
            assert!(may_repeat(&method, &none, true, false), "{method}");
            assert!(!may_repeat(&method, &none, false, true), "{method}");
        }
        for method in [Method::POST, Method::PATCH, Method::from_bytes(b"PURGE").unwrap()] {
            assert!(!may_repeat(&method, &none, true, false), "{method}");
            assert!(may_repeat(&method, &none, false, true), "{method}");
        }
    }

    #[test]
    fn a_key_makes_a_request_idempotent() {
        let with = |key: &str| HeaderMap::from_iter([(KEY.clone(), key.parse().unwrap())]);
        assert!(may_repeat(&Method::POST, &with("1"), true, false));
        assert!(!may_repeat(&Method::POST, &with(""), true, false));
    }

    #[test]
    fn two_equal_answers_need_no_question() {
        let none = HeaderMap::new();
        assert!(may_repeat(&Method::POST, &none, true, true));
        assert!(!may_repeat(&Method::GET, &none, false, false));
    }
}
