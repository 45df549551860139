//! The values that Falco has asked for, kept while it looks at one event.
//!
//! Falco asks one field a call and again for every rule, so each value is made once an event and then handed out
//! by pointer. Values live in an arena until the next event begins: the SDK's own storage lasts for one call, and
//! an engine that compares two fields holds the first value while it asks for the second.

use super::payload::Payload;
use crate::fields::table::FIELDS;
use crate::fields::{self, Argument, FieldSpec, Found, Key};
use bumpalo::Bump;
use falco_plugin::api::ss_plugin_byte_buffer;
use jsontext::{Index, Kind};
use std::collections::HashMap;
use std::ffi::c_void;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

/// A field's argument as a request brings it.
#[derive(Clone, Copy, Debug)]
pub enum RawKey<'a> {
    /// None.
    None,
    /// A place in a list.
    Index(u64),
    /// The text between the brackets.
    Text(&'a [u8]),
}

/// A value in the form of the plugin API: `count` values behind `values`, which is null when there are none.
///
/// The pointer stays valid until the next event begins.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// An array of what the field's type is in the API: C strings, numbers, or byte buffers.
    pub values: *mut c_void,
    /// How many values the array holds.
    pub count: u64,
}

const ABSENT: Answer = Answer { values: ptr::null_mut(), count: 0 };

/// What tells one event from another: number, time, address and length. Numbers start over when a capture is opened
/// again, and addresses are used again, so none of them is enough alone.
type EventIdentity = (usize, u64, usize, usize);

/// The values of the current event.
#[derive(Default)]
pub struct Answers {
    event: Option<EventIdentity>,
    /// Counts the events; a slot of another generation holds nothing.
    generation: u64,
    index: Index,
    arena: Bump,
    text: Vec<u8>,
    /// One slot a field, for requests without an argument.
    plain: Vec<Slot>,
    /// For each field, the arguments that rules use and their slots. Arguments come from rules, not from events,
    /// so they are kept for good.
    keyed: Vec<HashMap<Box<[u8]>, KeyedSlot>>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    generation: u64,
    answer: Answer,
}

/// An argument ready for use, and the value that it gives.
type KeyedSlot = (Key, Slot);

const EMPTY: Slot = Slot { generation: 0, answer: ABSENT };

impl Answers {
    /// Makes room for the table's fields.
    pub fn new() -> Self {
        Self { plain: vec![EMPTY; FIELDS.len()], keyed: vec![HashMap::new(); FIELDS.len()], ..Self::default() }
    }

    /// Forgets the current event; for when a capture opens or closes.
    pub fn forget(&mut self) {
        self.event = None;
    }

    /// Begins an event, unless it is the current one; `number` is the engine's, `time_ns` the event's.
    pub fn begin(&mut self, number: usize, time_ns: u64, payload: Payload<'_>) {
        let event = (number, time_ns, payload.0.as_ptr().addr(), payload.0.len());
        if self.event == Some(event) {
            return;
        }
        self.event = Some(event);
        self.generation += 1;
        self.arena.reset();
        // A payload that is no JSON leaves the index empty, and every field without a value.
        let _ = self.index.read(payload.0);
    }

    /// Returns the value of a field for the event that has begun; `payload` must be that event's.
    pub fn get(&mut self, field: usize, key: RawKey<'_>, payload: Payload<'_>) -> Answer {
        let (Some(spec), Some(plain), Some(keyed)) =
            (FIELDS.get(field), self.plain.get_mut(field), self.keyed.get_mut(field))
        else {
            return ABSENT;
        };
        let index_bytes;
        let name: &[u8] = match key {
            RawKey::None => &[],
            RawKey::Index(index) => {
                index_bytes = index.to_le_bytes();
                &index_bytes
            }
            RawKey::Text(text) => text,
        };
        let (key, slot) = match key {
            RawKey::None => (&Key::None, plain),
            _ => {
                if !keyed.contains_key(name) {
                    keyed.insert(name.into(), (prepare(spec, key), EMPTY));
                }
                match keyed.get_mut(name) {
                    Some((key, slot)) => (&*key, slot),
                    None => return ABSENT,
                }
            }
        };
        if slot.generation != self.generation {
            let root = self.index.root(payload.0).filter(|root| root.kind() == Kind::Object);
            self.text.clear();
            let text = &mut self.text;
            // A record that finds a fault in a field may cost that value, but not Falco.
            let found = catch_unwind(AssertUnwindSafe(|| root.map(|root| fields::eval(spec, key, root, text))));
            let answer = match found {
                Ok(Some(found)) => keep(&self.arena, &found, text),
                Ok(None) | Err(_) => ABSENT,
            };
            *slot = Slot { generation: self.generation, answer };
        }
        slot.answer
    }

    /// Appends the line of `evt.plugininfo` for the event that has begun; `payload` must be that event's.
    pub fn plugin_info(&self, payload: Payload<'_>, out: &mut Vec<u8>) {
        let root = self.index.root(payload.0).filter(|root| root.kind() == Kind::Object);
        let line = catch_unwind(|| {
            let mut line = Vec::new();
            if let Some(root) = root {
                fields::plugin_info(root, &mut line);
            }
            line
        });
        out.extend(line.unwrap_or_default());
    }
}

/// Reads an argument once for all events to come.
fn prepare(spec: &FieldSpec, key: RawKey<'_>) -> Key {
    match (spec.argument(), key) {
        (Argument::OptionalIndex, RawKey::Index(index)) => Key::Index(index),
        (Argument::OptionalKey | Argument::RequiredKey, RawKey::Text(text)) => {
            let text = String::from_utf8_lossy(text);
            let key = Key::from_text(&text);
            if key == Key::Unusable {
                log::warn!("{}[{text}] is never present: a JSON pointer starts with / and writes ~ as ~0", spec.name);
            }
            key
        }
        _ => Key::Unusable,
    }
}

/// Moves a value into the arena, in the form of the plugin API.
fn keep(arena: &Bump, found: &Found, text: &[u8]) -> Answer {
    let c_string = |text: &[u8]| {
        let kept = arena.alloc_slice_fill_copy(text.len() + 1, 0);
        kept[..text.len()].copy_from_slice(text);
        kept.as_ptr()
    };
    match found {
        Found::Absent => ABSENT,
        Found::Text => Answer { values: ptr::from_mut(arena.alloc(c_string(text))).cast(), count: 1 },
        Found::Texts(ends) => {
            let mut start = 0;
            let texts = arena.alloc_slice_fill_iter(ends.iter().map(|end| {
                let kept = c_string(text.get(start..*end).unwrap_or_default());
                start = *end;
                kept
            }));
            Answer { values: texts.as_mut_ptr().cast(), count: ends.len() as u64 }
        }
        Found::Number(number) => Answer { values: ptr::from_mut(arena.alloc(*number)).cast(), count: 1 },
        Found::Address(address) => {
            let bytes: &mut [u8] = match address {
                IpAddr::V4(v4) => arena.alloc_slice_copy(&v4.octets()),
                IpAddr::V6(v6) => arena.alloc_slice_copy(&v6.octets()),
            };
            let buffer = ss_plugin_byte_buffer { len: bytes.len() as u32, ptr: bytes.as_ptr().cast() };
            Answer { values: ptr::from_mut(arena.alloc(buffer)).cast(), count: 1 }
        }
    }
}
