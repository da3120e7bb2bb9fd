//! Standard output and standard error, whose readers may leave at any time (`kanaloa demo | head -1`).

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

/// Prints a result, and a line end, to standard output. A reader that has left is no error: it has seen what it wanted.
///
/// # Errors
///
/// When it cannot be written for any other reason, such as a full disk.
pub(crate) fn print(result: impl Display) -> io::Result<()> {
    forgive_closed(write_line(io::stdout().lock(), result))
}

/// Tells the user something on standard error. Nobody can be told when that fails.
pub(crate) fn note(text: impl Display) {
    let _ = write_line(io::stderr().lock(), text);
}

fn write_line(mut output: impl Write, text: impl Display) -> io::Result<()> {
    output.write_all(format!("{text}\n").as_bytes())?;
    output.flush()
}

fn forgive_closed(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_has_left_is_no_error_but_a_full_disk_is() {
        assert!(forgive_closed(Err(ErrorKind::BrokenPipe.into())).is_ok());
        assert_eq!(
            forgive_closed(Err(ErrorKind::StorageFull.into())).map_err(|error| error.kind()),
            Err(ErrorKind::StorageFull)
        );
    }

    #[test]
    fn a_result_ends_its_line() {
        let mut output = Vec::new();
        write_line(&mut output, "{}").unwrap();
        assert_eq!(output, b"{}\n");
    }
}
