//! The values that Falco has asked for, kept while it looks at one event.
//!
//! Values live in an arena until the next event begins: the SDK's own storage lasts for one call, and an engine that
//! compares two fields holds the first value while it asks for the second.

use crate::fields::{Event, Fields, Found, RawKey};
use bumpalo::Bump;
use falco_plugin::api::ss_plugin_byte_buffer;
use hashbrown::HashMap;
use jsontext::{Index, Value};
use std::ffi::c_void;
use std::net::IpAddr;
use std::ptr;

/// The call in which values are made.
pub(crate) const EXTRACT_FIELDS: &str = "extract_fields";

/// A value in the form of the plugin API: `count` values behind `values`, which is null when there are none.
///
/// `place` is the start and the length in bytes. The pointer stays valid until the next event begins.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// An array of what the field's type is in the API: C strings, numbers, or byte buffers.
    pub values: *mut c_void,
    /// How many values the array holds.
    pub count: u64,
    /// Where in the payload the value is written, unless it is computed.
    pub place: Option<(u32, u32)>,
}

impl Answer {
    pub(crate) const ABSENT: Self = Self { values: ptr::null_mut(), count: 0, place: None };

    fn one<T>(value: &mut T) -> Self {
        Self { values: ptr::from_mut(value).cast(), count: 1, place: None }
    }
}

/// What tells one event from another: the engine's number, the time, where it is and how long. Numbers start over when a
/// capture is opened again, and addresses are used again, so neither is enough alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventId {
    pub(crate) number: u64,
    pub(crate) time_ns: u64,
    pub(crate) address: usize,
    pub(crate) length: usize,
}

impl EventId {
    /// Identifies an event that is not Falco's, by where its payload is; for benches and tests.
    pub fn new(number: u64, time_ns: u64, payload: &[u8]) -> Self {
        Self { number, time_ns, address: payload.as_ptr().addr(), length: payload.len() }
    }
}

/// The values of the current event.
pub struct Answers<F: Fields> {
    event: Option<EventId>,
    /// Counts the events; a slot of another generation holds nothing.
    generation: u64,
    index: Index,
    arena: Bump,
    text: Vec<u8>,
    fields: Vec<Field<F::Key>>,
}

/// What is kept for a field.
struct Field<K> {
    /// For requests without an argument.
    plain: Slot<K>,
    /// For each argument that rules use. Arguments come from rules, not from events, so they are kept for good.
    keyed: HashMap<Vec<u8>, Slot<K>>,
}

/// The value of a field and an argument, if its generation is that of the current event.
struct Slot<K> {
    key: K,
    generation: u64,
    answer: Answer,
}

impl<K> Slot<K> {
    fn new(key: K) -> Self {
        Self { key, generation: 0, answer: Answer::ABSENT }
    }
}

impl<F: Fields> Default for Answers<F> {
    fn default() -> Self {
        Self {
            event: None,
            generation: 0,
            index: Index::default(),
            arena: Bump::new(),
            text: Vec::new(),
            fields: (0..F::COUNT)
                .map(|field| Field { plain: Slot::new(F::key(field, RawKey::None)), keyed: HashMap::new() })
                .collect(),
        }
    }
}

impl<F: Fields> Answers<F> {
    /// Forgets the current event, for when a capture opens or closes or an event is none of a plugin; values that were
    /// handed out stay until the next event begins.
    pub fn forget(&mut self) {
        self.event = None;
        self.generation += 1;
    }

    /// Returns whether an event is the one that has begun.
    #[inline]
    pub fn is_current(&self, event: EventId) -> bool {
        self.event == Some(event)
    }

    /// Begins an event, unless it is the current one.
    pub fn begin(&mut self, event: EventId, payload: &[u8]) {
        if self.is_current(event) {
            return;
        }
        self.event = Some(event);
        self.generation += 1;
        self.arena.reset();
        // A payload that is no JSON leaves the index empty.
        let _ = self.index.read(payload, F::MAX_DEPTH);
    }

    /// Returns the payload of the event that has begun, read as JSON, unless it is none.
    pub fn root<'a>(&'a self, payload: &'a [u8]) -> Option<Value<'a>> {
        self.index.root(payload)
    }

    /// Returns the value of a field without an argument, if the event is the one that has begun and the value is known.
    #[inline(always)]
    pub(crate) fn known(&self, event: EventId, field: usize) -> Option<&Answer> {
        let plain = &self.fields.get(field)?.plain;
        (plain.generation == self.generation && self.is_current(event)).then_some(&plain.answer)
    }

    /// Returns the value of a field for the event that has begun; `payload` must give that event's.
    pub fn get<'p>(&mut self, field: usize, raw: RawKey<'_>, payload: impl FnOnce() -> &'p [u8]) -> &Answer {
        let Some(Field { plain, keyed }) = self.fields.get_mut(field) else { return &Answer::ABSENT };
        let slot = match raw {
            RawKey::None => plain,
            RawKey::Index(index) => keyed_slot::<F>(keyed, field, raw, &index.to_le_bytes()),
            RawKey::Text(text) => keyed_slot::<F>(keyed, field, raw, text),
        };
        if slot.generation != self.generation {
            let Some(event) = self.event else { return &Answer::ABSENT };
            let payload = payload();
            let event = Event { payload, time_ns: event.time_ns, root: self.index.root(payload) };
            make::<F>(slot, field, event, &mut self.text, &self.arena);
            slot.generation = self.generation;
        }
        &slot.answer
    }
}

fn keyed_slot<'a, F: Fields>(
    keyed: &'a mut HashMap<Vec<u8>, Slot<F::Key>>,
    field: usize,
    raw: RawKey<'_>,
    name: &[u8],
) -> &'a mut Slot<F::Key> {
    keyed.entry_ref(name).or_insert_with(|| Slot::new(F::key(field, raw)))
}

/// Makes a field's value.
#[inline(never)]
fn make<F: Fields>(slot: &mut Slot<F::Key>, field: usize, event: Event<'_>, text: &mut Vec<u8>, arena: &Bump) {
    text.clear();
    // A record that finds a fault in a field may cost that value, but not Falco.
    let found = faults::guarded(EXTRACT_FIELDS, || F::find(field, &slot.key, event, text));
    slot.answer = found.map_or(Answer::ABSENT, |found| keep(arena, &found, text));
}

/// Moves a value into the arena, in the form of the plugin API.
fn keep(arena: &Bump, found: &Found, text: &mut Vec<u8>) -> Answer {
    match found {
        Found::Absent => Answer::ABSENT,
        Found::Text(place) => {
            // Payloads that are longer than the API's numbers are not read.
            let place = place.as_ref().map(|place| (place.start as u32, place.len() as u32));
            text.push(0);
            let kept = arena.alloc_slice_copy(text).as_ptr();
            Answer { place, ..Answer::one(arena.alloc(kept)) }
        }
        Found::Texts(ends) => {
            let mut start = 0;
            let texts = arena.alloc_slice_fill_iter(ends.iter().map(|end| {
                let text = text.get(start..*end).unwrap_or_default();
                let kept = arena.alloc_slice_fill_copy(text.len() + 1, 0);
                kept.iter_mut().zip(text).for_each(|(place, byte)| *place = *byte);
                start = *end;
                kept.as_ptr()
            }));
            Answer { values: texts.as_mut_ptr().cast(), count: ends.len() as u64, place: None }
        }
        Found::Number(number) => Answer::one(arena.alloc(*number)),
        Found::Address(address) => {
            let bytes: &mut [u8] = match address {
                IpAddr::V4(v4) => arena.alloc_slice_copy(&v4.octets()),
                IpAddr::V6(v6) => arena.alloc_slice_copy(&v6.octets()),
            };
            let buffer = ss_plugin_byte_buffer { len: bytes.len() as u32, ptr: bytes.as_ptr().cast() };
            Answer::one(arena.alloc(buffer))
        }
    }
}
