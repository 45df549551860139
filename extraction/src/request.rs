//! Falco's requests: reads what is asked and writes the answers, in the plugin API's own structures.

use crate::answers::{Answer, Answers, EventId};
use crate::fields::{Fields, RawKey};
use falco_plugin::api::ss_plugin_extract_field;
use std::ffi::CStr;

/// Answers requests about one event; `None` is an event that the plugin cannot read, which has no values.
pub fn fill<F: Fields>(
    answers: &mut Answers<F>,
    event: Option<(EventId, &[u8])>,
    requests: &mut [ss_plugin_extract_field],
) {
    if let Some((id, payload)) = event {
        answers.begin(id, payload);
    }
    for request in requests {
        let answer = event
            .map_or(Answer::ABSENT, |(_, payload)| answers.get(request.field_id as usize, key_of(request), payload));
        request.res.str_ = answer.values.cast();
        request.res_len = answer.count;
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
