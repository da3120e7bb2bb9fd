//! What is written to the log. The logger is the whole process's, so each test looks for its own dispatcher's name.

mod floods;
mod memory;
mod overload;
mod requests;
mod states;
#[path = "../actors/support.rs"]
#[allow(dead_code, reason = "this binary uses a part of it")]
mod support;
