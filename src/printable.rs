//! What a log line or an error may show of a text that is not ours: names of files and objects, messages, answers of
//! servers, settings. Whoever writes these must not be able to forge a line, to hide one, or to flood a log.

/// Characters of a line or an error that are kept.
pub const LINE: usize = 4000;

/// Characters of a name that are kept: a key of S3 has up to 1,024 bytes.
pub const NAME: usize = 1200;

/// Returns a text with at most `max` characters, none of which breaks a line, moves the cursor of a terminal, changes
/// the direction of text, or cannot be seen: U+FFFD stands for these. What is cut off ends in `…`.
pub fn printable(text: &str, max: usize) -> String {
    let safe = |c| if is_hidden(c) { char::REPLACEMENT_CHARACTER } else { c };
    let mut shown: String = text.chars().take(max).map(safe).collect();
    if text.chars().nth(max).is_some() {
        shown.push('…');
    }
    shown
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_break_a_line_or_hide_a_part_of_it() {
        assert_eq!(printable("a\n[ERROR] b\u{1b}[0m\u{202e}c é", 99), "a\u{fffd}[ERROR] b\u{fffd}[0m\u{fffd}c é");
        for hidden in ['\0', '\r', '\t', '\u{7f}', '\u{9b}', '\u{61c}', '\u{2028}', '\u{2066}', '\u{feff}', '\u{e0041}']
        {
            assert_eq!(printable(&format!("a{hidden}b"), 99), "a\u{fffd}b", "{hidden:?}");
        }
        for shown in ["日志 ünd \u{1f600}", "a'b\"c\\d", ""] {
            assert_eq!(printable(shown, 99), shown);
        }
    }

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        assert_eq!(printable("ééé", 3), "ééé");
        assert_eq!(printable("éééé", 3), "ééé…");
    }
}
