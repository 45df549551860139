//! JSON pointers of the oracle: plain ones inside the event, and those that go on inside a string
//! which itself holds JSON. Turning the value found into text is left to `mod.rs`.

use std::borrow::Cow;

use super::json::{self, Json};

/// Returns the value at an RFC 6901 pointer.
pub fn plain<'a>(root: &'a Json, pointer: &str) -> Option<&'a Json> {
    let mut value = root;
    for name in steps(pointer)? {
        value = step(value, &name)?;
    }
    Some(value)
}

/// Returns the values at a pointer where a step `*` leads to every item of an array and every member of an object.
pub fn all<'a>(root: &'a Json, pointer: &str) -> Vec<&'a Json> {
    let Some(steps) = steps(pointer) else { return Vec::new() };
    steps.iter().fold(vec![root], |values, name| {
        let next = |value: &'a Json| -> Vec<&'a Json> {
            match value {
                Json::Arr(items) if name == "*" => items.iter().collect(),
                Json::Obj(members) if name == "*" => members.iter().map(|member| &member.1).collect(),
                other => step(other, name).into_iter().collect(),
            }
        };
        values.into_iter().flat_map(next).collect()
    })
}

/// Like [`plain`], but a step that meets a string with a JSON object or array inside goes on there.
pub fn entering(root: &Json, pointer: &str) -> Option<Json> {
    let mut value = Cow::Borrowed(root);
    for name in steps(pointer)? {
        if let Json::Str(text) = value.as_ref() {
            value = Cow::Owned(document(&text.value)?);
        }
        value = Cow::Owned(step(&value, &name)?.clone());
    }
    Some(value.into_owned())
}

/// The unescaped steps of a pointer.
// silent: a pointer without a leading slash, and a `~` that is neither `~0` nor `~1`, are no RFC
// 6901 pointers and lead nowhere.
fn steps(pointer: &str) -> Option<Vec<String>> {
    if pointer.is_empty() {
        return Some(Vec::new());
    }
    let unescape = |step: &str| {
        let rest = step.replace("~0", "").replace("~1", "");
        (!rest.contains('~')).then(|| step.replace("~1", "/").replace("~0", "~"))
    };
    pointer.strip_prefix('/')?.split('/').map(unescape).collect()
}

fn step<'a>(value: &'a Json, name: &str) -> Option<&'a Json> {
    match value {
        Json::Arr(items) => {
            let digits = !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit());
            // RFC 6901 has no leading zeros.
            let plain = digits && (name == "0" || !name.starts_with('0'));
            plain.then(|| name.parse().ok())?.and_then(|i: usize| items.get(i))
        }
        other => other.member(name),
    }
}

/// The JSON object or array that a string holds, URL-encoded or not.
pub fn document(text: &str) -> Option<Json> {
    let container = |bytes: &[u8]| json::read(bytes).filter(|v| matches!(v, Json::Arr(_) | Json::Obj(_)));
    container(text.as_bytes()).or_else(|| container(&percent_decoded(text)))
}

// silent: IAM encodes by RFC 3986, where `+` is itself and not a blank.
fn percent_decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let hex = text.get(at + 1..at + 3).filter(|h| h.bytes().all(|b| b.is_ascii_hexdigit()));
        match (bytes[at], hex) {
            (b'%', Some(hex)) => {
                decoded.push(u8::from_str_radix(hex, 16).unwrap());
                at += 3;
            }
            (byte, _) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    decoded
}

#[test]
fn follows_rfc_6901() {
    // The examples are those of section 5 of the RFC in other words.
    let root = json::read(br#"{"list":["zero","one"],"":0,"a/b":1,"m~n":2,"~1":3,"o":{"p":null}}"#).unwrap();
    let found = |pointer: &str| plain(&root, pointer).map(Json::compact);
    assert_eq!(found(""), Some(root.compact()));
    assert_eq!(found("/list/1").as_deref(), Some("\"one\""));
    assert_eq!(found("/").as_deref(), Some("0"));
    assert_eq!(found("/a~1b").as_deref(), Some("1"));
    assert_eq!(found("/m~0n").as_deref(), Some("2"));
    assert_eq!(found("/~01").as_deref(), Some("3"));
    assert_eq!(found("/o/p").as_deref(), Some("null"));
    for nowhere in ["list", "/list/2", "/list/-", "/list/01", "/list/+1", "/list/", "/o/p/q", "/m~n", "/nope"] {
        assert_eq!(found(nowhere), None, "{nowhere}");
    }
}

#[test]
fn enters_json_inside_strings() {
    let root = json::read(
        br#"{"plain":"{\"a\":[{\"b\":\"{\\\"c\\\":1}\"}]}","url":"%7B%22a%22%3A%5B1%2C%202%5D%7D","word":"a","num":"1"}"#,
    )
    .unwrap();
    let found = |pointer: &str| entering(&root, pointer).map(|v| v.compact());
    assert_eq!(found("/plain/a/0/b/c").as_deref(), Some("1"));
    assert_eq!(found("/url/a").as_deref(), Some("[1,2]"));
    assert_eq!(found("/url").as_deref(), Some("\"%7B%22a%22%3A%5B1%2C%202%5D%7D\""));
    assert_eq!(found("/word/a"), None);
    assert_eq!(found("/num/0"), None);
    assert_eq!(plain(&root, "/plain/a"), None);
}
