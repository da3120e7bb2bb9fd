//! The files of a report.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// What a report is called that is one file.
const REPORT: &str = "report.html";

/// Where a file of a report will be written, found to be writable.
#[derive(Debug)]
pub(crate) struct ReportFile {
    path: PathBuf,
    /// While it is written: a report is there as a whole or not at all.
    unfinished: PathBuf,
}

impl ReportFile {
    /// A report in this directory, which is made if it is not there. An earlier report stays until it is replaced.
    ///
    /// # Errors
    ///
    /// When it could not be written.
    pub(crate) fn in_directory(directory: &Path) -> io::Result<Self> {
        Self::named(directory, REPORT)
    }

    /// The same for a file of another name.
    ///
    /// # Errors
    ///
    /// When it could not be written.
    pub(crate) fn named(directory: &Path, name: &str) -> io::Result<Self> {
        if directory.exists() && !directory.is_dir() {
            return Err(io::Error::new(ErrorKind::NotADirectory, "it is there, and not a directory"));
        }
        fs::create_dir_all(directory)?;
        let file = ReportFile { path: directory.join(name), unfinished: directory.join(format!(".{name}.unfinished")) };
        if file.path.is_dir() {
            return Err(io::Error::new(ErrorKind::IsADirectory, format!("{name} in it is a directory")));
        }
        fs::write(&file.unfinished, [])?;
        fs::remove_file(&file.unfinished)?;
        Ok(file)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn write(&self, text: &str) -> io::Result<()> {
        let written = fs::write(&self.unfinished, text).and_then(|()| fs::rename(&self.unfinished, &self.path));
        if written.is_err() {
            // What is left of it is of no use; the error to report is the first.
            let _ = fs::remove_file(&self.unfinished);
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use std::process;

    use super::*;

    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let directory = std::env::temp_dir().join(format!("kanaloa-report-{name}-{}", process::id()));
            let _ = fs::remove_dir_all(&directory);
            Directory(directory)
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_report_replaces_the_earlier_and_leaves_nothing_else() {
        let directory = Directory::new("replaces");
        for text in ["first", "second"] {
            let file = ReportFile::in_directory(&directory.0.join("deep/er")).unwrap();
            file.write(text).unwrap();
            assert_eq!(fs::read_to_string(file.path()).unwrap(), text);
        }
        assert_eq!(fs::read_dir(directory.0.join("deep/er")).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_written_is_found_out_before() {
        let directory = Directory::new("occupied");
        fs::create_dir_all(directory.0.join(REPORT)).unwrap();
        assert_eq!(ReportFile::in_directory(&directory.0).unwrap_err().kind(), ErrorKind::IsADirectory);
        fs::write(directory.0.join("file"), "").unwrap();
        let not_a_directory = ReportFile::in_directory(&directory.0.join("file"));
        assert_eq!(not_a_directory.unwrap_err().kind(), ErrorKind::NotADirectory);
    }

    #[test]
    fn a_failed_report_leaves_nothing() {
        let directory = Directory::new("failed");
        let file = ReportFile::in_directory(&directory.0).unwrap();
        fs::create_dir(directory.0.join(REPORT)).unwrap();
        assert!(file.write("text").is_err());
        assert_eq!(fs::read_dir(&directory.0).unwrap().count(), 1);
    }
}
