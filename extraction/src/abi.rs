//! All that is read through Falco's pointers: the event that it asks about, and the arguments of its requests.
//!
//! Why the event is not read by the SDK: Falco points to the same event once for every field of every rule, and the SDK
//! reads it whole each time, which takes longer than all the rest of a call for a value that is known. Here such a call
//! reads the header. `repeated field` of `make count` shows what that is worth, and the same command lets valgrind's
//! memcheck watch every form of event and request.
#![allow(unsafe_code, reason = "the one place of it")]

use crate::answers::EventId;
use crate::fields::RawKey;
use falco_plugin::api::{ss_plugin_event, ss_plugin_event_input, ss_plugin_extract_field};
use falco_plugin::event::EventInput;
use std::ffi::CStr;
use std::marker::PhantomData;
use std::{ptr, slice};

/// The number of source plugins' events among libscap's types.
const PLUGIN_EVENT: u16 = 322;

/// Where the payload starts in an event: behind the header, the lengths of the two parameters, and the plugin's ID.
pub(crate) const PAYLOAD: usize = size_of::<ss_plugin_event>() + 2 * size_of::<u32>() + size_of::<u32>();

/// The event that Falco points to.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    number: u64,
    event: *const ss_plugin_event,
    kept_by_falco: PhantomData<&'a [u8]>,
}

impl<'a> Given<'a> {
    /// Takes the event of a call.
    #[inline]
    pub fn of<T>(input: &EventInput<'a, T>) -> Self {
        const { assert!(size_of::<EventInput<'_, T>>() == size_of::<ss_plugin_event_input>()) };
        // SAFETY: the SDK's structure is the API's one and a marker; as they have one size, the API's is all of it.
        let input = unsafe { &*ptr::from_ref(input).cast::<ss_plugin_event_input>() };
        // SAFETY: the plugin API promises that the event is whole and stays for the call.
        unsafe { Self::new(input.evtnum, input.evt.cast()) }
    }

    /// Takes an event and the engine's number of it.
    ///
    /// # Safety
    ///
    /// The header, and as many bytes from its start as it says, must be readable for `'a`, and nobody may write to them.
    #[inline]
    pub unsafe fn new(number: u64, event: *const ss_plugin_event) -> Self {
        Self { number, event, kept_by_falco: PhantomData }
    }

    /// Returns what tells the event from others.
    #[inline]
    pub fn id(&self) -> EventId {
        // SAFETY: the header is readable.
        let (time_ns, length) = unsafe { ((*self.event).ts, (*self.event).len) };
        EventId { number: self.number, time_ns, address: self.event.addr(), length: length as usize }
    }

    /// Returns the payload: the second of the two parameters of a source plugin's event. Other events have none.
    pub fn payload(&self) -> Option<&'a [u8]> {
        // SAFETY: the header is readable.
        let (length, kind, parameters) = unsafe { ((*self.event).len, (*self.event).type_, (*self.event).nparams) };
        // SAFETY: so many bytes are readable.
        let event: &'a [u8] = unsafe { slice::from_raw_parts(self.event.cast(), length as usize) };
        let (_, lengths) = event.split_at_checked(size_of::<ss_plugin_event>())?;
        let (id, lengths) = lengths.split_first_chunk()?;
        let (payload, _) = lengths.split_first_chunk()?;
        let [id, payload] = [id, payload].map(|length| u32::from_ne_bytes(*length) as usize);
        let is_plugins = kind == PLUGIN_EVENT && parameters == 2 && id == size_of::<u32>();
        event.get(PAYLOAD..)?.get(..payload).filter(|_| is_plugins)
    }
}

/// Reads the argument of a request.
#[inline]
pub(crate) fn key_of(request: &ss_plugin_extract_field) -> RawKey<'_> {
    if request.arg_present == 0 {
        RawKey::None
    } else if request.arg_key.is_null() {
        RawKey::Index(request.arg_index)
    } else {
        // SAFETY: the plugin API promises a C string here that lives as long as the request.
        RawKey::Text(unsafe { CStr::from_ptr(request.arg_key) }.to_bytes())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An event of libscap: time, thread, length, type, number of parameters, and what is behind them.
    fn event(kind: u16, parameters: u32, rest: &[u8]) -> Vec<u8> {
        let mut event = [7_u64.to_ne_bytes(), u64::MAX.to_ne_bytes()].concat();
        event.extend((26 + rest.len() as u32).to_ne_bytes());
        event.extend(kind.to_ne_bytes());
        event.extend(parameters.to_ne_bytes());
        event.extend(rest);
        event
    }

    fn rest(lengths: [u32; 2]) -> Vec<u8> {
        [&lengths[0].to_ne_bytes(), &lengths[1].to_ne_bytes(), &b"\x02\0\0\0hello"[..]].concat()
    }

    /// The event of a source plugin with the payload `hello`.
    pub fn hello() -> Vec<u8> {
        event(322, 2, &rest([4, 5]))
    }

    pub fn given(number: u64, event: &[u8]) -> Given<'_> {
        assert!(event.len() >= size_of::<ss_plugin_event>());
        // SAFETY: the tests' events are as long as they say.
        unsafe { Given::new(number, event.as_ptr().cast()) }
    }

    fn payload(event: &[u8]) -> Option<&[u8]> {
        given(1, event).payload()
    }

    #[test]
    fn the_payload_is_the_second_parameter() {
        assert_eq!(payload(&hello()), Some(&b"hello"[..]));
        assert_eq!(payload(&event(322, 2, &rest([4, 0]))), Some(&b""[..]));
    }

    #[test]
    fn what_is_no_plugins_event_has_no_payload() {
        let whole = rest([4, 5]);
        for (kind, parameters, rest) in [
            (321, 2, &whole[..]),
            (322, 1, &whole),
            (322, 3, &whole),
            (322, 2, &whole[..whole.len() - 1]),
            (322, 2, &whole[..11]),
            (322, 2, &whole[..7]),
            (322, 2, b""),
            (322, 2, &rest([2, 5])),
            (322, 2, &rest([4, u32::MAX])),
        ] {
            assert_eq!(payload(&event(kind, parameters, rest)), None, "{kind} {parameters} {rest:?}");
        }
    }

    #[test]
    fn events_are_told_apart_by_their_headers() {
        let [one, two] = [hello(), hello()];
        let id = |event: &[u8], number| given(number, event).id();
        assert_eq!(id(&one, 1), id(&one, 1));
        assert_ne!(id(&one, 1), id(&one, 2));
        assert_ne!(id(&one, 1), id(&two, 1));
        for (at, what) in [(0, "time"), (16, "length")] {
            let mut other = one.clone();
            let before = id(&other, 1);
            other[at] -= 1;
            assert_ne!(id(&other, 1), before, "{what}");
        }
    }
}
