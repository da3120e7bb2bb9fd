//! Which parameters of a query go upstream.

use super::path::escaped;

/// Whether all parameters of `query` have one of these names.
pub(super) fn is_all_listed(query: &str, listed: &[String]) -> bool {
    query.split('&').all(|parameter| is_listed(parameter, listed))
}

/// Appends those parameters of `query` that have one of these names, in order and byte for byte, with a `?` before them if
/// there are any.
pub(super) fn push_listed(target: &mut String, query: &str, listed: &[String]) {
    let mut separator = '?';
    for parameter in query.split('&').filter(|parameter| is_listed(parameter, listed)) {
        target.push(separator);
        target.push_str(parameter);
        separator = '&';
    }
}

/// A parameter with a `;` is never listed: some servers take it for two, and the second may have any name.
fn is_listed(parameter: &str, listed: &[String]) -> bool {
    if parameter.contains(';') {
        return false;
    }
    let name = parameter.split_once('=').map_or(parameter, |(name, _)| name);
    listed.iter().any(|listed| is_same(name.as_bytes(), listed.as_bytes()))
}

/// Whether `name`, as it is in the query, stands for `listed`.
fn is_same(mut name: &[u8], listed: &[u8]) -> bool {
    for &expected in listed {
        let Some((&byte, rest)) = name.split_first() else { return false };
        name = rest;
        let byte = match (byte, escaped(rest)) {
            (b'%', Some(decoded)) => {
                name = &rest[2..];
                decoded
            }
            (b'+', _) => b' ',
            _ => byte,
        };
        if byte != expected {
            return false;
        }
    }
    name.is_empty()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn listed(query: &str, names: &[&str]) -> String {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let mut target = String::new();
        push_listed(&mut target, query, &names);
        target
    }

    #[test]
    fn only_listed_parameters_stay_as_they_are() {
        assert_eq!(listed("a=1&b=2&a=%20+&c", &["a", "c"]), "?a=1&a=%20+&c");
        assert_eq!(listed("a=1", &["b"]), "");
        assert_eq!(listed("", &["b"]), "");
        assert_eq!(listed("&&a=1&", &["a"]), "?a=1");
        assert_eq!(listed("%61b=1&a%2=1&x+y=2&x%20y=3", &["ab", "x y"]), "?%61b=1&x+y=2&x%20y=3");
        assert_eq!(listed("a=1=2", &["a"]), "?a=1=2");
    }

    #[test]
    fn a_second_parameter_does_not_hide_behind_a_semicolon() {
        assert_eq!(listed("a=1;b=2&a=3", &["a"]), "?a=3");
    }

    proptest! {
        #[test]
        fn what_stays_is_all_listed(query in "[ab%16=&;+]*") {
            let names = ["a".to_owned(), "b".to_owned()];
            let kept = listed(&query, &["a", "b"]);
            if let Some(kept) = kept.strip_prefix('?') {
                prop_assert!(is_all_listed(kept, &names));
            }
            if is_all_listed(&query, &names) {
                prop_assert_eq!(kept, format!("?{query}"));
            }
        }

        #[test]
        fn any_query_can_be_read(query in ".*", name in ".*") {
            listed(&query, &[&name]);
        }
    }
}
