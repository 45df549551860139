//! The fields, with the verdicts of the official plugin 0.7.4, read from its sources (falcosecurity/plugins,
//! `plugins/json`): a pointer's leading `/` may be missing, `null` is the text `null` and exists, every value that is
//! no string is its JSON text.

use extraction::{Argument, Event, Fields, Found, RawKey, Spec, Type};
use jsontext::{Kind, Value, text};
use std::io::Write;
use std::ops::Range;

/// The deepest payload that is read; the official plugin's parser has the same bound.
const MAX_DEPTH: usize = 300;

/// What a field gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gives {
    /// The value that the argument names.
    Value,
    /// The payload, indented.
    Object,
    /// The event's time.
    Time,
}

const TABLE: [(&str, Gives, &str); 6] = [
    (
        "json.value",
        Gives::Value,
        "The value that the JSON pointer in the argument names, as in `json.value[/user/name]`.",
    ),
    ("json.obj", Gives::Object, "The whole payload as JSON text, indented."),
    ("json.rawtime", Gives::Time, "The time of the event in nanoseconds, the same as evt.rawtime."),
    ("jevt.value", Gives::Value, "The same as json.value, under its older name."),
    ("jevt.obj", Gives::Object, "The same as json.obj, under its older name."),
    ("jevt.rawtime", Gives::Time, "The same as json.rawtime, under its older name."),
];

/// The fields in the order of the official plugin.
#[derive(Debug)]
pub struct JsonFields;

impl JsonFields {
    /// Returns what users and Falco know of the fields.
    pub fn specs() -> impl Iterator<Item = Spec> {
        TABLE.iter().map(|(name, gives, desc)| Spec {
            name,
            display: name,
            desc,
            properties: &[],
            field_type: Type::Text,
            argument: if *gives == Gives::Value { Argument::RequiredKey } else { Argument::No },
        })
    }
}

impl Fields for JsonFields {
    /// The steps of a pointer; `None` for a request without one.
    type Key = Option<Vec<String>>;

    const COUNT: usize = TABLE.len();
    const MAX_DEPTH: usize = MAX_DEPTH;

    fn key(_field: usize, raw: RawKey<'_>) -> Self::Key {
        match raw {
            RawKey::Text(text) => Some(steps(&String::from_utf8_lossy(text))),
            RawKey::None | RawKey::Index(_) => None,
        }
    }

    fn find(field: usize, key: &Self::Key, event: Event<'_>, out: &mut Vec<u8>) -> Found {
        let root = event.root.filter(|_| event.payload.starts_with(b"{") || event.payload.starts_with(b"["));
        let (Some(root), Some((_, gives, _))) = (root, TABLE.get(field)) else { return Found::Absent };
        let found = match (gives, key) {
            (Gives::Value, Some(steps)) => value(root, steps, out).map(Some),
            (Gives::Object, None) => indent(event.payload, out).map(|()| None),
            (Gives::Time, None) => write!(out, "{}", event.time_ns).ok().map(|()| None),
            _ => None,
        };
        found.map_or(Found::Absent, Found::Text)
    }
}

/// Takes a pointer apart: `/a~1b/0` and `a~1b/0` alike; the empty one names the whole payload.
fn steps(pointer: &str) -> Vec<String> {
    if pointer.is_empty() {
        return Vec::new();
    }
    let steps = pointer.strip_prefix('/').unwrap_or(pointer);
    steps.split('/').map(|step| step.replace("~1", "/").replace("~0", "~")).collect()
}

/// Appends the value that the steps lead to, and returns where it is written.
fn value(root: Value<'_>, steps: &[String], out: &mut Vec<u8>) -> Option<Range<usize>> {
    let value = steps.iter().try_fold(root, |value, step| match value.kind() {
        Kind::Object => value.get(step),
        // Any spelling of a number that is not negative: `0`, `00`, `+0`.
        Kind::Array => value.items().nth(usize::try_from(step.parse::<i64>().ok()?).ok()?),
        _ => None,
    })?;
    match value.kind() {
        Kind::String => unescape(value.json(), out),
        _ => text::compact(value.json(), out),
    }
    Some(value.range())
}

/// Appends what a string means. A surrogate without its other half stays as it is written, one before another escape
/// that is no half of it becomes U+FFFD together with that escape.
fn unescape(json: &[u8], out: &mut Vec<u8>) {
    let mut rest = json.strip_prefix(b"\"").and_then(|json| json.strip_suffix(b"\"")).unwrap_or_default();
    while let Some(backslash) = rest.iter().position(|b| *b == b'\\') {
        let (before, escape) = text::split_at(rest, backslash);
        text::clean(before, out);
        let used = match (unit(escape), unit(escape.get(6..).unwrap_or_default())) {
            (Some(0xd800..=0xdfff), None) => {
                out.extend_from_slice(text::split_at(escape, 6).0);
                6
            }
            (Some(first @ 0xd800..=0xdfff), Some(second)) => {
                let pair = char::decode_utf16([first, second]).next().and_then(Result::ok);
                let char = pair.unwrap_or(char::REPLACEMENT_CHARACTER);
                out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
                12
            }
            (one, _) => {
                let used = if one.is_some() { 6 } else { 2 };
                text::unescape(text::split_at(escape, used).0, true, out);
                used
            }
        };
        rest = text::split_at(escape, used).1;
    }
    text::clean(rest, out);
}

/// Returns the UTF-16 unit of the `\uXXXX` that a text starts with.
fn unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// Appends a payload the way Go's `json.Indent` writes it, with two spaces: white space between tokens is made anew,
/// tokens are kept as they are, and so is white space behind the value. A control character inside a string, which
/// Go refuses, gives nothing.
fn indent(json: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let is_white = |b: &u8| matches!(b, b' ' | b'\n' | b'\r' | b'\t');
    let end = json.iter().rposition(|b| !is_white(b))? + 1;
    let mut depth: usize = 0;
    let mut just_opened = false;
    let (mut rest, behind) = text::split_at(json, end);
    while let Some((byte, others)) = rest.split_first() {
        let mut used = 1;
        match byte {
            b if is_white(b) => {}
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if !std::mem::take(&mut just_opened) {
                    new_line(depth, out);
                }
                out.push(*byte);
            }
            _ => {
                if std::mem::take(&mut just_opened) {
                    new_line(depth, out);
                }
                match byte {
                    b'{' | b'[' => {
                        depth += 1;
                        just_opened = true;
                        out.push(*byte);
                    }
                    b',' => {
                        out.push(*byte);
                        new_line(depth, out);
                    }
                    b':' => out.extend_from_slice(b": "),
                    b'"' => {
                        used = 1 + text::string_length(others);
                        let (string, _) = text::split_at(rest, used);
                        if string.iter().any(|b| *b < b' ') {
                            return None;
                        }
                        text::clean(string, out);
                    }
                    _ => out.push(*byte),
                }
            }
        }
        rest = text::split_at(rest, used).1;
    }
    out.extend_from_slice(behind);
    Some(())
}

fn new_line(depth: usize, out: &mut Vec<u8>) {
    out.push(b'\n');
    out.resize(out.len() + 2 * depth, b' ');
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsontext::Index;

    /// What a field gives for a payload; `None` when it is not present.
    fn field(name: &str, pointer: Option<&str>, payload: &str) -> Option<String> {
        let number = TABLE.iter().position(|(field, ..)| *field == name).unwrap();
        let raw = pointer.map_or(RawKey::None, |pointer| RawKey::Text(pointer.as_bytes()));
        let mut index = Index::default();
        let root = index.read(payload.as_bytes(), MAX_DEPTH).ok();
        let event = Event { payload: payload.as_bytes(), time_ns: 1_688_989_472_000_000_000, root };
        let mut out = Vec::new();
        let found = JsonFields::find(number, &JsonFields::key(number, raw), event, &mut out);
        matches!(found, Found::Text(_)).then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn pointers_give_the_official_verdicts() {
        let payload = r#"{"s": "x\ty\u00e9", "e": "", "n": null, "f": 1.50, "x": 1e3, "z": -0, "t": true,
            "o": {"a": [1, {"b": "c\/d"}], "a/b": 1, "m~n": 2}, "": {"": "empty"}, "d": 1, "d": 2, "nul": "a\u0000b"}"#;
        for (pointer, expected) in [
            ("/s", Some("x\tyé")),
            ("s", Some("x\tyé")),
            ("/e", Some("")),
            ("/n", Some("null")),
            ("/f", Some("1.50")),
            ("/x", Some("1e3")),
            ("/z", Some("-0")),
            ("/t", Some("true")),
            ("/o", Some(r#"{"a":[1,{"b":"c\/d"}],"a/b":1,"m~n":2}"#)),
            ("/o/a", Some(r#"[1,{"b":"c\/d"}]"#)),
            ("/o/a/0", Some("1")),
            ("/o/a/00", Some("1")),
            ("/o/a/+1/b", Some("c/d")),
            ("/o/a/-1", None),
            ("/o/a/-", None),
            ("/o/a/2", None),
            ("/o/a/99999999999999999999", None),
            ("/o/a/x", None),
            ("/o/a~1b", Some("1")),
            ("/o/m~0n", Some("2")),
            ("/o/m~n", Some("2")),
            ("/", Some(r#"{"":"empty"}"#)),
            ("//", Some("empty")),
            ("/d", Some("1")),
            ("/nul", Some("a\u{fffd}b")),
            ("/missing", None),
            ("/s/x", None),
            ("/S", None),
        ] {
            assert_eq!(field("json.value", Some(pointer), payload).as_deref(), expected, "{pointer}");
            assert_eq!(field("jevt.value", Some(pointer), payload).as_deref(), expected, "{pointer}");
        }
        assert_eq!(field("json.value", Some(""), r#"[ 1, "a b" ]"#).as_deref(), Some(r#"[1,"a b"]"#));
        assert_eq!(field("json.value", Some("/1"), r#"[ 1, "a b" ]"#).as_deref(), Some("a b"));
    }

    #[test]
    fn surrogates_are_read_as_the_official_parser_does() {
        for (json, expected) in [
            (r"\ud83d\ude00!", "\u{1f600}!"),
            (r"a\ud800", r"a\ud800"),
            (r"\uD800b\n", "\\uD800b\n"),
            (r"\ud800\n", "\\ud800\n"),
            (r"\ud800\u0041B", "\u{fffd}B"),
            (r"\ude00\ud83d", "\u{fffd}"),
            (r"\ud800\ud800\udc00", "\u{fffd}\\udc00"),
            (r"\\ud800\u0000\u0041", "\\ud800\u{fffd}A"),
        ] {
            let payload = format!(r#"{{"a":"{json}"}}"#);
            assert_eq!(field("json.value", Some("/a"), &payload).as_deref(), Some(expected), "{json}");
        }
    }

    #[test]
    fn only_objects_and_arrays_without_a_leading_blank_are_read() {
        for payload in ["", " {}", "\"x\"", "7", "null", "words", "{", "{}{}", "[1,,2]"] {
            for (name, pointer) in [("json.value", Some("")), ("json.obj", None), ("json.rawtime", None)] {
                assert_eq!(field(name, pointer, payload), None, "{name} of {payload}");
            }
        }
    }

    #[test]
    fn the_whole_payload_is_indented_as_go_does() {
        for (payload, expected) in [
            ("{}", "{}"),
            ("[]", "[]"),
            ("{ }\n", "{}\n"),
            (
                r#"{"a":[1,{},[ ],{"b":null}],"c" : "x: [1, 2]"}"#,
                "{\n  \"a\": [\n    1,\n    {},\n    [],\n    {\n      \"b\": null\n    }\n  ],\n  \"c\": \"x: [1, 2]\"\n}",
            ),
            ("[\"\\u00e9<>&\",-1.5e3]", "[\n  \"\\u00e9<>&\",\n  -1.5e3\n]"),
        ] {
            assert_eq!(field("json.obj", None, payload).as_deref(), Some(expected), "{payload}");
            assert_eq!(field("jevt.obj", None, payload).as_deref(), Some(expected), "{payload}");
        }
        assert_eq!(field("json.obj", None, "{\"a\":\"x\ty\"}"), None);
    }

    #[test]
    fn the_time_is_that_of_the_event() {
        assert_eq!(field("json.rawtime", None, "{}").as_deref(), Some("1688989472000000000"));
        assert_eq!(field("jevt.rawtime", None, "[]").as_deref(), Some("1688989472000000000"));
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(field("json.value", Some(""), &nested(MAX_DEPTH)).is_some());
        assert_eq!(field("json.value", Some(""), &nested(MAX_DEPTH + 1)), None);
    }
}
