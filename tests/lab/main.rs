//! The promises of `kanaloa::lab`, one file for each theme.

mod files;
