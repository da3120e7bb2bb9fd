//! From layers of files to settings, or to everything that is wrong with them.

use std::collections::HashMap;

use super::all::{Both, Settings};
use super::hocon::{self, Found, Layers, Resolved};
use super::keys::{DEFAULT_DISPATCHER, DEFAULT_PULLING_DISPATCHER, DISPATCHERS, ROOT};
use super::path;
use super::problem::{Problem, SettingsError};
use super::read::{self, Fault, Reader, check_shape};
use super::rules::{self, Broken};
use super::settings::DispatcherSettings;

/// Reads and checks the settings of all dispatchers.
pub(super) fn read(mut layers: Layers) -> Result<Settings, SettingsError> {
    let settings = layers.resolve().and_then(|resolved| Judge::new(&resolved, &mut layers).settings());
    let problems = layers.into_problems();
    match settings {
        Some(settings) if problems.is_empty() => Ok(settings),
        _ => Err(SettingsError::new(problems)),
    }
}

/// Reads every dispatcher and reports what is wrong with it.
struct Judge<'a> {
    resolved: &'a Resolved,
    layers: &'a mut Layers,
    /// Whether nothing wrong has been found that may hide keys, such as a number in the place of an object.
    complete: bool,
    /// Faults of keys that no file sets, such as a reference's that refers to one that a file sets.
    unowned: Vec<Fault>,
}

impl<'a> Judge<'a> {
    fn new(resolved: &'a Resolved, layers: &'a mut Layers) -> Self {
        Self { resolved, layers, complete: true, unowned: Vec::new() }
    }

    fn settings(mut self) -> Option<Settings> {
        let mut faults = Vec::new();
        if let Some(kanaloa) = hocon::known().step(ROOT) {
            check_shape(self.resolved, ROOT, kanaloa.known, &mut faults);
        }
        faults.into_iter().for_each(|fault| self.fault(fault));
        self.complete = self.layers.problems.is_empty();
        let dispatchers = path::join(ROOT, DISPATCHERS);
        let default = self.both(None)?;
        let mut named = HashMap::new();
        if let Some(Found::Object(names)) = self.resolved.at(&dispatchers) {
            for name in names {
                let both = self.both(Some(path::join(&dispatchers, &name)))?;
                named.insert(name, both);
            }
        }
        if self.layers.problems.is_empty() {
            for fault in self.unowned {
                self.layers.report(usize::MAX, None, Some(fault.path), fault.kind);
            }
        }
        Some(Settings { default, named })
    }

    /// Both kinds are checked, since a file does not say which kind a dispatcher will be.
    fn both(&mut self, named: Option<String>) -> Option<Both> {
        let default = path::join(ROOT, DEFAULT_DISPATCHER);
        let pulling = path::join(ROOT, DEFAULT_PULLING_DISPATCHER);
        let pushing_levels: Vec<_> = named.iter().cloned().chain([default.clone()]).collect();
        let pulling_levels: Vec<_> = named.into_iter().chain([pulling, default]).collect();

        let (pushing, broken) = self.read(&pushing_levels)?;
        let (pulling, broken_if_pulling) = self.read(&pulling_levels)?;
        for rule in &broken {
            self.broken(rule, &pushing_levels, "");
        }
        for rule in broken_if_pulling.iter().filter(|rule| !broken.contains(rule)) {
            self.broken(rule, &pulling_levels, " as a pulling dispatcher");
        }
        Some(Both { pushing, pulling })
    }

    fn read(&mut self, levels: &[String]) -> Option<(DispatcherSettings, Vec<Broken>)> {
        let (complete, faults, unread) = (self.complete, Vec::new(), Vec::new());
        let mut reader = Reader { resolved: self.resolved, levels, complete, faults, unread };
        let settings = reader.dispatcher()?;
        let mut broken = rules::broken(&settings);
        broken.retain(|rule| !rule.keys.iter().any(|key| reader.unread.contains(key)));
        reader.faults.into_iter().for_each(|fault| self.fault(fault));
        Some((settings, broken))
    }

    fn broken(&mut self, rule: &Broken, levels: &[String], when: &str) {
        let path = self.to_blame(levels, &rule.keys);
        self.fault(Fault { path, kind: Problem::bad_value(&rule.expected, format!("{}{when}", rule.found)) });
    }

    /// Of the `keys` that break a rule together, the one that an application file set closest to the dispatcher.
    fn to_blame(&self, levels: &[String], keys: &[&str]) -> String {
        let in_level = |level| keys.iter().flat_map(move |key| read::paths(std::slice::from_ref(level), key));
        let mut paths = levels.iter().flat_map(in_level);
        let set = |path: &String| self.resolved.at(path).is_some() && self.layers.origins.of(path).is_some();
        // No file can be to blame only if the reference breaks its own rules, which a test excludes.
        paths.find(set).unwrap_or_else(|| keys.join(", "))
    }

    fn fault(&mut self, fault: Fault) {
        match self.layers.origins.of(&fault.path) {
            Some(origin) => {
                let source = origin.source.unwrap_or(usize::MAX);
                self.layers.report(source, origin.line, Some(origin.written), fault.kind);
            }
            // Nobody set it: it follows from something that somebody did, and that is reported for itself.
            None => self.unowned.push(fault),
        }
    }
}
