//! The key that is varied, and its values.

use std::str::FromStr;

use kanaloa::config::Merged;
use kanaloa::lab::Override;
use thiserror::Error;

use crate::report::PARTS;

/// One key and the values it gets, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) key: String,
    /// At least two, all different.
    pub(super) values: Vec<String>,
    label: String,
}

/// What cannot be varied, and why.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum NotVaried {
    #[error("{0}: expected KEY=VALUE,VALUE..., such as dispatcher.work-settings.concurrent-calls=1,2,3")]
    NoSetting(String),
    #[error("{0}: expected at least two values with a comma between them, to compare; --set gives a key one value")]
    OneValue(String),
    #[error("{text}: there is an empty value; write none where a setting can do without one")]
    Empty { text: String },
    #[error("{text}: the value {value} is there twice; leave one out")]
    Twice { text: String, value: String },
    #[error("{text}: {found} values, and at most {PARTS} can be told apart; leave some out")]
    TooMany { text: String, found: usize },
}

impl FromStr for Setting {
    type Err = NotVaried;

    fn from_str(text: &str) -> Result<Self, NotVaried> {
        let no_setting = || NotVaried::NoSetting(text.to_owned());
        let set: Override = text.parse().map_err(|_| no_setting())?;
        let values: Vec<_> = set.value.split(',').map(|value| value.trim().to_owned()).collect();
        let twice = values.iter().enumerate().find(|(index, value)| values[..*index].contains(value));
        match &values[..] {
            [one] if one.is_empty() => Err(no_setting()),
            _ if values.iter().any(String::is_empty) => Err(NotVaried::Empty { text: text.to_owned() }),
            [_] => Err(NotVaried::OneValue(text.to_owned())),
            _ if twice.is_some() => Err(NotVaried::Twice {
                text: text.to_owned(),
                value: twice.map(|(_, value)| value.clone()).unwrap_or_default(),
            }),
            _ if values.len() > PARTS => Err(NotVaried::TooMany { text: text.to_owned(), found: values.len() }),
            _ => Ok(Setting { label: label(below(&set.key)), key: set.key, values }),
        }
    }
}

impl Setting {
    pub(super) fn overrides(&self) -> impl Iterator<Item = Override> {
        self.values.iter().map(|value| Override { key: self.key.clone(), value: value.clone() })
    }

    /// The key as people read it: as much of its end as makes clear which it is.
    pub(super) fn label(&self) -> &str {
        &self.label
    }

    /// Whether an override is of the same key.
    pub(super) fn is_of(&self, set: &Override) -> bool {
        below(&set.key) == self.path()
    }

    /// The setting that was probably meant, for a key that is none: the one that ends with most of it.
    pub(super) fn meant(&self) -> Option<String> {
        let parts: Vec<_> = self.path().split('.').collect();
        let settings = dispatcher_settings();
        (0..parts.len()).find_map(|from| {
            let end = parts[from..].join(".");
            let mut of = settings.iter().filter(|key| **key == end || key.ends_with(&format!(".{end}")));
            // Of several that end alike none is more likely.
            let (one, None) = (of.next()?, of.next()) else { return None };
            Some(format!("dispatcher.{one}")).filter(|meant| meant != self.path())
        })
    }

    /// The service that the key names, if it names one: not by its place in the list.
    pub(super) fn service(&self) -> Option<&str> {
        let mut parts = self.path().split('.').skip_while(|part| *part != "services").skip(1);
        parts.next().filter(|name| name.parse::<usize>().is_err())
    }

    /// The path below `scenario`.
    pub(super) fn path(&self) -> &str {
        below(&self.key)
    }
}

fn label(path: &str) -> String {
    let parts: Vec<_> = path.split('.').collect();
    let end = |length: usize| parts[parts.len() - length..].join(".");
    let Some(setting) = path.strip_prefix("dispatcher.") else {
        // Of several phases or services it takes all of it; arrivals there are once.
        return if parts.len() > 2 { path.to_owned() } else { end(1) };
    };
    let settings = dispatcher_settings();
    let ends = |end: &str| settings.iter().filter(|key| *key == end || key.ends_with(&format!(".{end}"))).count();
    (1..parts.len()).map(end).find(|end| ends(end) <= 1).unwrap_or_else(|| setting.to_owned())
}

/// The path of each setting that a dispatcher has.
fn dispatcher_settings() -> Vec<String> {
    let reference = Merged::parse("", "").map(|merged| merged.effective(None)).unwrap_or_default();
    reference.into_iter().map(|setting| setting.key).collect()
}

fn below(key: &str) -> &str {
    key.strip_prefix("scenario.").unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        text.parse::<Setting>().unwrap_err().to_string()
    }

    #[test]
    fn a_key_and_its_values() {
        let setting: Setting = "dispatcher.work-settings.concurrent-calls = 1, 2,3".parse().unwrap();
        assert_eq!(
            (setting.label(), &setting.values[..]),
            ("concurrent-calls", &["1", "2", "3"].map(str::to_owned)[..])
        );
        let sets: Vec<_> = setting.overrides().map(|set| set.to_string()).collect();
        assert_eq!(sets[2], "dispatcher.work-settings.concurrent-calls=3");
        let same: Override = "scenario.dispatcher.work-settings.concurrent-calls=7".parse().unwrap();
        assert!(setting.is_of(&same) && !setting.is_of(&"seed=1".parse().unwrap()));
    }

    #[test]
    fn a_label_is_as_long_as_makes_it_clear() {
        let label = |key: &str| format!("{key}=1,2").parse::<Setting>().unwrap().label().to_owned();
        assert_eq!(label("seed"), "seed");
        assert_eq!(label("arrivals.deadline"), "deadline");
        assert_eq!(label("scenario.phases.1.rate"), "phases.1.rate");
        assert_eq!(label("services.backend.slots"), "services.backend.slots");
        assert_eq!(label("dispatcher.queue.capacity"), "capacity");
        assert_eq!(label("dispatcher.autothrottle.algorithm"), "autothrottle.algorithm");
        assert_eq!(label("dispatcher.work-settings.retry-budget.window"), "retry-budget.window");
    }

    #[test]
    fn a_path_that_ends_like_a_setting_means_it() {
        let meant = |key: &str| format!("{key}=1,2").parse::<Setting>().unwrap().meant();
        let calls = Some("dispatcher.work-settings.concurrent-calls".to_owned());
        for path in [
            "concurrent-calls",
            "work-settings.concurrent-calls",
            "kanaloa.dispatchers.x.work-settings.concurrent-calls",
        ] {
            assert_eq!(meant(path), calls, "{path}");
        }
        assert_eq!(meant("enabled"), None);
        assert_eq!(meant("dispatcher.work-settings.concurrent-calls"), None);
    }

    #[test]
    fn a_key_of_a_service_says_which() {
        let service = |key: &str| format!("{key}=1,2").parse::<Setting>().unwrap().service().map(str::to_owned);
        assert_eq!(service("scenario.services.a.slots"), Some("a".to_owned()));
        assert_eq!(service("phases.1.services.b.slots"), Some("b".to_owned()));
        assert_eq!((service("services.0.slots"), service("seed")), (None, None));
    }

    #[test]
    fn what_is_no_setting_says_what_to_do() {
        for text in ["seed", "=1,2", "seed=", ".=1,2"] {
            assert!(refused(text).starts_with(&format!("{text}: expected KEY=VALUE,VALUE...")), "{}", refused(text));
        }
        assert!(refused("seed=1").contains("at least two values"));
        assert!(refused("seed=1,,2").contains("an empty value"));
        assert!(refused("seed=1,2,1").contains("the value 1 is there twice"));
        assert!(refused("seed=1,2,3,4,5,6,7,8,9").contains("9 values, and at most 8"));
    }
}
