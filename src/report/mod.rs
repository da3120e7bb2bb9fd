//! A page of time plots as one HTML file that needs nothing else: no network, no other file.
//!
//! Who has something to show says what is drawn, in which words and units ([`Page`]). How it looks is decided here.

mod file;
mod html;
mod percentile;
mod spec;
mod table;
pub(crate) mod text;

pub(crate) use self::file::ReportFile;
pub(crate) use self::html::escape;
pub(crate) use self::percentile::percentile;
pub(crate) use self::spec::{Across, Axis, Chart, Drawing, PARTS, Page, Panel, Scale, Series, Tone, Unit};
pub(crate) use self::table::Table;
