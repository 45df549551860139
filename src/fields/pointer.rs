//! Pointers that lead to many values, and pointers that go on inside JSON text held by strings, such as IAM's policy
//! documents.

use super::List;
use jsontext::scan::{MAX_DEPTH, skip_white};
use jsontext::{Index, Kind, Value};
use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// Appends the value that the steps lead to from `value`, and gives `None` without appending when there is none.
///
/// A step that meets a string goes on in the JSON object or array that the string holds, as it is or URL-encoded.
pub(super) fn follow_into_text(value: Value<'_>, steps: &[String], out: &mut Vec<u8>) -> Option<()> {
    let Some((step, rest)) = steps.split_first() else { return value.append_to(out) };
    if value.kind() != Kind::String {
        return follow_into_text(value.step(step)?, rest, out);
    }
    // One document's text is at least as long as the pointer's steps inside it, so this ends.
    inside_text(&value.text()?, |document| follow_into_text(document, steps, out))?
}

/// Reads the JSON object or array that a text is, as it is or URL-encoded.
pub(super) fn inside_text<R>(text: &str, read: impl FnOnce(Value<'_>) -> R) -> Option<R> {
    let mut index = Index::default();
    if let Some(document) = document(&mut index, text.as_bytes()) {
        return Some(read(document));
    }
    let decoded: Vec<u8> = percent_decode_str(text).collect();
    document(&mut index, &decoded).map(read)
}

/// Returns the text that a JSON string, in its quotes, means.
pub(super) fn out_of_quotes(text: &str) -> Option<String> {
    let mut index = Index::default();
    let start = skip_white(text.as_bytes(), 0);
    let is_quoted = text.as_bytes().get(start) == Some(&b'"');
    is_quoted.then(|| index.read(text.as_bytes(), MAX_DEPTH).ok()?.text().map(Cow::into_owned))?
}

/// Collects the values that the steps lead to, where `*` stands for every item of an array and every member of an object.
pub(super) fn all<'a>(value: Value<'a>, steps: &[String], found: &mut List<Value<'a>>) {
    let Some((step, rest)) = steps.split_first() else { return found.push(value) };
    match value.kind() {
        Kind::Array if step == "*" => value.items().for_each(|item| all(item, rest, found)),
        Kind::Object if step == "*" => value.members().for_each(|member| all(member, rest, found)),
        _ => {
            if let Some(value) = value.step(step) {
                all(value, rest, found);
            }
        }
    }
}

/// Reads the JSON object or array that a text is.
fn document<'a>(index: &'a mut Index, text: &'a [u8]) -> Option<Value<'a>> {
    let start = skip_white(text, 0);
    matches!(text.get(start), Some(b'{' | b'[')).then(|| index.read(text, MAX_DEPTH).ok())?
}
