use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where `install.sh` has put things.
#[derive(Debug, Clone)]
pub(crate) struct Installed(PathBuf);

impl Installed {
    /// With all of these, named by what is there when they are; or it is said what is missing.
    pub(crate) fn with(wanted: &[&str]) -> Option<Self> {
        let Some(directory) = std::env::var_os("KANALOA_MONITORING") else {
            eprintln!(
                "left out: KANALOA_MONITORING does not say where tests/monitoring/install.sh has put what it takes"
            );
            return None;
        };
        // The path is as seen from where cargo was called; tests run in the package's directory.
        let installed = Self(Path::new(env!("CARGO_MANIFEST_DIR")).join(directory));
        let missing: Vec<_> = wanted.iter().filter(|part| !installed.path(part).exists()).collect();
        if !missing.is_empty() {
            eprintln!("left out: {missing:?} is not installed");
            return None;
        }
        Some(installed)
    }

    pub(crate) fn path(&self, part: &str) -> PathBuf {
        self.0.join(part)
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.0
    }
}

/// Runs a script beside the tests, which is to have nothing to say.
pub(crate) fn node(script: &str, args: impl IntoIterator<Item = impl AsRef<OsStr>>) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/monitoring").join(script);
    let output = Command::new("node").arg(&script).args(args).output().expect("node runs");
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    assert!(output.status.success(), "{}: {}\n{said}", script.display(), output.status);
}

/// What a generator prints: the dashboard of which there is no file.
pub(crate) fn generated(option: &str) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("grafana/generate.mjs");
    let output = Command::new("node").arg(script).arg(option).output().expect("node runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
