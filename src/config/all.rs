//! The settings of all dispatchers, read from files laid over each other.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::LazyLock;

use super::hocon::Layers;
use super::merged::Merged;
use super::problem::{Problem, SettingsError};
use super::read::reference_statsd;
use super::rules;
use super::settings::{DispatcherSettings, MetricsSettings, StatsDSettings};

/// The settings of all dispatchers.
///
/// They are read from HOCON files laid over the crate's `reference.conf`, which explains every key. All dispatchers
/// are checked when the files are read, so asking for the settings of one cannot fail.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use kanaloa::config::Settings;
///
/// let settings = Settings::parse("application.conf", "kanaloa.dispatchers.search.workTimeout = 2s")?;
/// assert_eq!(settings.dispatcher("search").work.service_timeout, Duration::from_secs(2));
/// assert_eq!(settings.dispatcher("other").work.service_timeout, Duration::from_secs(60));
/// # Ok::<(), kanaloa::config::SettingsError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub(super) default: Both,
    pub(super) named: BTreeMap<String, Both>,
}

/// What holds for a dispatcher of one name, whichever kind it turns out to be.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Both {
    pub(super) pushing: DispatcherSettings,
    pub(super) pulling: DispatcherSettings,
}

// Panics if and only if the text that is compiled in breaks the crate's own rules, which tests would show.
static REFERENCE: LazyLock<Settings> =
    LazyLock::new(|| Merged::read(Layers::new(), &HashMap::new()).expect("reference.conf is valid").into_settings());

// The same holds for it.
static REFERENCE_STATSD: LazyLock<StatsDSettings> =
    LazyLock::new(|| reference_statsd().expect("reference.conf has every key"));

impl Settings {
    /// The settings of `reference.conf`.
    pub fn reference() -> Self {
        REFERENCE.clone()
    }

    /// Reads `files`, each laid over those before it and all over `reference.conf`, and variables of the environment
    /// over all of them.
    ///
    /// A variable's name is `CONFIG_FORCE_` and the path of a key, in which `_` stands for a dot, `__` for a dash and
    /// `___` for an underscore: `CONFIG_FORCE_kanaloa_default__dispatcher_update__interval=1s`.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with any of the files and variables.
    pub fn load(files: impl IntoIterator<Item = impl AsRef<Path>>) -> Result<Self, SettingsError> {
        Merged::load(files).map(Merged::into_settings)
    }

    /// Reads `text`, laid over `reference.conf`. Problems are reported under `name`. The environment overrides nothing;
    /// `${...}` may lead to it.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the text.
    pub fn parse(name: &str, text: &str) -> Result<Self, SettingsError> {
        Merged::parse(name, text).map(Merged::into_settings)
    }

    /// The dispatchers that have settings of their own, in the order of their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.named.keys().map(String::as_str)
    }

    pub(super) fn dispatcher_or_default(&self, name: Option<&str>) -> &Both {
        name.and_then(|name| self.named.get(name)).unwrap_or(&self.default)
    }

    /// The settings of the dispatcher `name`: `kanaloa.dispatchers.NAME` over `kanaloa.default-dispatcher`.
    pub fn dispatcher(&self, name: &str) -> DispatcherSettings {
        self.dispatcher_or_default(Some(name)).pushing.clone()
    }

    /// The settings of the dispatcher `name` if it pulls its work: `kanaloa.dispatchers.NAME` over
    /// `kanaloa.default-pulling-dispatcher` over `kanaloa.default-dispatcher`.
    pub fn pulling_dispatcher(&self, name: &str) -> DispatcherSettings {
        self.dispatcher_or_default(Some(name)).pulling.clone()
    }
}

impl Default for DispatcherSettings {
    /// The values of `kanaloa.default-dispatcher` in `reference.conf`.
    fn default() -> Self {
        REFERENCE.default.pushing.clone()
    }
}

impl MetricsSettings {
    /// Reports to StatsD on `host`, a name or an address, otherwise as `reference.conf` says.
    pub fn new(host: impl Into<String>) -> Self {
        let mut statsd = REFERENCE_STATSD.clone();
        statsd.host = host.into();
        Self { statsd }
    }
}

impl DispatcherSettings {
    /// Checks settings that were put together in code by the rules that hold for files.
    ///
    /// # Errors
    ///
    /// Every rule they break.
    pub fn validate(&self) -> Result<(), SettingsError> {
        let problems: Vec<_> = rules::broken(self)
            .into_iter()
            .map(|broken| Problem {
                source: None,
                line: None,
                key: broken.keys.first().map(|key| (*key).to_owned()),
                kind: Problem::bad_value(broken.expected, broken.found),
            })
            .collect();
        if problems.is_empty() { Ok(()) } else { Err(SettingsError::new(problems)) }
    }
}
