//! Fuzzing: each target is a function of bytes that panics when something is not as it should be. The bytes come from
//! an engine that looks for new paths through the code (`main.rs`), or from what is kept of its finds
//! (`tests/replay.rs`); what the targets hold the code to is told where they are.
//!
//! The modules under test are taken in as they are, since they know nothing of the rest of the library: with all of
//! it, the SDK of AWS would have to be built once more. Their unit tests run where they are from.

#![cfg(not(test))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a panic is how a target tells a fault; the modules are held to more where they are from"
)]

#[path = "../../src/checkpoint/mod.rs"]
pub mod checkpoint;
#[path = "../../src/config/mod.rs"]
pub mod config;
#[path = "../../src/decode/mod.rs"]
pub mod decode;
#[path = "../../src/fields/mod.rs"]
pub mod fields;
#[path = "../../json/src/fields.rs"]
pub mod json_fields;
#[path = "../../tests/oracle/mod.rs"]
#[allow(missing_docs)]
pub mod oracle;
#[path = "../../src/printable.rs"]
pub mod printable;

mod choices;
pub mod seeds;
mod source;
mod targets;
mod washing;

/// A target.
pub struct Target {
    /// Its name, also that of its folder in `corpus`.
    pub name: &'static str,
    /// Takes an input, and panics when something is wrong.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "decode", run: targets::decode::run },
    Target { name: "notice", run: targets::notice::run },
    Target { name: "key", run: source::s3::key::run },
    Target { name: "digest", run: source::s3::integrity::target::run },
    Target { name: "fields", run: targets::fields::run },
    Target { name: "json", run: targets::json::run },
    Target { name: "config", run: targets::config::run },
    Target { name: "state", run: targets::state::run },
];

/// Returns the target of a name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
