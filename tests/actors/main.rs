//! The promises of the actor system, in virtual time.

mod calls;
mod handlers;
mod life;
mod losses;
mod overload;
mod redelivery;
mod support;
mod threads;
