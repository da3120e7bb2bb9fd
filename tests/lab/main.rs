//! The promises of `kanaloa::lab`, one file for each theme.

mod built_in;
mod files;
