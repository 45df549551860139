//! Pointers that go on inside JSON text held by strings, such as IAM's policy documents.

use jsontext::scan::{MAX_DEPTH, skip_white};
use jsontext::{Index, Kind, Value};
use percent_encoding::percent_decode_str;

/// Appends the value that the steps lead to from `value`, and gives `None` without appending when there is none.
///
/// A step that meets a string goes on in the JSON object or array that the string holds, as it is or URL-encoded.
pub(super) fn follow_into_text(value: Value<'_>, steps: &[String], out: &mut Vec<u8>) -> Option<()> {
    let Some((step, rest)) = steps.split_first() else { return value.append_to(out) };
    if value.kind() != Kind::String {
        return follow_into_text(value.step(step)?, rest, out);
    }
    // One document's text is at least as long as the pointer's steps inside it, so this ends.
    let text = value.to_text()?;
    let mut index = Index::default();
    if let Some(document) = document(&mut index, text.as_bytes()) {
        return follow_into_text(document, steps, out);
    }
    let decoded: Vec<u8> = percent_decode_str(&text).collect();
    follow_into_text(document(&mut index, &decoded)?, steps, out)
}

/// Reads the JSON object or array that a text is.
fn document<'a>(index: &'a mut Index, text: &'a [u8]) -> Option<Value<'a>> {
    let start = skip_white(text, 0);
    matches!(text.get(start), Some(b'{' | b'[')).then(|| index.read(text, MAX_DEPTH).ok())?
}
