//! The tests of the plugin from outside: the shared object itself, on the real engine, on real files.
//!
//! One binary, so that it links once. Each module names what it holds the plugin to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![allow(clippy::indexing_slicing, clippy::string_slice, reason = "a fault fails the test")]

mod abi;
mod alerts;
mod aws;
mod coverage;
mod dashboard;
mod deploy;
mod docs;
mod engine;
mod files;
mod hostile;
mod json;
mod layers;
mod oracle;
mod pictures;
mod rules;
mod snippets;
mod start;
mod troubleshooting;
mod values;
mod whole;
mod workflows;
