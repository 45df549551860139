//! Answers Falco's requests, in the plugin API's own structures.

use crate::abi::{Given, PAYLOAD, key_of};
use crate::answers::{Answer, Answers, EXTRACT_FIELDS};
use crate::fields::Fields;
use bumpalo::Bump;
use falco_plugin::api::{ss_plugin_extract_field, ss_plugin_extract_value_offsets};

/// Answers requests about an event; one that is no plugin's event has no values. `begins` is told the payload of an event
/// that has not been asked about before.
///
/// Where values are written in the event is told in `storage` when Falco wants it: 0 and 0 for what is computed. After a
/// fault there are no values.
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
    fill_guarded(answers, event, requests, offsets, storage, begins);
}

#[inline(never)]
fn fill_guarded<F: Fields>(
    answers: &mut Answers<F>,
    event: Given<'_>,
    requests: &mut [ss_plugin_extract_field],
    offsets: Option<&mut ss_plugin_extract_value_offsets>,
    storage: &Bump,
    begins: impl FnOnce(&[u8]),
) {
    let filled = faults::guarded(EXTRACT_FIELDS, || fill_all(answers, event, requests, offsets, storage, begins));
    if filled.is_err() {
        answers.forget();
        requests.iter_mut().for_each(|request| write(&Answer::ABSENT, request));
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::tests::{given, hello};
    use crate::fields::{Event, Found, RawKey};
    use falco_plugin::api::ss_plugin_extract_field__bindgen_ty_1;
    use std::ffi::CStr;
    use std::ptr;

    /// Fields of which one has a fault, and one has a fault in its arguments.
    struct Faulty;

    const GOOD: u32 = 0;
    const FAULT: u32 = 1;
    const FAULT_IN_ARGUMENT: u32 = 2;

    impl Fields for Faulty {
        type Key = ();
        const COUNT: usize = 3;

        fn key(field: usize, raw: RawKey<'_>) {
            let is_good = field != FAULT_IN_ARGUMENT as usize || matches!(raw, RawKey::None);
            assert!(is_good, "an argument");
        }

        fn find(field: usize, (): &(), event: Event<'_>, out: &mut Vec<u8>) -> Found {
            assert!(field == GOOD as usize, "a value");
            out.extend_from_slice(event.payload);
            Found::Text(None)
        }
    }

    fn request(field_id: u32, argument: Option<&'static CStr>) -> ss_plugin_extract_field {
        ss_plugin_extract_field {
            res: ss_plugin_extract_field__bindgen_ty_1 { str_: ptr::null_mut() },
            res_len: 7,
            field_id,
            field: c"".as_ptr(),
            arg_key: argument.map_or(ptr::null(), CStr::as_ptr),
            arg_index: 0,
            arg_present: argument.is_some().into(),
            ftype: 0,
            flist: 0,
        }
    }

    /// Asks about an event, and returns how many values each request has.
    fn ask(answers: &mut Answers<Faulty>, number: u64, requests: &mut [ss_plugin_extract_field]) -> Vec<u64> {
        let begins = |_: &[u8]| assert!(number != 13, "an event");
        fill(answers, given(number, &hello()), requests, None, &Bump::new(), begins);
        requests.iter().map(|request| request.res_len).collect()
    }

    #[test]
    fn a_fault_in_a_field_costs_its_value() {
        let mut answers = Answers::default();
        let mut requests = [GOOD, FAULT, GOOD].map(|field| request(field, None));
        assert_eq!(ask(&mut answers, 1, &mut requests), [1, 0, 1]);
    }

    #[test]
    fn a_fault_elsewhere_costs_the_call() {
        let mut answers = Answers::default();
        let mut requests = [request(GOOD, None), request(FAULT_IN_ARGUMENT, Some(c"x")), request(GOOD, None)];
        assert_eq!(ask(&mut answers, 1, &mut requests), [0, 0, 0]);
        assert_eq!(ask(&mut answers, 13, &mut [request(GOOD, None)]), [0]);
        assert_eq!(ask(&mut answers, 13, &mut [request(GOOD, None)]), [0], "it is not taken for the current event");
        assert_eq!(ask(&mut answers, 2, &mut [request(GOOD, None)]), [1]);
    }
}
