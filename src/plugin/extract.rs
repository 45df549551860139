//! The extraction capability: binds the field table to Falco's requests.
//!
//! It replaces the SDK's own binding, which makes a value anew on every call, knows no field properties, and keeps
//! a value for the length of one call only.

use super::CloudTrail;
use super::answers::RawKey;
use super::payload::CloudTrailEvent;
use crate::fields::table::FIELDS;
use crate::fields::{Argument, FieldSpec, Type};
use bumpalo::Bump;
use falco_plugin::api::{ss_plugin_extract_field, ss_plugin_extract_value_offsets};
use falco_plugin::extract::{EventInput, ExtractFieldInfo, ExtractPlugin};
use falco_plugin::tables::LazyTableReader;
use serde_json::{Value, json};
use std::ffi::{CStr, CString};
use std::ptr;
use std::sync::LazyLock;

impl ExtractPlugin for CloudTrail {
    type Event<'a> = CloudTrailEvent<'a>;
    type ExtractContext = ();

    /// Empty, since [`get_fields`](Self::get_fields) and [`extract_fields`](Self::extract_fields) read [`FIELDS`].
    const EXTRACT_FIELDS: &'static [ExtractFieldInfo<Self>] = &[];

    fn get_fields() -> &'static CStr {
        static SCHEMA: LazyLock<CString> =
            LazyLock::new(|| CString::new(Value::from_iter(FIELDS.iter().map(schema)).to_string()).unwrap_or_default());
        &SCHEMA
    }

    fn extract_fields<'a>(
        &'a mut self,
        event_input: &EventInput<'a, CloudTrailEvent<'a>>,
        _table_reader: &LazyTableReader,
        fields: &mut [ss_plugin_extract_field],
        _offsets: Option<&mut ss_plugin_extract_value_offsets>,
        _storage: &'a Bump,
    ) -> Result<(), anyhow::Error> {
        let event = event_input.event().ok();
        if let Some(event) = &event {
            self.answers.begin(event_input.event_number(), event.metadata.ts, event.params.event_data);
        }
        for request in fields {
            let answer = event
                .as_ref()
                .map(|event| self.answers.get(request.field_id as usize, key_of(request), event.params.event_data));
            request.res.str_ = answer.map_or(ptr::null_mut(), |answer| answer.values.cast());
            request.res_len = answer.map_or(0, |answer| answer.count);
        }
        Ok(())
    }
}

fn key_of(request: &ss_plugin_extract_field) -> RawKey<'_> {
    if request.arg_present == 0 {
        RawKey::None
    } else if request.arg_key.is_null() {
        RawKey::Index(request.arg_index)
    } else {
        // SAFETY: the plugin API promises a C string here that lives as long as the request.
        RawKey::Text(unsafe { CStr::from_ptr(request.arg_key) }.to_bytes())
    }
}

/// Describes a field in the form of `plugin_get_fields`.
fn schema(field: &FieldSpec) -> Value {
    let (kind, is_list) = match field.field_type() {
        Type::Text => ("string", false),
        Type::TextList => ("string", true),
        Type::Number => ("uint64", false),
        Type::Address => ("ipaddr", false),
        Type::Network => ("ipnet", false),
    };
    let argument = match field.argument() {
        Argument::No => Value::Null,
        Argument::OptionalIndex => json!({"isIndex": true}),
        Argument::OptionalKey => json!({"isKey": true}),
        Argument::RequiredKey => json!({"isKey": true, "isRequired": true}),
    };
    json!({
        "name": field.name,
        "type": kind,
        "isList": is_list,
        "arg": argument,
        "display": field.display,
        "desc": field.desc,
        "properties": field.properties,
    })
}
