//! Single values over those of a file, as a command line gives them.

use std::fmt;
use std::str::FromStr;

use crate::config::document::{DOCUMENT, Laid};

/// A value that is laid over a scenario's.
///
/// The key is a path below `scenario`, which may stand before it. A number in it counts the items of a list from 0; a
/// service is found by its name too. Where `${...}` leads to a value, it follows the override, unless that is of an item
/// of a list.
///
/// # Examples
///
/// ```
/// use kanaloa::lab::Override;
///
/// let slots: Override = "services.backend.slots=40".parse()?;
/// assert_eq!(slots, Override { key: "services.backend.slots".into(), value: "40".into() });
/// assert!("services.backend.slots".parse::<Override>().is_err());
/// # Ok::<(), kanaloa::lab::NoOverride>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// The path of the key.
    pub key: String,
    /// The value as it would stand in the file, without quotes. No list and no object.
    pub value: String,
}

/// A text that is no [`Override`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected KEY=VALUE, such as arrivals.deadline=2s, found \"{text}\"")]
pub struct NoOverride {
    text: String,
}

impl FromStr for Override {
    type Err = NoOverride;

    fn from_str(text: &str) -> Result<Self, NoOverride> {
        let parts = text.split_once('=').map(|(key, value)| (key.trim(), value.trim()));
        match parts {
            Some((key, value)) if key.split('.').all(|segment| !segment.is_empty()) => {
                Ok(Self { key: key.to_owned(), value: value.to_owned() })
            }
            _ => Err(NoOverride { text: text.to_owned() }),
        }
    }
}

impl fmt::Display for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.key, self.value)
    }
}

impl Override {
    pub(super) fn laid(&self) -> Laid<'_> {
        let below = self.key.strip_prefix(DOCUMENT).and_then(|rest| rest.strip_prefix('.'));
        let path = below.unwrap_or(&self.key).split('.').map(str::to_owned).collect();
        Laid { name: format!("--set {self}"), path, text: &self.value }
    }
}
