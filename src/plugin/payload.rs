//! The events that the plugin gives to Falco and takes back from it: a CloudTrail record's bytes in a plugin event.

use falco_plugin::event::events::{Event, EventMetadata};
use falco_plugin::event::fields::{FromBytes, FromBytesError, ToBytes};
use falco_plugin::event::{EventSource, PluginEvent};
use std::ffi::CStr;
use std::io::Write;

/// The plugin's ID in Falco's registry; the official plugin's, which this one replaces.
pub const PLUGIN_ID: u32 = 2;

/// The name of the event source, as text and for the API.
pub const EVENT_SOURCE: &str = "aws_cloudtrail";
pub(super) const EVENT_SOURCE_C: &CStr = c"aws_cloudtrail";

/// A record as it stands in the log.
#[derive(Clone, Copy, Debug)]
pub struct Payload<'a>(pub &'a [u8]);

/// The event type that Falco's interfaces see.
pub type CloudTrailEvent<'a> = Event<PluginEvent<Payload<'a>>>;

/// Makes the event for a record; `time_ns` counts from the Unix epoch.
pub fn event(record: &[u8], time_ns: u64) -> CloudTrailEvent<'_> {
    Event {
        metadata: EventMetadata { ts: time_ns, tid: -1 },
        params: PluginEvent { plugin_id: PLUGIN_ID, event_data: Payload(record) },
    }
}

impl EventSource for Payload<'_> {
    const SOURCE: Option<&'static str> = Some(EVENT_SOURCE);
}

impl<'a> FromBytes<'a> for Payload<'a> {
    fn from_bytes(buf: &mut &'a [u8]) -> Result<Self, FromBytesError> {
        Ok(Self(std::mem::take(buf)))
    }
}

impl ToBytes for Payload<'_> {
    fn binary_size(&self) -> usize {
        self.0.len()
    }

    fn write<W: Write>(&self, mut writer: W) -> std::io::Result<()> {
        writer.write_all(self.0)
    }

    fn default_repr() -> impl ToBytes {
        Payload(b"")
    }
}
