//! From layers of files to settings, or to everything that is wrong with them.

use std::collections::BTreeMap;

use super::all::{Both, Settings};
use super::hocon::{Layers, Value};
use super::keys::{DEFAULT_DISPATCHER, DEFAULT_PULLING_DISPATCHER, DISPATCHERS, ROOT};
use super::problem::Problem;
use super::read::{Fault, Level, Reader, check_shape};
use super::rules::{self, Broken};
use super::settings::DispatcherSettings;

/// The settings of all dispatchers. What is wrong with them is added to the problems of `layers`; `None` only if the
/// reference lacks a key.
pub(super) fn judge(root: &Value, layers: &mut Layers) -> Option<Settings> {
    Judge { root, layers, complete: true, unowned: Vec::new() }.settings()
}

/// The settings of the one dispatcher whose own are at `path`, over the defaults. What is wrong with them is added to the
/// problems of `layers`; `None` only if the reference lacks a key.
#[cfg(feature = "lab")]
pub(super) fn judge_at(path: &[&str], root: &Value, layers: &mut Layers) -> Option<DispatcherSettings> {
    Judge { root, layers, complete: true, unowned: Vec::new() }.settings_at(path)
}

/// Reads every dispatcher and reports what is wrong with it.
struct Judge<'a> {
    root: &'a Value,
    layers: &'a mut Layers,
    /// Whether nothing wrong has been found that may hide keys, such as a number in the place of an object.
    complete: bool,
    /// Faults of keys that no file sets, such as a reference's that refers to one that a file sets.
    unowned: Vec<Fault>,
}

impl Judge<'_> {
    fn settings(mut self) -> Option<Settings> {
        self.shape(&[ROOT]);
        self.complete = self.layers.problems.is_empty();
        let default = Level::of(self.root, &[ROOT, DEFAULT_DISPATCHER]);
        let pulling = Level::of(self.root, &[ROOT, DEFAULT_PULLING_DISPATCHER]);
        let defaults = [[&pulling, &default].map(Level::clone).to_vec(), vec![default]];
        let default = self.both(None, &defaults)?;
        let dispatchers = Level::of(self.root, &[ROOT, DISPATCHERS]).object;
        let mut named = BTreeMap::new();
        for name in dispatchers.iter().filter_map(Value::object).flat_map(BTreeMap::keys) {
            let level = Level::of(self.root, &[ROOT, DISPATCHERS, name]);
            named.insert(name.clone(), self.both(Some(level), &defaults)?);
        }
        self.unowned();
        Some(Settings { default, named })
    }

    #[cfg(feature = "lab")]
    fn settings_at(mut self, path: &[&str]) -> Option<DispatcherSettings> {
        self.shape(&[ROOT]);
        self.shape(path);
        self.complete = self.layers.problems.is_empty();
        let levels = [path, &[ROOT, DEFAULT_DISPATCHER]].map(|path| Level::of(self.root, path));
        let (settings, broken) = self.read(&levels)?;
        for rule in &broken {
            self.broken(rule, &levels, "");
        }
        self.unowned();
        Some(settings)
    }

    /// Reports what does not belong at `path` or below.
    fn shape(&mut self, path: &[&str]) {
        let known = path.iter().try_fold(self.layers.known(), |known, key| Some(known.step(key)?.known));
        let mut faults = Vec::new();
        if let (Some(known), Some(value)) = (known, Level::of(self.root, path).object) {
            let path: Vec<_> = path.iter().map(|key| (*key).to_owned()).collect();
            check_shape(&value, &path, known, &mut faults);
        }
        faults.into_iter().for_each(|fault| self.fault(fault));
    }

    fn unowned(&mut self) {
        if self.layers.problems.is_empty() {
            for fault in std::mem::take(&mut self.unowned) {
                self.layers.report(None, None, Some(fault.path.join(".")), fault.kind);
            }
        }
    }

    /// Both kinds are checked, since a file does not say which kind a dispatcher will be.
    fn both(&mut self, named: Option<Level>, [pulling, pushing]: &[Vec<Level>; 2]) -> Option<Both> {
        let levels = |defaults: &[Level]| named.iter().chain(defaults).cloned().collect::<Vec<_>>();
        let (pushing_levels, pulling_levels) = (levels(pushing), levels(pulling));
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

    fn read(&mut self, levels: &[Level]) -> Option<(DispatcherSettings, Vec<Broken>)> {
        let (complete, faults, unread) = (self.complete, Vec::new(), Vec::new());
        let mut reader = Reader { root: self.root, levels, complete, faults, unread };
        let settings = reader.dispatcher()?;
        let mut broken = rules::broken(&settings);
        broken.retain(|rule| !rule.keys.iter().any(|key| reader.unread.contains(key)));
        reader.faults.into_iter().for_each(|fault| self.fault(fault));
        Some((settings, broken))
    }

    /// Blames, of the keys that break a rule together, the one that an application set closest to the dispatcher.
    fn broken(&mut self, rule: &Broken, levels: &[Level], when: &str) {
        let in_level = |level: &Level| {
            let values = rule.keys.iter().filter_map(|key| Some((level.path_of(key), level.get(self.root, key)?)));
            values.collect::<Vec<_>>()
        };
        let mut set = levels.iter().flat_map(in_level);
        let blamed = set.find(|(_, value)| self.layers.origin(value).is_some());
        // Nobody can be to blame only if the reference breaks its own rules, which a test excludes.
        let (path, value) = blamed.map_or_else(Default::default, |(path, value)| (path, Some(value)));
        let kind = Problem::bad_value(&rule.expected, format!("{}{when}", rule.found));
        self.fault(Fault { path, value, kind });
    }

    fn fault(&mut self, fault: Fault) {
        match fault.value.as_ref().and_then(|value| self.layers.origin(value)) {
            Some(origin) => {
                let (source, line, key) = (origin.source, origin.line, origin.key_at(&fault.path));
                self.layers.report(source, line, Some(key), fault.kind);
            }
            // Nobody set it: it follows from something that somebody did, and that is reported for itself.
            None => self.unowned.push(fault),
        }
    }
}
