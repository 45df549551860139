//! Pointers that go on inside JSON text held by strings, such as IAM's policy documents.

use jsontext::scan::MAX_DEPTH;
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
    let document = json_text(value.to_text()?)?;
    follow_into_text(Index::default().read(document.as_bytes(), MAX_DEPTH).ok()?, steps, out)
}

/// Returns the JSON text of an object or array that a string holds.
fn json_text(text: String) -> Option<String> {
    let start = text.trim_start();
    if start.starts_with(['{', '[']) {
        return Some(text);
    }
    let decoded =
        percent_decode_str(start.get(..3).filter(|s| s.starts_with('%')).and(Some(start))?).decode_utf8_lossy();
    decoded.trim_start().starts_with(['{', '[']).then(|| decoded.into_owned())
}
