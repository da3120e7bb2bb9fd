//! `kanaloa proxy` as a program: a process of its own between clients and services over real sockets, one file for each
//! theme.
#![cfg(unix)]

mod dead_upstream;
mod drain;
mod examples;
mod foreign_clients;
mod krakend;
mod mistakes;
mod privacy;
mod rapid_reset;
mod reload;
mod slowloris;
mod smuggling;
mod smuggling_h2;
mod support;
