//! The one way from JSON to the text that a rule sees.
//!
//! What comes out is always UTF-8 without NUL: hosts of Falco's plugin API read values as C strings, so a NUL
//! would cut a value short and hide its end from every rule. NUL, lone surrogates and broken UTF-8 become
//! U+FFFD, one for each.

/// U+FFFD, which stands for what no text can hold.
const REPLACEMENT: &str = "\u{fffd}";

/// Splits a text at a position, or at its end if it is shorter.
#[inline]
pub fn split_at(text: &[u8], at: usize) -> (&[u8], &[u8]) {
    text.split_at_checked(at).unwrap_or((text, b""))
}

/// Appends what a JSON string means; `raw` is the text between its quotes, `escaped` whether it holds a `\`.
pub fn unescape(raw: &[u8], escaped: bool, out: &mut Vec<u8>) {
    if !escaped {
        return clean(raw, out);
    }
    let mut rest = raw;
    while let Some(backslash) = rest.iter().position(|b| *b == b'\\') {
        let (before, escape) = split_at(rest, backslash);
        clean(before, out);
        let (char, used) = match escape.get(1) {
            Some(b'b') => ('\u{8}', 2),
            Some(b'f') => ('\u{c}', 2),
            Some(b'n') => ('\n', 2),
            Some(b'r') => ('\r', 2),
            Some(b't') => ('\t', 2),
            Some(b'u') => unicode_escape(escape),
            Some(same) => (char::from(*same), 2),
            None => (char::REPLACEMENT_CHARACTER, 1),
        };
        out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
        rest = split_at(escape, used).1;
    }
    clean(rest, out);
}

/// Returns the character of the `\uXXXX` that `escape` starts with, and its length in bytes: 12 for a pair of surrogates.
fn unicode_escape(escape: &[u8]) -> (char, usize) {
    let unit = |at: usize| -> Option<u16> {
        let digits = std::str::from_utf8(escape.get(at + 2..at + 6)?).ok()?;
        (escape.get(at..at + 2)? == b"\\u").then(|| u16::from_str_radix(digits, 16).ok())?
    };
    let Some(first) = unit(0) else { return (char::REPLACEMENT_CHARACTER, 2) };
    let pair = [first, unit(6).unwrap_or(0)];
    match char::decode_utf16(pair).next() {
        Some(Ok('\0')) | Some(Err(_)) | None => (char::REPLACEMENT_CHARACTER, 6),
        Some(Ok(char)) => (char, 6 * char.len_utf16()),
    }
}

/// Appends bytes as clean text: valid UTF-8 without NUL.
pub fn clean(bytes: &[u8], out: &mut Vec<u8>) {
    if is_clean_ascii(bytes) {
        return out.extend_from_slice(bytes);
    }
    for chunk in bytes.utf8_chunks() {
        for (i, part) in chunk.valid().split('\0').enumerate() {
            if i > 0 {
                out.extend_from_slice(REPLACEMENT.as_bytes());
            }
            out.extend_from_slice(part.as_bytes());
        }
        if !chunk.invalid().is_empty() {
            out.extend_from_slice(REPLACEMENT.as_bytes());
        }
    }
}

/// Returns whether bytes are ASCII without NUL, as most text is. Looks at all of them, which many at a time are faster
/// than up to the first one that is not.
#[inline]
pub(crate) fn is_clean_ascii(bytes: &[u8]) -> bool {
    bytes.iter().fold(true, |clean, byte| clean & (1..0x80).contains(byte))
}

/// Appends valid JSON text without the white space between its tokens; strings keep their own escapes.
pub fn compact(json: &[u8], out: &mut Vec<u8>) {
    let is_white = |b: &u8| matches!(b, b' ' | b'\n' | b'\r' | b'\t');
    let mut rest = json;
    while !rest.is_empty() {
        // Outside a string, up to and with its opening quote.
        let opening = rest.iter().position(|b| *b == b'"').map_or(rest.len(), |quote| quote + 1);
        let (outside, behind) = split_at(rest, opening);
        out.extend(outside.iter().filter(|b| !is_white(b)));
        let (inside, behind) = split_at(behind, string_length(behind));
        clean(inside, out);
        rest = behind;
    }
}

/// Returns the length of a string's text with its closing quote; `text` starts behind the opening one.
pub fn string_length(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unescaped(raw: &[u8]) -> String {
        let mut out = Vec::new();
        unescape(raw, raw.contains(&b'\\'), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn escapes_mean_their_characters() {
        assert_eq!(unescaped(br#"a\"b\\c\/d\b\f\n\r\te\u00e9\u20AC"#), "a\"b\\c/d\u{8}\u{c}\n\r\teé€");
        assert_eq!(unescaped(br"\ud83d\ude00!"), "\u{1f600}!");
        assert_eq!(unescaped("plain é".as_bytes()), "plain é");
        assert_eq!(unescaped(b""), "");
    }

    #[test]
    fn what_no_text_can_hold_is_replaced() {
        for (raw, text) in [
            (&br"a\u0000b"[..], "a\u{fffd}b"),
            (b"a\0b", "a\u{fffd}b"),
            (br"\ud800", "\u{fffd}"),
            (br"\ud800\ud800", "\u{fffd}\u{fffd}"),
            (br"\ud800x", "\u{fffd}x"),
            (br"\ude00\ud83d", "\u{fffd}\u{fffd}"),
            (br"\ud800\u0041", "\u{fffd}A"),
            (b"\xff\xfe", "\u{fffd}\u{fffd}"),
            (b"a\xe2\x82", "a\u{fffd}"),
            (b"\xc3\\n", "\u{fffd}\n"),
        ] {
            assert_eq!(unescaped(raw), text, "{raw:?}");
        }
    }

    #[test]
    fn compact_text_keeps_strings_as_written() {
        let mut out = Vec::new();
        compact(b"{ \"a b\" :\t[ 1.50 , \"x \\\" { y\\u0000\" ,\r\n null ] , \"\xff\": true }", &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "{\"a b\":[1.50,\"x \\\" { y\\u0000\",null],\"\u{fffd}\":true}");
    }
}
