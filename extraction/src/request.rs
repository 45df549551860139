//! Falco's requests: reads what is asked and writes the answers, in the plugin API's own structures.

use crate::answers::{Answers, EventId};
use crate::fields::{Fields, RawKey};
use bumpalo::Bump;
use falco_plugin::api::{ss_plugin_extract_field, ss_plugin_extract_value_offsets};
use std::ffi::CStr;

/// Where the payload starts in an event: behind the header, the lengths of the two parameters, and the plugin's ID.
const PAYLOAD: u32 = 26 + 2 * 4 + 4;

/// Answers requests about one event; `None` is an event that the plugin cannot read, which has no values.
///
/// Where values are written in the event is told in `storage` when Falco wants it: 0 and 0 for what is computed.
pub fn fill<F: Fields>(
    answers: &mut Answers<F>,
    event: Option<(EventId, &[u8])>,
    requests: &mut [ss_plugin_extract_field],
    offsets: Option<&mut ss_plugin_extract_value_offsets>,
    storage: &Bump,
) {
    let payload = event.map_or(&[][..], |(_, payload)| payload);
    match event {
        Some((id, payload)) => answers.begin(id, payload),
        None => answers.forget(),
    }
    for request in requests.iter_mut() {
        let answer = answers.get(request.field_id as usize, key_of(request), payload);
        request.res.str_ = answer.values.cast();
        request.res_len = answer.count;
    }
    if let Some(offsets) = offsets {
        tell_places(answers, payload, requests, offsets, storage);
    }
}

/// Tells where the answers are written in the event.
#[cold]
fn tell_places<F: Fields>(
    answers: &mut Answers<F>,
    payload: &[u8],
    requests: &[ss_plugin_extract_field],
    offsets: &mut ss_plugin_extract_value_offsets,
    storage: &Bump,
) {
    // The engine reads a place for every value of a list, the API has one for every field.
    if requests.iter().any(|request| request.flist != 0) {
        return;
    }
    let mut place_of = |request: &ss_plugin_extract_field| {
        let place = answers.get(request.field_id as usize, key_of(request), payload).place;
        place.map_or((0, 0), |(start, length)| (PAYLOAD + start, length))
    };
    let places = storage.alloc_slice_fill_iter(requests.iter().map(&mut place_of));
    offsets.start = storage.alloc_slice_fill_iter(places.iter().map(|place| place.0)).as_mut_ptr();
    offsets.length = storage.alloc_slice_fill_iter(places.iter().map(|place| place.1)).as_mut_ptr();
}

#[inline]
#[allow(unsafe_code, reason = "the one place that reads what Falco points to")]
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
