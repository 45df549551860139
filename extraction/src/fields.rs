//! What a plugin brings: its fields, what users read about them, and how a value is found in an event.

use jsontext::Value;
use serde_json::json;
use smallvec::SmallVec;
use std::ffi::CString;
use std::net::IpAddr;
use std::ops::Range;

/// What users and Falco know of a field.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// The name in rules, such as `ct.user.arn`.
    pub name: &'static str,
    /// The name that interfaces show.
    pub display: &'static str,
    /// One sentence for users.
    pub desc: &'static str,
    /// Falco's hints for interfaces: `hidden`, `info`, `conversation`.
    pub properties: &'static [&'static str],
    /// The type of its values.
    pub field_type: Type,
    /// The argument that it takes.
    pub argument: Argument,
}

/// A field's type in Falco's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// `string`
    Text,
    /// `uint64`
    Number,
    /// `string` with `isList`
    TextList,
    /// `ipaddr`
    Address,
    /// `ipnet`
    Network,
}

/// The argument that a field takes: `ct.value[ARGUMENT]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// None.
    No,
    /// A number, or none.
    OptionalIndex,
    /// Text, or none.
    OptionalKey,
    /// Text.
    RequiredKey,
}

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

/// The event that a field is asked of.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// The event's own bytes.
    pub payload: &'a [u8],
    /// The event's time, in nanoseconds since the Unix epoch.
    pub time_ns: u64,
    /// The payload read as JSON, unless it is none.
    pub root: Option<Value<'a>>,
}

/// A field's value for one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The event has no such value.
    Absent,
    /// One text, which has been appended to the buffer, and where in the payload it is written, unless it is computed.
    Text(Option<Range<usize>>),
    /// Texts, which have been appended to the buffer: the position in the buffer where each one ends.
    Texts(SmallVec<[usize; 8]>),
    /// A number.
    Number(u64),
    /// An address.
    Address(IpAddr),
}

/// The fields of a plugin. A field is known by its place in the plugin's table, from 0.
pub trait Fields: 'static {
    /// An argument that has been read once for all events to come.
    type Key;

    /// How many fields there are.
    const COUNT: usize;

    /// The deepest payload that is read; a deeper one counts as no JSON.
    const MAX_DEPTH: usize = jsontext::scan::MAX_DEPTH;

    /// Reads a field's argument. Called once for every argument that rules use.
    fn key(field: usize, raw: RawKey<'_>) -> Self::Key;

    /// Finds a field's value in an event. Text goes into `out`, which is empty: UTF-8 without NUL.
    fn find(field: usize, key: &Self::Key, event: Event<'_>, out: &mut Vec<u8>) -> Found;
}

/// Describes fields, in the order of the plugin's table, in the form of `plugin_get_fields`.
pub fn schema(specs: impl IntoIterator<Item = Spec>) -> CString {
    let described = specs.into_iter().map(|spec| {
        let (kind, is_list) = match spec.field_type {
            Type::Text => ("string", false),
            Type::TextList => ("string", true),
            Type::Number => ("uint64", false),
            Type::Address => ("ipaddr", false),
            Type::Network => ("ipnet", false),
        };
        let argument = match spec.argument {
            Argument::No => serde_json::Value::Null,
            Argument::OptionalIndex => json!({"isIndex": true}),
            Argument::OptionalKey => json!({"isKey": true}),
            Argument::RequiredKey => json!({"isKey": true, "isRequired": true}),
        };
        json!({
            "name": spec.name,
            "type": kind,
            "isList": is_list,
            "arg": argument,
            "display": spec.display,
            "desc": spec.desc,
            "properties": spec.properties,
        })
    });
    CString::new(serde_json::Value::from_iter(described).to_string()).unwrap_or_default()
}
