//! To and from the crate `config`, for applications that have sources of their own.

use std::collections::HashMap;

use ::config::{Config, ConfigError, Map, Source, Value as Theirs, ValueKind};

use super::all::Settings;
use super::hocon::{self, Content, Layers, Scalar, ScalarKind, Value};
use super::known::Known;
use super::merged::Merged;
use super::problem::SettingsError;

/// How values of `reference.conf` are marked in a [`Config`], to be told from those that somebody set.
const REFERENCE: &str = "reference.conf of kanaloa";

/// The name of a value that comes with none.
const NAMELESS: &str = "a value set in code";

/// The merged files as a source, what they say for others than Kanaloa included. Each value has its file and line for
/// an origin. Sources that are added later lie over it.
impl Source for Merged {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Theirs>, ConfigError> {
        let keys = self.root.object().into_iter().flatten();
        Ok(keys.filter_map(|(key, _)| Some((key.clone(), theirs(&self.root.key(key)?, &self.layers)))).collect())
    }
}

impl Settings {
    /// Reads the settings from `config`, laid over `reference.conf`.
    ///
    /// With [`Merged`] among the sources of `config`, other sources can be laid over HOCON files. What these say with
    /// `${...}` is looked up before; `reference.conf` looks up afterwards, so that `resize-interval` follows an
    /// `update-interval` from any source.
    ///
    /// # Errors
    ///
    /// Everything that is wrong under `kanaloa`, with the origin that the source gave. A setting that is given in two
    /// spellings is one of them, since nobody can tell any more which came later.
    ///
    /// # Examples
    ///
    /// ```
    /// use kanaloa::config::{Merged, Settings};
    ///
    /// let files = Merged::parse("application.conf", "kanaloa.dispatchers.search.workTimeout = 2s")?;
    /// let config = config::Config::builder()
    ///     .add_source(files)
    ///     .set_override("kanaloa.dispatchers.search.queue.capacity", 100)?
    ///     .build()?;
    /// let search = Settings::from_config(&config)?.dispatcher("search");
    /// assert_eq!((search.work.service_timeout.as_secs(), search.queue.capacity), (2, 100));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_config(config: &Config) -> Result<Self, SettingsError> {
        let mut bridge = Bridge { layers: Layers::new(), sources: HashMap::new() };
        if let ValueKind::Table(keys) = &config.cache.kind {
            for (key, value) in in_order(keys) {
                let is_foreign = hocon::known().step(key).is_some_and(|step| matches!(step.known, Known::Foreign));
                if !is_foreign {
                    bridge.lay(vec![key.clone()], value);
                }
            }
        }
        bridge.layers.refuse_double_spelling();
        Merged::read(bridge.layers, &HashMap::new()).map(Merged::into_settings)
    }
}

struct Bridge {
    layers: Layers,
    /// The sources by their names.
    sources: HashMap<String, usize>,
}

impl Bridge {
    /// Lays a value over the reference, key by key.
    fn lay(&mut self, path: Vec<String>, value: &Theirs) {
        let scalar = match &value.kind {
            ValueKind::Table(keys) if !keys.is_empty() => {
                for (key, value) in in_order(keys) {
                    self.lay([path.as_slice(), std::slice::from_ref(key)].concat(), value);
                }
                return;
            }
            // The reference has them all, but for dispatchers, of which an empty one says nothing.
            ValueKind::Table(_) => return,
            ValueKind::Array(_) => None,
            ValueKind::Nil => Some(Scalar::bare("null".into())),
            ValueKind::String(text) => Some(Scalar::text(text.as_str())),
            ValueKind::Boolean(_)
            | ValueKind::I64(_)
            | ValueKind::I128(_)
            | ValueKind::U64(_)
            | ValueKind::U128(_)
            | ValueKind::Float(_) => Some(Scalar::bare(value.kind.to_string())),
        };
        let name = value.origin().unwrap_or(NAMELESS);
        if name.starts_with(REFERENCE) {
            return;
        }
        let source = match self.sources.get(name) {
            Some(source) => *source,
            None => {
                let source = self.layers.add_source(name.to_owned());
                self.sources.insert(name.to_owned(), source);
                source
            }
        };
        self.layers.lay_value(source, &path, scalar);
    }
}

/// A table has no order of its own; this one makes reports repeatable.
fn in_order(keys: &Map<String, Theirs>) -> Vec<(&String, &Theirs)> {
    let mut keys: Vec<_> = keys.iter().collect();
    keys.sort_by_key(|(key, _)| *key);
    keys
}

/// A value of ours as one of theirs.
fn theirs(value: &Value, layers: &Layers) -> Theirs {
    let place = layers.place(value.brought.unwrap_or(value.written));
    let origin = match place.strip_prefix(hocon::REFERENCE_NAME) {
        Some(line) => format!("{REFERENCE}{line}"),
        None => place,
    };
    let kind = match &*value.content {
        Content::Object(keys) => {
            let keys = keys.keys().filter_map(|key| Some((key.clone(), theirs(&value.key(key)?, layers))));
            ValueKind::Table(keys.collect())
        }
        Content::List(items) => ValueKind::Array(items.iter().map(|item| theirs(item, layers)).collect()),
        Content::Scalar(scalar) => match scalar.kind {
            ScalarKind::Null => ValueKind::Nil,
            ScalarKind::Boolean => ValueKind::Boolean(scalar.text == "true"),
            ScalarKind::Number => match (scalar.text.parse(), scalar.number()) {
                (Ok(whole), _) => ValueKind::I64(whole),
                (_, Some(number)) => ValueKind::Float(number),
                _ => ValueKind::String(scalar.text.clone()),
            },
            ScalarKind::Text => ValueKind::String(scalar.text.clone()),
        },
        Content::Unresolved => ValueKind::Nil,
    };
    Theirs::new(Some(&origin), kind)
}
