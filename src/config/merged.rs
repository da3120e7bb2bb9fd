//! The files as they are merged, with where each value comes from.

use std::collections::HashMap;
use std::path::Path;

use super::all::Settings;
use super::hocon::{Layers, Scalar, Value};
use super::judge::judge;
use super::overrides::overrides;
use super::problem::{ProblemKind, SettingsError};

/// Files laid over `reference.conf`, merged, all references looked up, and found right.
///
/// [`Settings`] is what dispatchers need of it. This knows where each value comes from, and holds what the files say for
/// others beside Kanaloa too.
#[derive(Debug, Clone)]
pub struct Merged {
    pub(super) root: Value,
    pub(super) layers: Layers,
    settings: Settings,
}

impl Merged {
    /// Reads what [`Settings::load`] reads.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with any of the files and variables.
    pub fn load(files: impl IntoIterator<Item = impl AsRef<Path>>) -> Result<Self, SettingsError> {
        Self::load_in(&environment(), files)
    }

    /// Reads what [`Settings::parse`] reads.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the text.
    pub fn parse(name: &str, text: &str) -> Result<Self, SettingsError> {
        Self::read(layer_of(name, text), &environment())
    }

    /// The settings of all dispatchers.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(super) fn into_settings(self) -> Settings {
        self.settings
    }

    /// Reads `files`, and what `environment` sets over them.
    pub(super) fn load_in(
        environment: &HashMap<String, String>,
        files: impl IntoIterator<Item = impl AsRef<Path>>,
    ) -> Result<Self, SettingsError> {
        Self::read(layers_of(environment, files), environment)
    }

    /// Looks references up, which may lead to `environment`, and checks the whole.
    pub(super) fn read(mut layers: Layers, environment: &HashMap<String, String>) -> Result<Self, SettingsError> {
        let root = layers.resolve(environment);
        match judge(&root, &mut layers) {
            Some(settings) if layers.problems.is_empty() => Ok(Self { root, layers, settings }),
            _ => Err(SettingsError::new(layers.into_problems())),
        }
    }
}

/// `files`, each over those before it, and what `environment` sets over them.
pub(super) fn layers_of(
    environment: &HashMap<String, String>,
    files: impl IntoIterator<Item = impl AsRef<Path>>,
) -> Layers {
    let mut layers = Layers::new();
    for file in files {
        let file = file.as_ref();
        let source = layers.add_source(file.display().to_string());
        match std::fs::read_to_string(file) {
            Ok(text) => layers.lay(source, Some(file.to_owned()), &text),
            Err(error) => layers.report(Some(source), None, None, ProblemKind::Unreadable(error.to_string())),
        }
    }
    for set in overrides(environment) {
        let source = layers.add_source(set.variable.to_owned());
        match &set.path {
            Some(path) => layers.lay_value(source, path, Some(Scalar::text(set.text))),
            None => {
                let message = "the name leads to no key: _ is a dot, __ a dash, ___ an underscore";
                layers.report(Some(source), None, None, ProblemKind::Syntax(message.into()));
            }
        }
    }
    layers
}

/// A text over the reference.
pub(super) fn layer_of(name: &str, text: &str) -> Layers {
    let mut layers = Layers::new();
    let source = layers.add_source(name.to_owned());
    layers.lay(source, None, text);
    layers
}

/// The environment, without what is not UTF-8 and so cannot be named in a file.
pub(super) fn environment() -> HashMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is loaded when there are these variables and no files.
    fn loaded(variables: &[(&str, &str)]) -> Result<Settings, String> {
        let environment = variables.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let none: [&str; 0] = [];
        Merged::load_in(&environment, none).map(Merged::into_settings).map_err(|error| error.to_string())
    }

    #[test]
    fn a_variable_overrides_before_references_are_looked_up() {
        let settings = loaded(&[("CONFIG_FORCE_kanaloa_default__dispatcher_update__interval", "1s")]).unwrap();
        let settings = settings.dispatcher("any");
        assert_eq!(settings.update_interval.as_millis(), 1_000);
        assert_eq!(settings.autothrottle.unwrap().resize_interval.as_millis(), 1_000);
    }

    #[test]
    fn a_variable_may_spell_as_files_may() {
        let settings = loaded(&[
            ("CONFIG_FORCE_kanaloa_dispatchers_my___shop_workTimeout", "3s"),
            ("CONFIG_FORCE_kanaloa_dispatchers_my___shop_worker__pool_minPoolSize", "3"),
        ]);
        let settings = settings.unwrap().dispatcher("my_shop");
        assert_eq!((settings.work.service_timeout.as_secs(), settings.worker_pool.min_pool_size), (3, 3));
    }

    #[test]
    fn what_is_wrong_names_the_variable() {
        let cases = [
            (
                "CONFIG_FORCE_kanaloa_default__dispatcher_updat__interval",
                "1s",
                "kanaloa.default-dispatcher.updat-interval: unknown key; did you mean update-interval?",
            ),
            (
                "CONFIG_FORCE_kanaloa_default__dispatcher_update__interval",
                "soon",
                "kanaloa.default-dispatcher.update-interval: expected a duration such as 500ms, found \"soon\"",
            ),
            ("CONFIG_FORCE_kanaloa_queue", "1", "kanaloa.queue: unknown key; did you mean default-dispatcher.queue?"),
            ("CONFIG_FORCE_kanalao_queue", "1", "kanalao.queue: unknown key; did you mean kanaloa?"),
            ("CONFIG_FORCE_kanaloa", "1", "kanaloa: expected an object, found \"1\""),
            (
                "CONFIG_FORCE_kanaloa____queue",
                "1",
                "the name leads to no key: _ is a dot, __ a dash, ___ an underscore",
            ),
        ];
        for (variable, text, expected) in cases {
            assert_eq!(loaded(&[(variable, text)]).unwrap_err(), format!("{variable}: {expected}"));
        }
    }

    #[test]
    fn variables_of_others_are_left_alone() {
        let variables = [("CONFIG_FORCE_akka_loglevel", "DEBUG"), ("KANALOA", "x"), ("kanaloa_queue", "x")];
        assert_eq!(loaded(&variables).unwrap(), Settings::reference());
    }

    #[test]
    fn a_reference_may_lead_to_the_environment() {
        let environment = HashMap::from([("POOL".to_owned(), "7".to_owned())]);
        let mut layers = Layers::new();
        let source = layers.add_source("app.conf".into());
        let text = "kanaloa.default-dispatcher.worker-pool { min-pool-size = ${POOL}, max-pool-size = ${?POLL} }";
        layers.lay(source, None, text);
        let pool = Merged::read(layers, &environment).unwrap().settings().dispatcher("any").worker_pool;
        assert_eq!((pool.min_pool_size, pool.max_pool_size), (7, 10_000));
    }
}
