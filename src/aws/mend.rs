//! `mend`: makes text of an answer that is not quite Unicode readable.
//!
//! Only what no string can hold is replaced; whether the rest is JSON is left to its reader.

/// What stands for half a pair of surrogates.
const REPLACEMENT: &[u8; 6] = br"\ufffd";

/// Replaces bytes that are no UTF-8, and escapes of lone surrogates, by U+FFFD. Every other byte stays as it is.
///
/// Returns `None` when there is nothing to replace.
pub(super) fn mend(json: &[u8]) -> Option<Vec<u8>> {
    let mut text = String::from_utf8_lossy(json).into_owned().into_bytes();
    let mut rest = text.as_mut_slice();
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        rest = rest.get_mut(at..).unwrap_or_default();
        let used = match (escaped_unit(rest), rest.get(6..).and_then(escaped_unit)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => {
                if let Some(escape) = rest.first_chunk_mut() {
                    *escape = *REPLACEMENT;
                }
                6
            }
            // The character behind the backslash may be another one, which begins no escape.
            _ => 2,
        };
        rest = rest.get_mut(used..).unwrap_or_default();
    }
    (text != json).then_some(text)
}

/// Returns the UTF-16 unit of the `\uXXXX` that `text` starts with.
fn escaped_unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(br"\u")?.get(..4)?;
    digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)? as u16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lone_surrogates_become_replacement_characters() {
        for (json, mended) in [
            (r#"["\ud800"]"#, r#"["\ufffd"]"#),
            (r#"["\uDFFF", "\uDbFf"]"#, r#"["\ufffd", "\ufffd"]"#),
            (r"a\ud800b\udc00\n", r"a\ufffdb\ufffd\n"),
            // The wrong way round, and beside a pair.
            (r"\udc00\ud800", r"\ufffd\ufffd"),
            (r"\ud83d\ud83d\ude00\ude00", r"\ufffd\ud83d\ude00\ufffd"),
            // Half a pair before what is no other half.
            (r"\ud800\u0041", r"\ufffd\u0041"),
            (r"\ud800\\udc00", r"\ufffd\\udc00"),
            (r"\ud800\", r"\ufffd\"),
            (r"\ud800\udc0", r"\ufffd\udc0"),
            (r"\ud800\udc0g", r"\ufffd\udc0g"),
            ("\\ud800\u{e9}", "\\ufffd\u{e9}"),
            // Behind escaped backslashes.
            (r"\\\ud800", r"\\\ufffd"),
            (r"\\ud800 \\\\\ud800", r"\\ud800 \\\\\ufffd"),
        ] {
            assert_eq!(mend(json.as_bytes()).map(|text| String::from_utf8(text).unwrap()).as_deref(), Some(mended));
        }
    }

    #[test]
    fn text_that_a_string_can_hold_stays() {
        for json in [
            "",
            r#"{"a": "\"\\\/\b\f\n\r\t\u0000\uffff\ud7ff\ue000"}"#,
            r"\ud83d\ude00 \uD83D\uDE00 \uDBFF\udfff",
            r"\\ud800",
            r"\\\\ud800\\\\\\udc00",
            r"ud800 \Ud800 \u+800 \ud80g",
            // Cut off.
            r"\",
            r"\u",
            r"\ud80",
            "\u{e9}\u{65e5}\u{1f600}\u{fffd}",
        ] {
            assert_eq!(mend(json.as_bytes()), None, "{json}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_become_replacement_characters() {
        for (json, mended) in [
            (&b"a\xffb"[..], "a\u{fffd}b"),
            (b"\xe6\x97\x20\xe6\x97\xa5", "\u{fffd} \u{65e5}"),
            // A surrogate as it would be encoded, and one that is escaped beside it.
            (b"\xed\xa0\x80\\ud800", "\u{fffd}\u{fffd}\u{fffd}\\ufffd"),
            (b"\\ud800\xff\\\\ud800", "\\ufffd\u{fffd}\\\\ud800"),
            (b"\\\xff\\u\xff\xff", "\\\u{fffd}\\u\u{fffd}\u{fffd}"),
        ] {
            assert_eq!(mend(json).map(|text| String::from_utf8(text).unwrap()).as_deref(), Some(mended));
        }
    }
}
