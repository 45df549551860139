//! The `json` plugin for Falco: gives rules the values of any event whose payload is JSON, by JSON pointers.
//!
//! It stands in for the official plugin of this name, whose verdicts it keeps: [`fields`] says what they are,
//! [`plugin`] binds them to Falco. Reading JSON and answering Falco is done by the crates that it shares with the
//! `cloudtrail` plugin.

#![forbid(unsafe_code)]

pub mod fields;
pub mod plugin;

/// The symbols of Falco's plugin API.
mod export {
    use crate::plugin::JsonPlugin;
    use falco_plugin::{extract_plugin, plugin};

    plugin!(JsonPlugin);
    extract_plugin!(JsonPlugin);
}
