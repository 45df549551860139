//! What the fields of CloudTrail events mean: [`table::FIELDS`] declares every field, this folder computes them.
//!
//! A field is a function of the event's JSON alone. Where the event came from, how a value reaches Falco and how
//! long it is kept are the plugin's concern.

mod accounts;
mod condition;
mod identity;
mod info;
mod ingress;
mod network;
mod pattern;
mod pointer;
mod policy;
mod provider;
mod service;
mod sharing;
pub mod table;

use crate::printable::{NAME, printable};
use extraction::{Argument, Event, Fields, Found, RawKey, Spec, Type};
use jsontext::{Kind, Pointer, Value};
use smallvec::SmallVec;
use std::borrow::Cow;
use std::fmt::Write;
use std::net::IpAddr;
use table::FIELDS;

pub use info::plugin_info;

/// One field: what a user reads about it, and how its value is found.
#[derive(Clone, Copy, Debug)]
pub struct FieldSpec {
    /// The name in rules, such as `ct.user.arn`.
    pub name: &'static str,
    /// The name that interfaces show.
    pub display: &'static str,
    /// One sentence for users.
    pub desc: &'static str,
    /// Falco's hints for interfaces: `hidden`, `info`, `conversation`.
    pub properties: &'static [&'static str],
    /// How the value is found.
    pub get: Get,
}

/// Appends a text that is computed from an event and gives `Some`, or appends nothing and gives `None`.
pub type TextFn = fn(Value<'_>, &mut Vec<u8>) -> Option<()>;

/// A list that mostly is short.
pub type List<T> = SmallVec<[T; 8]>;

/// How a field finds its value in an event.
#[derive(Clone, Copy, Debug)]
pub enum Get {
    /// The value at a path of member names and array indexes, as text.
    Path(&'static [&'static str]),
    /// The first value that is there, as text.
    FirstOf(&'static [&'static [&'static str]]),
    /// `true` or `false` at a path, also when it is written as a string.
    Flag(&'static [&'static str]),
    /// Computed text.
    Text(TextFn),
    /// A computed number.
    Number(fn(Value<'_>) -> Option<u64>),
    /// A list of values, or with an index the one at that place.
    List(for<'a> fn(Value<'a>, Option<u64>) -> List<Value<'a>>),
    /// Computed texts, or with an index the one at that place.
    Texts(fn(Value<'_>) -> Vec<String>),
    /// `true` or `false`, for the number in the argument or for any.
    FlagOf(fn(Value<'_>, Option<u64>) -> Option<bool>),
    /// An IP address, to compare with addresses.
    Address(fn(Value<'_>) -> Option<IpAddr>),
    /// An IP address, to compare with networks.
    Network(fn(Value<'_>) -> Option<IpAddr>),
    /// The value that the argument, a JSON pointer, names in the event.
    Pointer,
    /// The values that the argument names in the event: a JSON pointer, where `*` stands for every item or member.
    Pointers,
    /// The value at a path, or what the argument names inside of it; JSON text inside strings is entered.
    Inside(&'static [&'static str]),
}

impl FieldSpec {
    /// Returns what users and Falco know of the field.
    pub const fn spec(&self) -> Spec {
        let (field_type, argument) = match self.get {
            Get::Path(_) | Get::FirstOf(_) | Get::Flag(_) | Get::Text(_) => (Type::Text, Argument::No),
            Get::Pointer => (Type::Text, Argument::RequiredKey),
            Get::Pointers => (Type::TextList, Argument::RequiredKey),
            Get::Inside(_) => (Type::Text, Argument::OptionalKey),
            Get::FlagOf(_) => (Type::Text, Argument::OptionalIndex),
            Get::Number(_) => (Type::Number, Argument::No),
            Get::List(_) | Get::Texts(_) => (Type::TextList, Argument::OptionalIndex),
            Get::Address(_) => (Type::Address, Argument::No),
            Get::Network(_) => (Type::Network, Argument::No),
        };
        let Self { name, display, desc, properties, .. } = *self;
        Spec { name, display, desc, properties, field_type, argument }
    }
}

/// A field's argument in one request, ready for use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// No argument.
    None,
    /// The place in a list.
    Index(u64),
    /// A JSON pointer.
    Pointer(Pointer),
    /// An argument that the field cannot use.
    Unusable,
}

impl Key {
    /// Reads the text between the brackets.
    pub fn from_text(text: &str) -> Self {
        Pointer::new(text).map_or(Self::Unusable, Self::Pointer)
    }
}

/// The fields of [`table::FIELDS`], as Falco asks for them.
#[derive(Debug)]
pub struct CloudTrailFields;

impl Fields for CloudTrailFields {
    type Key = Key;

    const COUNT: usize = FIELDS.len();

    fn key(field: usize, raw: RawKey<'_>) -> Key {
        let Some(spec) = FIELDS.get(field).map(FieldSpec::spec) else { return Key::Unusable };
        match (spec.argument, raw) {
            (_, RawKey::None) => Key::None,
            (Argument::OptionalIndex, RawKey::Index(index)) => Key::Index(index),
            (Argument::OptionalKey | Argument::RequiredKey, RawKey::Text(text)) => {
                let text = String::from_utf8_lossy(text);
                let key = Key::from_text(&text);
                if key == Key::Unusable {
                    log::warn!(
                        "{}[{}] is never present: a JSON pointer starts with / and writes ~ as ~0",
                        spec.name,
                        printable(&text, NAME),
                    );
                }
                key
            }
            _ => Key::Unusable,
        }
    }

    fn find(field: usize, key: &Key, event: Event<'_>, out: &mut Vec<u8>) -> Found {
        let root = event.root.filter(|root| root.kind() == Kind::Object);
        let field = FIELDS.get(field).zip(root);
        field.map_or(Found::Absent, |(field, root)| eval(field, key, root, out))
    }
}

/// Computes a field's value for an event, a JSON object. Text goes into `out`, which must be empty.
///
/// A key that does not fit the field gives [`Found::Absent`].
pub fn eval(field: &FieldSpec, key: &Key, event: Value<'_>, out: &mut Vec<u8>) -> Found {
    match (field.get, key) {
        (Get::Path(path) | Get::Inside(path), Key::None) => written(at(event, path), out),
        (Get::FirstOf(paths), Key::None) => written(first_of(event, paths), out),
        (Get::Flag(path), Key::None) => computed(flag(at(event, path)).map(|flag| push_flag(flag, out))),
        (Get::Text(text), Key::None) => computed(text(event, out)),
        (Get::Pointer, Key::Pointer(pointer)) => written(event.pointer(pointer), out),
        (Get::Inside(path), Key::Pointer(pointer)) => {
            let Some(value) = at(event, path) else { return Found::Absent };
            match value.pointer(pointer) {
                Some(value) => written(Some(value), out),
                None => computed(pointer::follow_into_text(value, pointer.steps(), out)),
            }
        }
        (Get::Pointers, Key::Pointer(pointer)) => {
            let mut found = List::new();
            pointer::all(event, pointer.steps(), &mut found);
            written_all(&found, out)
        }
        (Get::FlagOf(flag), Key::None) => computed(flag(event, None).map(|flag| push_flag(flag, out))),
        (Get::FlagOf(flag), Key::Index(of)) => computed(flag(event, Some(*of)).map(|flag| push_flag(flag, out))),
        (Get::Texts(list), Key::None) => computed_all(&list(event), out),
        (Get::Texts(list), Key::Index(index)) => {
            let list = list(event);
            let place = usize::try_from(*index).ok().and_then(|index| list.get(index));
            computed_all(place.map(std::slice::from_ref).unwrap_or_default(), out)
        }
        (Get::Number(number), Key::None) => number(event).map_or(Found::Absent, Found::Number),
        (Get::Address(address) | Get::Network(address), Key::None) => {
            address(event).map_or(Found::Absent, Found::Address)
        }
        (Get::List(list), Key::None) => written_all(&list(event, None), out),
        (Get::List(list), Key::Index(index)) => written_all(&list(event, Some(*index)), out),
        _ => Found::Absent,
    }
}

/// Appends a value that stands in the event.
fn written(value: Option<Value<'_>>, out: &mut Vec<u8>) -> Found {
    let appended = value.and_then(|value| value.append_to(out).map(|()| value.range()));
    appended.map_or(Found::Absent, |range| Found::Text(Some(range)))
}

fn computed(appended: Option<()>) -> Found {
    appended.map_or(Found::Absent, |()| Found::Text(None))
}

fn written_all(values: &[Value<'_>], out: &mut Vec<u8>) -> Found {
    let ends: SmallVec<_> = values.iter().filter_map(|value| value.append_to(out).map(|()| out.len())).collect();
    if ends.is_empty() { Found::Absent } else { Found::Texts(ends) }
}

fn computed_all(texts: &[String], out: &mut Vec<u8>) -> Found {
    let mut ends = SmallVec::new();
    for text in texts {
        out.extend_from_slice(text.as_bytes());
        ends.push(out.len());
    }
    if ends.is_empty() { Found::Absent } else { Found::Texts(ends) }
}

/// Returns the value at a path, unless it is `null`.
fn at<'a>(event: Value<'a>, path: &[&str]) -> Option<Value<'a>> {
    event.path(path).filter(|value| value.kind() != Kind::Null)
}

fn first_of<'a>(event: Value<'a>, paths: &[&[&str]]) -> Option<Value<'a>> {
    paths.iter().find_map(|path| at(event, path))
}

/// Returns the first member with this name in any letter case, unless it is `null`.
fn member<'a>(object: Value<'a>, name: &str) -> Option<Value<'a>> {
    let mut members = object.items().filter(|_| object.kind() == Kind::Object);
    members.find(|member| member.name().eq_ignore_ascii_case(name.as_bytes())).filter(|it| it.kind() != Kind::Null)
}

/// Returns the items of a list, or the one value that stands for a list of one.
fn each<'a>(value: Option<Value<'a>>) -> impl Iterator<Item = Value<'a>> + use<'a> {
    let list = value.filter(|value| value.kind() == Kind::Array);
    let one = value.filter(|value| value.kind() != Kind::Array);
    list.into_iter().flat_map(|list| list.items()).chain(one)
}

/// Returns the text of the items of a list, or of the one value that stands for a list of one.
fn texts<'a>(value: Option<Value<'a>>) -> impl Iterator<Item = Cow<'a, str>> + use<'a> {
    each(value).filter_map(|value| value.text())
}

/// Returns the name of the event.
fn event_name(event: Value<'_>) -> Option<Cow<'_, str>> {
    at(event, &["eventName"])?.text()
}

/// Returns what `true`, `false`, `"true"` or `"false"` say.
fn flag(value: Option<Value<'_>>) -> Option<bool> {
    let value = value?;
    match value.json() {
        b"true" => Some(true),
        b"false" => Some(false),
        _ if value.is("true") => Some(true),
        _ if value.is("false") => Some(false),
        _ => None,
    }
}

fn push_flag(flag: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(if flag { b"true" } else { b"false" });
}

/// Returns the README's table of fields.
pub fn readme_table() -> String {
    let mut table = String::from("| field | type | argument | meaning |\n|---|---|---|---|\n");
    for field in FIELDS {
        let kind = match field.spec().field_type {
            Type::Text => "string",
            Type::Number => "uint64",
            Type::TextList => "string list",
            Type::Address => "ipaddr",
            Type::Network => "ipnet",
        };
        let argument = match field.spec().argument {
            Argument::No => "",
            Argument::OptionalIndex => "index, optional",
            Argument::OptionalKey => "JSON pointer, optional",
            Argument::RequiredKey => "JSON pointer",
        };
        let _ = writeln!(table, "| `{}` | {kind} | {argument} | {} |", field.name, field.desc);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsontext::Index;
    use jsontext::scan::MAX_DEPTH;
    use std::collections::HashSet;

    /// The value of a field as a user would read it, lists joined with `|`.
    pub(super) fn value_of(name: &str, key: Key, event: &str) -> String {
        let field = FIELDS.iter().find(|field| field.name == name).unwrap();
        let mut index = Index::default();
        let mut out = Vec::new();
        match eval(field, &key, index.read(event.as_bytes(), MAX_DEPTH).unwrap(), &mut out) {
            Found::Absent => "<NA>".into(),
            Found::Number(number) => number.to_string(),
            Found::Address(address) => address.to_string(),
            Found::Text(_) => String::from_utf8(out).unwrap(),
            Found::Texts(ends) => {
                let starts = std::iter::once(0).chain(ends.iter().copied());
                let texts = starts.zip(&ends).map(|(from, to)| String::from_utf8_lossy(&out[from..*to]).into_owned());
                texts.collect::<Vec<_>>().join("|")
            }
        }
    }

    pub(super) fn text_of(name: &str, event: &str) -> String {
        value_of(name, Key::None, event)
    }

    #[test]
    fn the_table_is_well_formed() {
        let mut names = HashSet::new();
        for field in FIELDS {
            let name = field.name;
            assert!(names.insert(name), "{name} twice");
            assert!(
                name.contains('.') && name.bytes().all(|b| b == b'.' || b.is_ascii_digit() || b.is_ascii_lowercase()),
                "{name}"
            );
            assert!(!field.display.is_empty(), "{name}");
            assert!(field.desc.ends_with('.') && !field.desc.contains('\n'), "{name}: {}", field.desc);
            assert!(!field.desc.starts_with(char::is_lowercase), "{name}: {}", field.desc);
            for property in field.properties {
                assert!(["hidden", "info", "conversation"].contains(property), "{name}: {property}");
            }
        }
    }

    #[test]
    fn values_follow_the_value_rules() {
        for (json, text) in [
            ("null", "<NA>"),
            (r#""""#, ""),
            (r#""a\u0000b\ud800""#, "a\u{fffd}b\u{fffd}"),
            ("1.50", "1.50"),
            ("false", "false"),
            (r#"{ "b": [1, "x y"], "a": null }"#, r#"{"b":[1,"x y"],"a":null}"#),
        ] {
            assert_eq!(text_of("ct.name", &format!(r#"{{"eventName": {json}, "eventName": "second"}}"#)), text);
        }
        assert_eq!(text_of("ct.name", "{}"), "<NA>");
    }

    #[test]
    fn pointers_read_the_event_and_enter_text_only_inside_parameters() {
        let event = r#"{"requestParameters":{"policyDocument":"{\"Statement\":[{\"Effect\":\"Allow\"}]}",
            "assumeRolePolicyDocument":"%7B%22Version%22%3A%222012-10-17%22%7D","list":[1,null],
            "partly":" {%22a%22:\"100%\"}","plain":"[\"50%25\"]"}}"#;
        let request = |pointer: &str| value_of("ct.request", Key::from_text(pointer), event);
        let value = |pointer: &str| value_of("ct.value", Key::from_text(pointer), event);
        assert_eq!(request("/policyDocument/Statement/0/Effect"), "Allow");
        assert_eq!(request("/policyDocument"), r#"{"Statement":[{"Effect":"Allow"}]}"#);
        assert_eq!(request("/assumeRolePolicyDocument/Version"), "2012-10-17");
        assert_eq!(request("/partly/a"), "100%");
        assert_eq!(request("/plain/0"), "50%25");
        assert_eq!(request("/policyDocument/Missing"), "<NA>");
        assert_eq!(request("/list/1"), "<NA>");
        assert_eq!(value("/requestParameters/list/0"), "1");
        assert_eq!(value("/requestParameters/policyDocument/Statement/0/Effect"), "<NA>");
        assert_eq!(value("/requestParameters/list/2"), "<NA>");
    }

    #[test]
    fn a_star_in_a_pointer_stands_for_every_item_and_member() {
        let event =
            r#"{"a":{"items":[{"b":[1,null]},{"b":["x"]},{},"s",{"b":{"k":2,"k":3,"*":{"d":4}}}]},"t":"[1]","n":null}"#;
        let values = |pointer: &str| value_of("ct.values", Key::from_text(pointer), event);
        assert_eq!(values("/a/items/*/b/*"), r#"1|x|2|{"d":4}"#);
        assert_eq!(values("/a/items/*/b/0"), "1|x");
        assert_eq!(values("/a/items/*/b/*/d"), "4");
        assert_eq!(values("/a/items/4/b/*"), r#"2|{"d":4}"#);
        assert_eq!(values("/a/items/4/b/k"), "2");
        assert_eq!(values("/a/items/3"), "s");
        for nowhere in ["/t/*", "/n", "/n/*", "/a/items/2/*", "/a/items/*/c", "a"] {
            assert_eq!(values(nowhere), "<NA>", "{nowhere}");
        }
        assert_eq!(values(""), value_of("ct.value", Key::from_text(""), event));
        assert_eq!(value_of("ct.values", Key::None, event), "<NA>");
    }

    #[test]
    fn a_key_that_does_not_fit_gives_nothing() {
        let event = r#"{"eventName":"A","requestParameters":{}}"#;
        assert_eq!(value_of("ct.name", Key::Index(0), event), "<NA>");
        assert_eq!(value_of("ct.value", Key::None, event), "<NA>");
        assert_eq!(value_of("ct.request", Key::Index(1), event), "<NA>");
        assert_eq!(value_of("ct.request", Key::from_text("no slash"), event), "<NA>");
    }
}
