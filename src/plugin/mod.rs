//! The plugin as Falco sees it. Everything that knows the SDK is in this folder.

mod delivered;
mod extract;
pub mod payload;
mod report;
mod source;
mod sources;

use crate::config::{Config, UserConfig};
use crate::fields::CloudTrailFields;
use crate::metrics::Metrics;
use crate::printable::{LINE, printable};
use delivered::Delivered;
use extraction::{Answers, c_str, sdk_error};
use falco_plugin::base::{Json, Metric, Plugin};
use falco_plugin::tables::TablesInput;
use faults::guarded;
use std::ffi::CStr;
use std::fmt::Display;

/// The plugin: one for each engine that loads it. It starts no thread and touches no file before it is opened, and what is
/// dropped with it when all is closed is memory alone. Every call is guarded, so that none ends in a panic.
pub struct CloudTrail {
    config: Config,
    metrics: Metrics,
    answers: Answers<CloudTrailFields>,
    delivered: Delivered,
}

impl Plugin for CloudTrail {
    const NAME: &'static CStr = c"cloudtrail";
    const PLUGIN_VERSION: &'static CStr = c_str(concat!(env!("CARGO_PKG_VERSION"), "\0"));
    const DESCRIPTION: &'static CStr = c_str(concat!(
        "Reads AWS CloudTrail events and gives their fields to rules (revision ",
        env!("SOURCE_REVISION"),
        ")\0"
    ));
    const CONTACT: &'static CStr = c_str(concat!(env!("CARGO_PKG_REPOSITORY"), "\0"));

    type ConfigType = Json<UserConfig>;

    fn new(_input: Option<&TablesInput>, Json(config): Self::ConfigType) -> Result<Self, anyhow::Error> {
        faults::listen();
        guarded("init", || Self::with_config(config))?
    }

    fn get_metrics(&mut self) -> impl IntoIterator<Item = Metric> {
        guarded("get_metrics", || self.metrics.export()).unwrap_or_default()
    }
}

impl CloudTrail {
    fn with_config(config: UserConfig) -> Result<Self, anyhow::Error> {
        let config = Config::from_user(config).map_err(error)?;
        for notice in config.notices() {
            log::info!("{notice}");
        }
        Ok(Self { config, metrics: Metrics::default(), answers: Answers::default(), delivered: Delivered::default() })
    }
}

/// Makes an error that Falco shows as it is: it may quote settings, names and answers.
fn error(reason: impl Display) -> anyhow::Error {
    sdk_error(printable(&reason.to_string(), LINE))
}
