//! Textual resolution of lists and macros within a condition, as Falco defines it. It finds words and their places
//! and understands nothing else of the filter language.

use anyhow::{Result, bail};

/// Characters that may stand beside the name of a list.
const DELIMITERS: [char; 8] = [' ', '\t', '\n', '\r', '(', ')', ',', '='];

/// Replaces the name of a list, wherever it stands as a word, by its items, which are joined with commas.
///
/// # Errors
/// When the name stands within quotes: Falco would replace it there too, which nobody who quotes it can want.
pub(super) fn expand_list(condition: &str, name: &str, items: &str) -> Result<String> {
    let mut expanded = String::with_capacity(condition.len());
    let mut rest = 0;
    for (start, _) in condition.match_indices(name) {
        let end = start + name.len();
        let bounded = condition[..start].chars().next_back().is_none_or(|char| DELIMITERS.contains(&char))
            && condition[end..].chars().next().is_none_or(|char| DELIMITERS.contains(&char));
        if !bounded || start < rest {
            continue;
        }
        if tokens(condition).iter().any(|token| token.kind == Kind::Quoted && token.start < start && end < token.end) {
            bail!("the list `{name}` is named within quotes, where Falco replaces it too: rename the list");
        }
        expanded.push_str(&condition[rest..start]);
        expanded.push_str(items);
        rest = end;
        if items.is_empty() {
            let before = expanded.trim_end().len();
            let after = condition[end..].trim_start();
            if expanded[..before].ends_with(',') {
                expanded.truncate(before - 1);
            } else if let Some(after) = after.strip_prefix(',') {
                rest = condition.len() - after.len();
            }
        }
    }
    expanded.push_str(&condition[rest..]);
    Ok(expanded)
}

/// Replaces every macro by what `resolve` gives for its name, in parentheses. A word is a macro where a condition
/// may stand alone: behind the start, `and`, `or`, `not` or a grouping parenthesis, and before the end, `and`, `or`
/// or a closing one.
///
/// # Errors
/// Those of `resolve`.
pub(super) fn expand_macros(condition: &str, mut resolve: impl FnMut(&str) -> Result<String>) -> Result<String> {
    let tokens = tokens(condition);
    let mut expanded = String::with_capacity(condition.len());
    let mut rest = 0;
    let mut starts_term = true;
    for (index, token) in tokens.iter().enumerate() {
        let text = &condition[token.start..token.end];
        let ends_term = tokens
            .get(index + 1)
            .is_none_or(|next| next.kind == Kind::Close || matches!(&condition[next.start..next.end], "and" | "or"));
        if starts_term && ends_term && token.kind == Kind::Word && is_identifier(text) {
            expanded.push_str(&condition[rest..token.start]);
            expanded.push_str(&format!("({})", resolve(text)?.trim()));
            rest = token.end;
        }
        starts_term = match token.kind {
            Kind::Open => starts_term,
            Kind::Word => matches!(text, "and" | "or" | "not"),
            Kind::Close | Kind::Quoted | Kind::Other => false,
        };
    }
    expanded.push_str(&condition[rest..]);
    Ok(expanded)
}

/// Whether a condition names a list or a macro: has it as a word outside of quotes.
#[must_use]
pub fn names(condition: &str, name: &str) -> bool {
    let mut words = tokens(condition).into_iter().filter(|token| token.kind == Kind::Word);
    words.any(|token| &condition[token.start..token.end] == name)
}

fn is_identifier(text: &str) -> bool {
    !matches!(text, "and" | "or" | "not")
        && text.starts_with(|char: char| char.is_ascii_alphabetic())
        && text.chars().all(|char| char.is_ascii_alphanumeric() || char == '_')
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A bare word; the argument of a field, up to its closing bracket, is part of it.
    Word,
    /// Text in quotes.
    Quoted,
    Open,
    Close,
    /// A comma or an operator sign.
    Other,
}

pub(super) struct Token {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
}

/// Takes a condition apart into words and signs.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut start = 0;
    while let Some(first) = text[start..].chars().next() {
        let (kind, len) = match first {
            '(' => (Kind::Open, 1),
            ')' => (Kind::Close, 1),
            '"' | '\'' => (Kind::Quoted, quoted_len(&text[start..], first)),
            ',' | '=' | '!' | '<' | '>' => (Kind::Other, 1),
            _ if first.is_whitespace() => {
                start += first.len_utf8();
                continue;
            }
            _ => (Kind::Word, word_len(&text[start..])),
        };
        tokens.push(Token { kind, start, end: start + len });
        start += len;
    }
    tokens
}

/// The length of the quoted text at the start, with both quotes; all that is left when it is not closed.
fn quoted_len(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, char) in text.char_indices().skip(1) {
        match char {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if char == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn word_len(text: &str) -> usize {
    let mut at = 0;
    let mut within_brackets = false;
    while let Some(char) = text[at..].chars().next() {
        match char {
            '[' => within_brackets = true,
            ']' => within_brackets = false,
            '"' | '\'' if within_brackets => {
                at += quoted_len(&text[at..], char);
                continue;
            }
            '(' | ')' | '"' | '\'' | ',' | '=' | '!' | '<' | '>' if !within_brackets => break,
            _ if char.is_whitespace() => break,
            _ => {}
        }
        at += char.len_utf8();
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(condition: &str, items: &str) -> String {
        expand_list(condition, "names", items).unwrap()
    }

    fn macros(condition: &str) -> Result<String> {
        expand_macros(condition, |name| match name {
            "success" => Ok("not ct.error exists".to_owned()),
            "either" => Ok(" a.b = 1 or c.d = 2\n".to_owned()),
            _ => bail!("undefined macro `{name}`"),
        })
    }

    #[test]
    fn a_list_becomes_its_items() {
        assert_eq!(list("ct.name in (names)", "A, B"), "ct.name in (A, B)");
        assert_eq!(list("ct.name in (X, names,Y) and x in (names)", "A"), "ct.name in (X, A,Y) and x in (A)");
    }

    #[test]
    fn a_list_is_a_whole_word() {
        let text = "names.x = 1 and ct.names exists and y in (mynames, names2, names-3)";
        assert_eq!(list(text, "A"), text);
    }

    #[test]
    fn an_empty_list_takes_a_comma_with_it() {
        assert_eq!(list("x in (A, names)", ""), "x in (A)");
        assert_eq!(list("x in (names , A)", ""), "x in ( A)");
        assert_eq!(list("x in (names)", ""), "x in ()");
    }

    #[test]
    fn a_list_within_quotes_is_refused() {
        let error = expand_list("x = \"the names here\"", "names", "").unwrap_err();
        assert!(error.to_string().contains("`names`"), "{error}");
        assert_eq!(list("x = \"names\" and y in (names)", "A"), "x = \"names\" and y in (A)");
    }

    #[test]
    fn a_macro_becomes_a_condition_in_parentheses() {
        assert_eq!(macros("success").unwrap(), "(not ct.error exists)");
        assert_eq!(
            macros("ct.name = X and not either\n  and (success)").unwrap(),
            "ct.name = X and not (a.b = 1 or c.d = 2)\n  and ((not ct.error exists))"
        );
        assert_eq!(
            macros("(either or (not success))").unwrap(),
            "((a.b = 1 or c.d = 2) or (not (not ct.error exists)))"
        );
    }

    #[test]
    fn values_fields_and_quotes_are_no_macros() {
        for text in [
            "ct.name = success",
            "ct.name in (success)",
            "ct.name in (A, success) and x exists",
            "x = \"success and either\"",
            "ct.value[/a/(success)] exists",
            "ct.value[\"a success\"] = 'not success'",
            "toupper(ct.name) = success",
            "success.x exists or successful.y=either",
        ] {
            assert_eq!(macros(text).unwrap(), text);
        }
    }

    #[test]
    fn an_unknown_macro_is_an_error() {
        assert_eq!(macros("ct.name = X and nothing").unwrap_err().to_string(), "undefined macro `nothing`");
    }
}
