//! The `cloudtrail` plugin for Falco: reads AWS CloudTrail events and exposes their fields to rules.
//!
//! Data flows one way: [`source`] finds logs, [`decode`] finds records in them, [`feed`] reads ahead on threads of its
//! own, [`plugin`] gives the records to Falco and answers what rules ask about them through [`fields`]. What is
//! read is remembered across restarts by [`checkpoint`]. [`config`] and [`metrics`] are known to the plugin only. [`printable`] says what log
//! lines and errors may show.
//!
//! The crate is built as a library for its tests and benches; users load the shared object.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::string_slice, reason = "a fault fails the test"))]

pub mod aws;
pub mod checkpoint;
pub mod config;
pub mod decode;
pub mod feed;
pub mod fields;
pub mod metrics;
pub mod plugin;
pub mod printable;
pub mod source;

/// The symbols of Falco's plugin API.
mod export {
    use crate::plugin::CloudTrail;
    use falco_plugin::{extract_plugin, plugin, source_plugin};

    plugin!(CloudTrail);
    source_plugin!(CloudTrail);
    extract_plugin!(CloudTrail);
}
