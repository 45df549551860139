//! Answers Falco's requests, in the plugin API's own structures.

use crate::abi::{Given, PAYLOAD, key_of};
use crate::answers::{Answer, Answers};
use crate::fields::Fields;
use bumpalo::Bump;
use falco_plugin::api::{ss_plugin_extract_field, ss_plugin_extract_value_offsets};

/// Answers requests about an event; one that is no plugin's event has no values. `begins` is told the payload of an event
/// that has not been asked about before.
///
/// Where values are written in the event is told in `storage` when Falco wants it: 0 and 0 for what is computed.
#[inline(always)]
pub fn fill<F: Fields>(
    answers: &mut Answers<F>,
    event: Given<'_>,
    requests: &mut [ss_plugin_extract_field],
    offsets: Option<&mut ss_plugin_extract_value_offsets>,
    storage: &Bump,
    begins: impl FnOnce(&[u8]),
) {
    // What Falco does for every rule after the first one that names a field: nothing else may stand in its way.
    if offsets.is_none()
        && let [request] = &mut *requests
        && request.arg_present == 0
        && let Some(answer) = answers.known(event.id(), request.field_id as usize)
    {
        return write(answer, request);
    }
    fill_all(answers, event, requests, offsets, storage, begins);
}

#[inline(never)]
fn fill_all<F: Fields>(
    answers: &mut Answers<F>,
    event: Given<'_>,
    requests: &mut [ss_plugin_extract_field],
    offsets: Option<&mut ss_plugin_extract_value_offsets>,
    storage: &Bump,
    begins: impl FnOnce(&[u8]),
) {
    let id = event.id();
    if !answers.is_current(id) {
        match event.payload() {
            Some(payload) => {
                begins(payload);
                answers.begin(id, payload);
            }
            None => answers.forget(),
        }
    }
    for request in requests.iter_mut() {
        let payload = || event.payload().unwrap_or_default();
        write(answers.get(request.field_id as usize, key_of(request), payload), request);
    }
    if let Some(offsets) = offsets {
        tell_places(answers, event, requests, offsets, storage);
    }
}

#[inline(always)]
fn write(answer: &Answer, request: &mut ss_plugin_extract_field) {
    request.res.str_ = answer.values.cast();
    request.res_len = answer.count;
}

/// Tells where the answers are written in the event.
#[cold]
fn tell_places<F: Fields>(
    answers: &mut Answers<F>,
    event: Given<'_>,
    requests: &[ss_plugin_extract_field],
    offsets: &mut ss_plugin_extract_value_offsets,
    storage: &Bump,
) {
    // The engine reads a place for every value of a list, the API has one for every field.
    if requests.iter().any(|request| request.flist != 0) {
        return;
    }
    let place_of = |request: &ss_plugin_extract_field| {
        let payload = || event.payload().unwrap_or_default();
        let place = answers.get(request.field_id as usize, key_of(request), payload).place;
        place.map_or((0, 0), |(start, length)| (PAYLOAD as u32 + start, length))
    };
    let places = storage.alloc_slice_fill_iter(requests.iter().map(place_of));
    offsets.start = storage.alloc_slice_fill_iter(places.iter().map(|place| place.0)).as_mut_ptr();
    offsets.length = storage.alloc_slice_fill_iter(places.iter().map(|place| place.1)).as_mut_ptr();
}
