//! The events that Falco gives: the time and the payload of a source plugin's event.
//!
//! Why not the SDK's own event types: Falco gives the event anew for every value that a rule asks for, and reading it
//! into them takes as long as all the rest of a call for a value that is known.

use falco_plugin::event::EventSource;
use falco_plugin::event::events::{AnyEventPayload, PayloadFromBytesError, RawEvent};
use std::marker::PhantomData;

/// The number of source plugins' events among libscap's types.
const PLUGIN_EVENT: u16 = 322;

/// An event of the source that `S` names, or of every source.
#[derive(Debug)]
pub struct Given<'a, S> {
    /// Its time, in nanoseconds since the Unix epoch.
    pub time_ns: u64,
    /// Its own bytes.
    pub payload: &'a [u8],
    source: PhantomData<S>,
}

impl<S: EventSource> AnyEventPayload for Given<'_, S> {
    const SOURCES: &'static [Option<&'static str>] = &[S::SOURCE];
    const EVENT_TYPES: &'static [u16] = &[PLUGIN_EVENT];
}

impl<'a, S> TryFrom<&RawEvent<'a>> for Given<'a, S> {
    type Error = PayloadFromBytesError;

    /// Reads the two parameters, the plugin's ID and the payload, behind their lengths.
    #[inline]
    fn try_from(event: &RawEvent<'a>) -> Result<Self, Self::Error> {
        if event.event_type != PLUGIN_EVENT {
            return Err(PayloadFromBytesError::UnsupportedEventType(event.event_type));
        }
        let truncated = PayloadFromBytesError::TruncatedEvent { wanted: event.len as usize, got: event.payload.len() };
        let Some((id, rest)) = event.payload.split_first_chunk() else { return Err(truncated) };
        let Some((length, [_, _, _, _, payload @ ..])) = rest.split_first_chunk() else { return Err(truncated) };
        let [id, length] = [id, length].map(|length| u32::from_ne_bytes(*length));
        match payload.get(..length as usize) {
            Some(payload) if event.nparams == 2 && id == 4 => {
                Ok(Self { time_ns: event.metadata.ts, payload, source: PhantomData })
            }
            _ => Err(truncated),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Any<'a> = Given<'a, &'a [u8]>;

    /// An event of libscap: time, thread, length, type, number of parameters; what is behind them.
    fn event(kind: u16, count: u32, rest: &[u8]) -> Vec<u8> {
        let mut event = [7_u64.to_ne_bytes(), u64::MAX.to_ne_bytes()].concat();
        event.extend((26 + rest.len() as u32).to_ne_bytes());
        event.extend(kind.to_ne_bytes());
        event.extend(count.to_ne_bytes());
        event.extend(rest);
        event
    }

    fn parameters(lengths: [u32; 2], values: &[u8]) -> Vec<u8> {
        [&lengths[0].to_ne_bytes(), &lengths[1].to_ne_bytes(), values].concat()
    }

    #[test]
    fn time_and_payload_are_read() {
        let whole = event(322, 2, &parameters([4, 5], b"\x02\0\0\0hello"));
        let raw = RawEvent::from(&whole).unwrap();
        let given = Any::try_from(&raw).unwrap();
        assert_eq!((given.time_ns, given.payload), (7, &b"hello"[..]));
        let empty = event(322, 2, &parameters([4, 0], b"\x02\0\0\0"));
        assert_eq!(Any::try_from(&RawEvent::from(&empty).unwrap()).unwrap().payload, b"");
    }

    #[test]
    fn what_is_no_plugin_event_is_refused() {
        let whole = parameters([4, 5], b"\x02\0\0\0hello");
        for (kind, count, rest) in [
            (321, 2, &whole[..]),
            (322, 1, &whole),
            (322, 3, &whole),
            (322, 2, &whole[..whole.len() - 1]),
            (322, 2, &whole[..11]),
            (322, 2, &whole[..7]),
            (322, 2, b""),
            (322, 2, &parameters([2, 5], b"\x02\0\0\0hello")),
            (322, 2, &parameters([4, u32::MAX], b"\x02\0\0\0hello")),
        ] {
            let event = event(kind, count, rest);
            assert!(Any::try_from(&RawEvent::from(&event).unwrap()).is_err(), "{kind} {count} {rest:?}");
        }
    }
}
