//! The extraction capability: binds the field table to Falco's requests.
//!
//! It replaces the SDK's own binding, which makes a value anew on every call, knows no field properties, and keeps
//! a value for the length of one call only.

use super::CloudTrail;
use super::payload::CloudTrailEvent;
use crate::fields::FieldSpec;
use crate::fields::table::FIELDS;
use bumpalo::Bump;
use extraction::Given;
use falco_plugin::api::{ss_plugin_extract_field, ss_plugin_extract_value_offsets};
use falco_plugin::extract::{EventInput, ExtractFieldInfo, ExtractPlugin};
use falco_plugin::tables::LazyTableReader;
use faults::guarded;
use std::ffi::{CStr, CString};
use std::sync::LazyLock;

impl ExtractPlugin for CloudTrail {
    type Event<'a> = CloudTrailEvent<'a>;
    type ExtractContext = ();

    /// Empty, since [`get_fields`](Self::get_fields) and [`extract_fields`](Self::extract_fields) read [`FIELDS`].
    const EXTRACT_FIELDS: &'static [ExtractFieldInfo<Self>] = &[];

    fn get_fields() -> &'static CStr {
        static SCHEMA: LazyLock<CString> = LazyLock::new(|| extraction::schema(FIELDS.iter().map(FieldSpec::spec)));
        guarded("get_fields", || SCHEMA.as_c_str()).unwrap_or(c"[]")
    }

    fn extract_fields<'a>(
        &'a mut self,
        input: &EventInput<'a, Self::Event<'a>>,
        _table_reader: &LazyTableReader,
        requests: &mut [ss_plugin_extract_field],
        offsets: Option<&mut ss_plugin_extract_value_offsets>,
        storage: &'a Bump,
    ) -> Result<(), anyhow::Error> {
        let Self { answers, delivered, .. } = self;
        let begins = |payload: &[u8]| delivered.came_up(payload);
        extraction::fill(answers, Given::of(input), requests, offsets, storage, begins);
        Ok(())
    }
}
