//! The plugin as Falco sees it. Everything that knows the SDK is in this folder.

pub mod answers;
mod extract;
pub mod payload;
mod report;
mod source;

use crate::config::{Config, UserConfig};
use crate::metrics::Metrics;
use answers::Answers;
use anyhow::anyhow;
use falco_plugin::base::{Json, Metric, Plugin};
use falco_plugin::tables::TablesInput;
use std::ffi::CStr;
use std::fmt::Display;

/// The plugin: one for each engine that loads it. It starts no thread and touches no file before it is opened.
pub struct CloudTrail {
    config: Config,
    metrics: Metrics,
    answers: Answers,
}

/// Makes a C string of text that is known when the plugin is built.
const fn c_str(text: &'static str) -> &'static CStr {
    match CStr::from_bytes_with_nul(text.as_bytes()) {
        Ok(text) => text,
        Err(_) => c"",
    }
}

/// Makes an error for the SDK, which loses a text with a NUL in it or even panics; users' texts may hold one.
fn told(error: impl Display) -> anyhow::Error {
    anyhow!(error.to_string().replace('\0', "\u{fffd}"))
}

impl Plugin for CloudTrail {
    const NAME: &'static CStr = c"cloudtrail";
    const PLUGIN_VERSION: &'static CStr = c_str(concat!(env!("CARGO_PKG_VERSION"), "\0"));
    const DESCRIPTION: &'static CStr = c_str(concat!(
        "Reads AWS CloudTrail events and gives their fields to rules (revision ",
        env!("CLOUDTRAIL_REVISION"),
        ")\0"
    ));
    const CONTACT: &'static CStr = c_str(concat!(env!("CARGO_PKG_REPOSITORY"), "\0"));

    type ConfigType = Json<UserConfig>;

    fn new(_input: Option<&TablesInput>, Json(config): Self::ConfigType) -> Result<Self, anyhow::Error> {
        let config = Config::from_user(config).map_err(told)?;
        for notice in config.notices() {
            log::info!("{notice}");
        }
        Ok(Self { config, metrics: Metrics::default(), answers: Answers::new() })
    }

    fn get_metrics(&mut self) -> impl IntoIterator<Item = Metric> {
        self.metrics.export()
    }
}
