//! Events in the form of libscap, which is the form in which they cross the plugin API.

use falco_plugin::api::{ss_plugin_event, ss_plugin_event_input};
use std::slice;

/// An event: time, thread, length, type, number of parameters; their lengths; plugin ID, payload.
#[derive(Clone, Debug)]
pub struct Event(pub Vec<u8>);

impl Event {
    const PAYLOAD: usize = 38;

    pub fn new(time_ns: u64, plugin_id: u32, payload: &[u8]) -> Self {
        let mut bytes = [time_ns.to_ne_bytes(), u64::MAX.to_ne_bytes()].concat();
        bytes.extend(((Self::PAYLOAD + payload.len()) as u32).to_ne_bytes());
        bytes.extend(322u16.to_ne_bytes());
        for number in [2, 4, payload.len() as u32, plugin_id] {
            bytes.extend(number.to_ne_bytes());
        }
        bytes.extend(payload);
        Self(bytes)
    }

    /// Copies an event of the plugin, which must be what libscap accepts and lie whole in memory.
    pub fn copied(event: *const ss_plugin_event) -> Self {
        assert!(!event.is_null());
        // SAFETY: an event begins with its header, which says how long it is.
        let bytes = unsafe { slice::from_raw_parts(event.cast::<u8>(), (*event).len as usize) };
        let event = Self(bytes.to_vec());
        let rebuilt = Self::new(event.time_ns(), event.number(34), event.payload());
        assert_eq!(event.0[16..], rebuilt.0[16..], "length, type or parameters");
        event
    }

    pub fn input(&self, number: u64) -> ss_plugin_event_input {
        ss_plugin_event_input { evt: self.0.as_ptr().cast(), evtnum: number, evtsrc: c"aws_cloudtrail".as_ptr() }
    }

    fn number(&self, at: usize) -> u32 {
        u32::from_ne_bytes(self.0[at..at + 4].try_into().unwrap())
    }

    pub fn time_ns(&self) -> u64 {
        u64::from_ne_bytes(self.0[..8].try_into().unwrap())
    }

    pub fn thread(&self) -> u64 {
        u64::from_ne_bytes(self.0[8..16].try_into().unwrap())
    }

    pub fn plugin_id(&self) -> u32 {
        self.number(34)
    }

    pub fn payload(&self) -> &[u8] {
        &self.0[Self::PAYLOAD..]
    }
}
