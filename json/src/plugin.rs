//! The plugin as Falco sees it: extraction only, for the events of every plugin.

use crate::fields::JsonFields;
use anyhow::Error;
use bumpalo::Bump;
use extraction::{Answers, Given, c_str, sdk_error};
use falco_plugin::api::{ss_plugin_extract_field, ss_plugin_extract_value_offsets};
use falco_plugin::base::{Json, Plugin};
use falco_plugin::event::PluginEvent;
use falco_plugin::event::events::Event;
use falco_plugin::extract::{EventInput, ExtractFieldInfo, ExtractPlugin};
use falco_plugin::tables::{LazyTableReader, TablesInput};
use faults::guarded;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;
use std::ffi::{CStr, CString};
use std::sync::LazyLock;

/// The plugin: one for each engine that loads it.
pub struct JsonPlugin {
    answers: Answers<JsonFields>,
}

/// An `init_config` as it arrived. The only key is the official plugin's `useAsync`, which has no effect.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct UserConfig(Value);

impl JsonSchema for UserConfig {
    fn schema_name() -> Cow<'static, str> {
        "JsonConfig".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // An empty YAML mapping arrives as null.
        json_schema!({
            "type": ["object", "null"],
            "properties": {"useAsync": {
                "type": ["boolean", "null"],
                "description": "Accepted because the official plugin has it, without effect here.",
                "default": true,
            }},
        })
    }
}

impl Plugin for JsonPlugin {
    const NAME: &'static CStr = c"json";
    const PLUGIN_VERSION: &'static CStr = c_str(concat!(env!("CARGO_PKG_VERSION"), "\0"));
    const DESCRIPTION: &'static CStr = c_str(concat!(
        "Gives rules the values of events whose payload is JSON (revision ",
        env!("SOURCE_REVISION"),
        ")\0"
    ));
    const CONTACT: &'static CStr = c_str(concat!(env!("CARGO_PKG_REPOSITORY"), "\0"));

    type ConfigType = Json<UserConfig>;

    fn new(_input: Option<&TablesInput>, Json(UserConfig(config)): Self::ConfigType) -> Result<Self, Error> {
        faults::listen();
        guarded("init", || Self::with_config(&config))?
    }
}

impl JsonPlugin {
    fn with_config(config: &Value) -> Result<Self, Error> {
        for key in config.as_object().into_iter().flat_map(|keys| keys.keys()) {
            if !key.eq_ignore_ascii_case("useAsync") {
                let problem = format!("init_config: unknown key {key}, the only key is useAsync, which has no effect");
                return Err(sdk_error(problem));
            }
            log::info!("useAsync has no effect, this plugin needs no such setting");
        }
        Ok(Self { answers: Answers::default() })
    }
}

impl ExtractPlugin for JsonPlugin {
    type Event<'a> = Event<PluginEvent<&'a [u8]>>;
    type ExtractContext = ();

    /// Empty, since [`get_fields`](Self::get_fields) and [`extract_fields`](Self::extract_fields) read [`JsonFields`].
    const EXTRACT_FIELDS: &'static [ExtractFieldInfo<Self>] = &[];

    fn get_fields() -> &'static CStr {
        static SCHEMA: LazyLock<CString> = LazyLock::new(|| extraction::schema(JsonFields::specs()));
        guarded("get_fields", || SCHEMA.as_c_str()).unwrap_or(c"[]")
    }

    fn extract_fields<'a>(
        &'a mut self,
        input: &EventInput<'a, Self::Event<'a>>,
        _table_reader: &LazyTableReader,
        requests: &mut [ss_plugin_extract_field],
        offsets: Option<&mut ss_plugin_extract_value_offsets>,
        storage: &'a Bump,
    ) -> Result<(), Error> {
        extraction::fill(&mut self.answers, Given::of(input), requests, offsets, storage, |_| {});
        Ok(())
    }
}
