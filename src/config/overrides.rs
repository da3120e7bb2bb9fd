//! Settings from variables of the environment, as the reference implementation names them.

use std::collections::HashMap;

/// What the name of such a variable starts with.
const PREFIX: &str = "CONFIG_FORCE_";

/// A variable that sets something.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Override<'a> {
    pub(super) variable: &'a str,
    /// The path of the key, as its author spelt it; `None` if the name leads to none.
    pub(super) path: Option<Vec<String>>,
    pub(super) text: &'a str,
}

/// The variables that set something, in the order of their names, since the environment has none.
pub(super) fn overrides(environment: &HashMap<String, String>) -> Vec<Override<'_>> {
    let named = environment.iter().filter_map(|(variable, text)| {
        let name = variable.strip_prefix(PREFIX)?;
        Some(Override { variable, path: path(name), text })
    });
    let mut overrides: Vec<_> = named.collect();
    overrides.sort_by_key(|set| set.variable);
    overrides
}

/// One underscore is a dot, two are a dash, three are an underscore.
fn path(name: &str) -> Option<Vec<String>> {
    let mut dotted = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(start) = rest.find('_') {
        let run = rest[start..].bytes().take_while(|c| *c == b'_').count();
        dotted.push_str(&rest[..start]);
        dotted.push(match run {
            1 => '.',
            2 => '-',
            3 => '_',
            _ => return None,
        });
        rest = &rest[start + run..];
    }
    dotted.push_str(rest);
    let path: Vec<_> = dotted.split('.').map(str::to_owned).collect();
    path.iter().all(|segment| !segment.is_empty()).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(name: &str) -> Option<String> {
        path(name).map(|path| path.join("/"))
    }

    #[test]
    fn underscores_are_dots_dashes_and_underscores() {
        let cases = [
            ("kanaloa_default__dispatcher_update__interval", Some("kanaloa/default-dispatcher/update-interval")),
            ("kanaloa_dispatchers_my___shop_workTimeout", Some("kanaloa/dispatchers/my_shop/workTimeout")),
            ("a", Some("a")),
            ("a__", Some("a-")),
            ("a____b", None),
            ("_a", None),
            ("a_", None),
            ("", None),
        ];
        for (name, expected) in cases {
            assert_eq!(joined(name).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn variables_come_in_the_order_of_their_names_and_others_are_left_out() {
        let names = ["CONFIG_FORCE_b", "PATH", "CONFIG_FORCE_a", "CONFIG_FORCE"];
        let environment = names.map(|name| (name.to_owned(), name.len().to_string())).into();
        let overrides = overrides(&environment);
        let found: Vec<_> = overrides.iter().map(|set| (set.variable, set.text)).collect();
        assert_eq!(found, [("CONFIG_FORCE_a", "14"), ("CONFIG_FORCE_b", "14")]);
    }
}
