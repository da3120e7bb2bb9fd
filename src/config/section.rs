//! One object of a file, read key by key.

use std::time::Duration;

use crate::config::document::{Document, Node, nearest, one_of};
use crate::config::known::kebab;

/// What a value must lie between, both included but for a lower one that is `above`.
#[derive(Clone, Copy)]
pub(crate) struct Bounds<T> {
    low: T,
    is_above: bool,
    high: T,
}

impl<T: PartialOrd + Copy> Bounds<T> {
    pub(crate) const fn from(low: T, high: T) -> Self {
        Self { low, is_above: false, high }
    }

    #[cfg(feature = "lab")]
    pub(crate) const fn above(low: T, high: T) -> Self {
        Self { low, is_above: true, high }
    }

    pub(crate) fn hold(&self, value: T) -> bool {
        let is_low = if self.is_above { value <= self.low } else { value < self.low };
        !is_low && value <= self.high
    }

    pub(crate) fn in_words(&self, show: impl Fn(T) -> String) -> String {
        let (low, high) = (show(self.low), show(self.high));
        if self.is_above { format!("above {low} and at most {high}") } else { format!("from {low} to {high}") }
    }
}

#[cfg(feature = "lab")]
impl Bounds<f64> {
    /// What a number must be, in words.
    pub(crate) fn number(&self) -> String {
        format!("a number {}", self.in_words(|number| number.to_string()))
    }
}

/// An object whose keys are all known.
pub(crate) struct Section<'a> {
    pub(crate) document: &'a mut Document,
    at: &'a Node,
    keys: Vec<Node>,
    /// What holds where it says nothing.
    under: Vec<Node>,
}

impl<'a> Section<'a> {
    /// Opens the object at a place, and refuses what it has beside `known`. `None`, which is reported, if it is none.
    pub(crate) fn open(document: &'a mut Document, at: &'a Node, known: &[&str]) -> Option<Self> {
        let Some(keys) = at.keys() else {
            document.refuse(at, "an object");
            return None;
        };
        for node in keys.iter().filter(|node| !known.contains(&node.key())) {
            document.unknown(node, nearest(&kebab(node.key()), known.iter().copied()).map(str::to_owned));
        }
        Some(Self { document, at, keys, under: Vec::new() })
    }

    /// The same over another object, whose values hold where this one says nothing.
    #[cfg(feature = "proxy")]
    pub(crate) fn over(self, under: Option<&Node>) -> Self {
        Self { under: under.and_then(Node::keys).unwrap_or_default(), ..self }
    }

    /// The value that holds for a key, if there is one.
    pub(crate) fn node(&self, key: &str) -> Option<Node> {
        self.keys.iter().chain(&self.under).find(|node| node.key() == key).cloned()
    }

    /// The value of a key in the object itself, if it is there.
    #[cfg(feature = "proxy")]
    pub(crate) fn own(&self, key: &str) -> Option<Node> {
        self.keys.iter().find(|node| node.key() == key).cloned()
    }

    /// Where the object is.
    #[cfg(feature = "proxy")]
    pub(crate) fn at(&self) -> &'a Node {
        self.at
    }

    /// What `get` makes of a key unless that says that there is no such thing. As [`value`](Self::value).
    #[cfg(feature = "proxy")]
    pub(crate) fn optional<T>(
        &mut self,
        key: &str,
        expected: &str,
        get: impl FnOnce(&Node) -> Option<T>,
    ) -> Option<Option<T>> {
        self.value(key, &format!("{expected}, or none"), |node| match node.is_none() {
            true => Some(None),
            false => get(node).map(Some),
        })
    }

    /// What `get` makes of each item of a list. `None` if it is not there, and, which is reported, if any cannot be read.
    #[cfg(feature = "proxy")]
    pub(crate) fn list<T>(&mut self, key: &str, expected: &str, get: impl Fn(&Node) -> Option<T>) -> Option<Vec<T>> {
        let items = self.value(key, "a list", Node::items)?;
        let mut read = Vec::with_capacity(items.len());
        for item in &items {
            match get(item) {
                Some(value) => read.push(value),
                None => self.document.refuse(item, expected),
            }
        }
        (read.len() == items.len()).then_some(read)
    }

    /// Reports that a key is missing, if it is.
    pub(crate) fn require(&mut self, key: &str, expected: &str) {
        if self.node(key).is_none() {
            self.document.missing(self.at, key, expected);
        }
    }

    /// What `get` makes of a key. `None` if it is not there, and, which is reported, if it cannot be read.
    pub(crate) fn value<T>(&mut self, key: &str, expected: &str, get: impl FnOnce(&Node) -> Option<T>) -> Option<T> {
        let node = self.node(key)?;
        let value = get(&node);
        if value.is_none() {
            self.document.refuse(&node, expected);
        }
        value
    }

    pub(crate) fn whole<T: TryFrom<u64>>(&mut self, key: &str, bounds: Bounds<u64>) -> Option<T> {
        self.value(key, &whole(bounds), |node| {
            node.whole().filter(|whole| bounds.hold(*whole)).and_then(|whole| whole.try_into().ok())
        })
    }

    #[cfg(feature = "lab")]
    pub(crate) fn number(&mut self, key: &str, bounds: Bounds<f64>) -> Option<f64> {
        self.value(key, &bounds.number(), |node| node.number().filter(|number| bounds.hold(*number)))
    }

    pub(crate) fn duration(&mut self, key: &str, bounds: Bounds<Duration>) -> Option<Duration> {
        self.value(key, &duration(bounds), |node| node.duration().filter(|duration| bounds.hold(*duration)))
    }

    pub(crate) fn switch(&mut self, key: &str) -> Option<bool> {
        self.value(key, "on or off", Node::switch)
    }

    pub(crate) fn word<T: Copy>(&mut self, key: &str, choices: &[(&str, T)]) -> Option<T> {
        self.value(key, &one_of(choices), |node| {
            let word = node.word()?;
            choices.iter().find(|(choice, _)| *choice == word).map(|(_, choice)| *choice)
        })
    }
}

/// A whole number, in words.
pub(crate) fn whole(bounds: Bounds<u64>) -> String {
    match bounds.high {
        u64::MAX => format!("a whole number of at least {}", bounds.low),
        _ => format!("a whole number {}", bounds.in_words(|number| number.to_string())),
    }
}

/// A duration, in words.
pub(crate) fn duration(bounds: Bounds<Duration>) -> String {
    format!("a duration such as 500ms, {}", bounds.in_words(in_hours))
}

/// A duration in whole hours if it is so many, else as it is.
pub(crate) fn in_hours(duration: Duration) -> String {
    match duration.as_secs() {
        _ if duration.is_zero() => "0".to_owned(),
        seconds if duration.subsec_nanos() == 0 && seconds.is_multiple_of(3_600) => format!("{}h", seconds / 3_600),
        _ => format!("{duration:?}"),
    }
}

/// The items of a list. None at all, which is reported, if it is no list or has none.
pub(crate) fn items(document: &mut Document, at: &Node, expected: &str) -> Vec<Node> {
    let items = at.items().unwrap_or_default();
    match at.items() {
        Some(items) if items.is_empty() => document.refuse_found(at, expected, "an empty one"),
        Some(_) => {}
        None => document.refuse(at, expected),
    }
    items
}
