//! The promises of a dispatcher that pulls its work, in virtual time.

mod acknowledged;
mod demand;
mod ending;
mod every_item_once;
mod iterators;
mod progress;
mod providers;
mod results;
mod summary;
mod support;
