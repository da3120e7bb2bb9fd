//! The promises of `kanaloa::config`, one file for each theme.

#[path = "settings/built_in_code.rs"]
mod built_in_code;
#[cfg(feature = "demo")]
#[path = "settings/check_config.rs"]
mod check_config;
#[path = "settings/golden.rs"]
mod golden;
#[path = "settings/includes.rs"]
mod includes;
#[path = "settings/keys.rs"]
mod keys;
#[path = "settings/layers.rs"]
mod layers;
#[path = "settings/mistakes.rs"]
mod mistakes;
#[path = "settings/references.rs"]
mod references;
#[path = "settings/sources.rs"]
mod sources;
#[path = "settings/syntax.rs"]
mod syntax;
#[path = "settings/values.rs"]
mod values;

use std::path::PathBuf;

use kanaloa::config::Settings;

/// A directory of its own for one test, removed at its end.
struct Files(PathBuf);

impl Files {
    fn new(test: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("kanaloa-settings-{}-{test}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        Self(directory)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn with(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The settings of a text that is sound.
fn parsed(text: &str) -> Settings {
    Settings::parse("app.conf", text).unwrap_or_else(|error| panic!("{text}\n{error}"))
}

/// What is reported for a text that is not.
fn refused(text: &str) -> String {
    match Settings::parse("app.conf", text) {
        Ok(_) => panic!("accepted:\n{text}"),
        Err(error) => error.to_string(),
    }
}
