//! The promises of the actor system, in virtual time.

mod balance;
mod breaker;
mod budgets;
mod calls;
mod copies;
mod handlers;
mod laws;
mod life;
mod losses;
mod membership;
mod metrics;
mod order;
mod overload;
mod priorities;
mod providers;
mod redelivery;
mod shutdown;
mod support;
mod tails;
mod threads;
