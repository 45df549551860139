//! What an object in a log is, and when it happened.
//!
//! It looks at an object's own members while [`split`](super::split) scans it; what they mean to rules is the
//! concern of the fields.

use super::Cause;
use jiff::Timestamp;
use jsontext::scan::{Go, MAX_DEPTH, Text, Visit};
use jsontext::{Index, Kind, text};
use std::ops::Range;

/// The members of an object that decide what it is, collected by a scan of the object.
///
/// The first of duplicate members counts, as in every field.
#[derive(Debug)]
pub struct Members<'a> {
    text: &'a [u8],
    depth: usize,
    time: Option<Range<usize>>,
    id: Option<Range<usize>>,
    aggregate_id: Option<Range<usize>>,
    window: Option<Range<usize>>,
    is_event: bool,
    is_digest: bool,
    has_records: bool,
}

/// A member's name, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    Time,
    Id,
    AggregateId,
    Window,
    Event,
    Digest,
    Records,
    Other,
}

impl Name {
    #[inline]
    fn new(name: &[u8]) -> Self {
        match name {
            b"eventTime" => Self::Time,
            b"eventID" => Self::Id,
            b"eventId" => Self::AggregateId,
            b"timeWindow" => Self::Window,
            b"eventVersion" | b"eventName" | b"eventSource" | b"eventType" | b"eventCategory" => Self::Event,
            b"logFiles" | b"digestStartTime" => Self::Digest,
            b"Records" => Self::Records,
            _ => Self::Other,
        }
    }

    #[cold]
    fn of_escaped(raw: &[u8]) -> Self {
        let mut name = Vec::new();
        text::unescape(raw, true, &mut name);
        Self::new(&name)
    }
}

/// An event: its time, if it has a readable one, and the text of its id, if it has one.
pub type Event<'a> = (Option<u64>, Option<&'a [u8]>);

impl<'a> Members<'a> {
    /// Prepares for a scan of an object in `text`. The scan ends at an array named `Records`, unless the members before
    /// it are those of an event.
    pub fn new(text: &'a [u8]) -> Self {
        Self {
            text,
            depth: 0,
            time: None,
            id: None,
            aggregate_id: None,
            window: None,
            is_event: false,
            is_digest: false,
            has_records: false,
        }
    }

    /// Says what an item of `Records` is.
    pub fn as_record(&self, clock: &mut Clock) -> Result<Event<'a>, Cause> {
        if self.is_digest && !self.is_event {
            return Err(Cause::Digest);
        }
        let id = self.string(self.id.as_ref().or(self.aggregate_id.as_ref())).filter(|id| !id.is_empty());
        if self.time.is_none() && self.aggregate_id.is_some() {
            return Ok((Some(self.window_start().ok_or(Cause::NoTimeWindow)?), id));
        }
        Ok((self.string(self.time.as_ref()).and_then(|time| clock.read(time)), id))
    }

    /// Says what an object outside of `Records` is.
    pub fn as_document(&self, clock: &mut Clock) -> Result<Event<'a>, Cause> {
        match self {
            Self { is_event: true, .. } | Self { is_digest: true, .. } => self.as_record(clock),
            Self { has_records: true, .. } => Err(Cause::RecordsNotAnArray),
            _ => Err(Cause::NotAnEvent),
        }
    }

    /// The start of the time that an aggregated event sums up.
    fn window_start(&self) -> Option<u64> {
        let window = self.text.get(self.window.clone()?)?;
        time_ns(Index::default().read(window, MAX_DEPTH).ok()?.get("windowStart")?.text()?.as_bytes())
    }

    /// The text between the quotes of a value that is a string.
    fn string(&self, range: Option<&Range<usize>>) -> Option<&'a [u8]> {
        self.text.get(range?.clone())?.strip_prefix(b"\"")?.strip_suffix(b"\"")
    }

    /// Notes a member of the object itself; returns what its name is.
    fn note(&mut self, name: Text, range: Range<usize>) -> Name {
        // Nothing behind its time and its id changes what an event is.
        if self.is_event && self.time.is_some() && self.id.is_some() {
            return Name::Other;
        }
        let raw = self.text.get(name.range).unwrap_or_default();
        let name = if name.escaped { Name::of_escaped(raw) } else { Name::new(raw) };
        match name {
            Name::Digest => self.is_digest = true,
            Name::Records => self.has_records = true,
            Name::Event => self.is_event = true,
            // Lists of ids and times about events have these too.
            Name::Time => _ = self.time.get_or_insert(range),
            Name::Id => _ = self.id.get_or_insert(range),
            Name::AggregateId => _ = self.aggregate_id.get_or_insert(range),
            Name::Window => _ = self.window.get_or_insert(range),
            Name::Other => {}
        }
        name
    }
}

impl Visit for Members<'_> {
    fn open(&mut self, name: Text, kind: Kind, at: usize) -> Go {
        // The end is not known yet; `close` sets it.
        if self.depth == 1 && self.note(name, at..at) == Name::Records && kind == Kind::Array && !self.is_event {
            return Go::Stop;
        }
        self.depth += 1;
        Go::On
    }

    fn close(&mut self, end: usize) {
        self.depth -= 1;
        if self.depth == 1
            && let Some(window) = self.window.as_mut().filter(|window| window.start == window.end)
        {
            window.end = end;
        }
    }

    #[inline(always)]
    fn scalar(&mut self, name: Text, _: Kind, range: Range<usize>, _: bool) {
        if self.depth == 1 {
            self.note(name, range);
        }
    }
}

/// Reads the times of events, and remembers the minute of the last one: the events of a log are close to each other, so
/// that most of their times cost a comparison of text.
#[derive(Debug, Default)]
pub struct Clock {
    /// The minute as `2023-07-10T11:44`.
    minute: [u8; 16],
    /// When it began, in nanoseconds since the Unix epoch; `None` before the first one.
    began: Option<u64>,
}

impl Clock {
    /// Reads a time as CloudTrail writes it (RFC 3339): nanoseconds since the Unix epoch.
    fn read(&mut self, time: &[u8]) -> Option<u64> {
        let Some((minute, [b':', tens @ b'0'..=b'5', ones @ b'0'..=b'9', b'Z'])) = time.split_first_chunk() else {
            return time_ns(time);
        };
        let in_minute = (u64::from(tens - b'0') * 10 + u64::from(ones - b'0')) * 1_000_000_000;
        if self.began.is_none() || self.minute != *minute {
            self.began = Some(time_ns(time)?.checked_sub(in_minute)?);
            self.minute = *minute;
        }
        self.began?.checked_add(in_minute)
    }
}

/// Reads a time as RFC 3339 writes it: nanoseconds since the Unix epoch.
fn time_ns(time: &[u8]) -> Option<u64> {
    let time: Timestamp = std::str::from_utf8(time).ok()?.parse().ok()?;
    u64::try_from(time.as_nanosecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsontext::scan::{self, Stop};

    fn members(text: &str) -> Result<Members<'_>, Stop> {
        let mut members = Members::new(text.as_bytes());
        scan::value(text.as_bytes(), 0, MAX_DEPTH, &mut members)?;
        Ok(members)
    }

    fn record(text: &str) -> Result<(Option<u64>, String), Cause> {
        let (time, id) = members(text).unwrap().as_record(&mut Clock::default())?;
        Ok((time, String::from_utf8_lossy(id.unwrap_or_default()).into_owned()))
    }

    #[test]
    fn time_and_id_are_the_objects_own_and_the_first() {
        let text = r#"{"userIdentity":{"eventTime":"2001-01-01T00:00:00Z"},"eventTime":"2023-07-10T11:44:32Z",
            "event\u0049D":"a","eventTime":"2001-01-01T00:00:00Z","eventID":"b"}"#;
        assert_eq!(record(text), Ok((Some(1_688_989_472_000_000_000), "a".into())));
    }

    #[test]
    fn an_event_needs_no_readable_time() {
        for text in [
            "{}",
            r#"{"eventTime":null}"#,
            r#"{"eventTime":12}"#,
            r#"{"eventTime":{"a":1}}"#,
            r#"{"eventTime":"yesterday"}"#,
            r#"{"eventTime":"1969-12-31T23:59:59Z"}"#,
            r#"{"eventTime":"9999-12-31T23:59:59Z"}"#,
        ] {
            assert_eq!(record(text), Ok((None, String::new())), "{text}");
        }
    }

    #[test]
    fn a_clock_reads_what_is_written_whatever_it_read_before() {
        let times = [
            "2023-07-10T11:44:32Z",
            "2023-07-10T11:44:59Z",
            "2023-07-10T11:44:00Z",
            "2023-07-10T11:44:60Z",
            "2023-07-10T11:44:32.5Z",
            "2023-07-10T11:44:32+01:00",
            "2023-07-10T11:45:01Z",
            "2023-07-10T11:44:32",
            "2554-07-21T23:34:30Z",
            "2554-07-21T23:34:40Z",
            "1970-01-01T00:00:05Z",
            "1969-12-31T23:59:59Z",
            "2023-13-10T11:44:32Z",
            "9999-99-99T99:99:32Z",
            "",
        ];
        let mut clock = Clock::default();
        for time in times.iter().chain(times.iter().rev()).chain(&times) {
            assert_eq!(clock.read(time.as_bytes()), time_ns(time.as_bytes()), "{time}");
        }
        assert_eq!(clock.read(b"2023-07-10T11:44:33Z"), Some(1_688_989_473_000_000_000));
        assert_eq!(clock.read(b"2023-07-10T11:44:34Z"), Some(1_688_989_474_000_000_000));
    }

    #[test]
    fn fractions_and_offsets_are_read() {
        assert_eq!(record(r#"{"eventTime":"1970-01-01T01:00:00.5+01:00"}"#), Ok((Some(500_000_000), String::new())));
    }

    #[test]
    fn an_aggregated_event_starts_with_its_window() {
        let window =
            r#"{"eventId":"x","timeWindow":{"windowStart":"1970-01-01T00:00:02Z","windowEnd":"1970-01-01T00:05:02Z"}}"#;
        assert_eq!(record(window), Ok((Some(2_000_000_000), "x".into())));
        assert_eq!(record(r#"{"eventId":"x","timeWindow":{}}"#), Err(Cause::NoTimeWindow));
        assert_eq!(record(r#"{"eventId":"x"}"#), Err(Cause::NoTimeWindow));
    }

    #[test]
    fn an_event_may_have_a_member_of_that_name() {
        assert_eq!(record(r#"{"eventName":"A","eventID":"a","Records":[{}]}"#), Ok((None, "a".into())));
    }

    #[test]
    fn documents_are_told_apart() {
        let document = |text| members(text).unwrap().as_document(&mut Clock::default()).map(|_| ());
        assert_eq!(document(r#"{"eventName":"A"}"#), Ok(()));
        assert_eq!(document(r#"{"logFiles":[],"digestStartTime":"x"}"#), Err(Cause::Digest));
        assert_eq!(document(r#"{"Records":{"eventName":"A"}}"#), Err(Cause::RecordsNotAnArray));
        assert_eq!(document(r#"{"name":"package"}"#), Err(Cause::NotAnEvent));
        assert_eq!(
            document(r#"{"eventID":"a","eventTime":"2023-07-10T11:44:32Z","label":"x"}"#),
            Err(Cause::NotAnEvent)
        );
        assert_eq!(members(r#"{"a":{"Records":[]},"Records" : [{}]}"#).unwrap_err(), Stop::Asked(32));
    }
}
