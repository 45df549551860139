//! Conditions that are broken on purpose, one test at a time, to see whether a rule's events would notice. It takes a
//! condition apart into its tests and the words between them, and leaves what a test means to the engine.

use super::condition::{Kind, Token, tokens};

/// A condition with one thing wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutant {
    /// What was done, for people: `negated: ct.name = X`.
    pub what: String,
    /// The broken condition.
    pub condition: String,
}

/// What always holds, and what never does. Events count from 1.
const ALWAYS: &str = "evt.num > 0";
const NEVER: &str = "evt.num = 0";

/// Breaks a condition in every way: each test is negated, each is left out (so that it decides nothing), and each item
/// of a list that is written out is taken away. A macro counts as one test.
pub(super) fn mutants(condition: &str) -> Vec<Mutant> {
    let tokens = tokens(condition);
    let mut mutants = Vec::new();
    for test in tests(condition, &tokens) {
        let text = &condition[test.start..test.end];
        let with = |replacement: &str| format!("{}{replacement}{}", &condition[..test.start], &condition[test.end..]);
        mutants.push(Mutant { what: format!("negated: {text}"), condition: with(&format!("not ({text})")) });
        if let Some(joined) = test.joined {
            // Beside `and` a test decides nothing when it holds, beside `or` when it does not, and the other way
            // round behind `not`.
            let neutral = if (joined == "and") == test.negated { NEVER } else { ALWAYS };
            mutants.push(Mutant { what: format!("left out: {text}"), condition: with(neutral) });
        }
        for (start, end) in items(&tokens[test.first..test.last], condition) {
            let item = condition[start..end].trim_matches([' ', ',']);
            mutants.push(Mutant {
                what: format!("without {item}: {text}"),
                condition: format!("{}{}", &condition[..start], &condition[end..]),
            });
        }
    }
    mutants
}

/// One test of a condition.
struct Test {
    start: usize,
    end: usize,
    /// Its tokens.
    first: usize,
    last: usize,
    /// Whether `not` stands before it.
    negated: bool,
    /// The word that joins it to its neighbours; none when it stands alone.
    joined: Option<&'static str>,
}

/// The tests of a condition: what stands between `and`, `or`, `not` and grouping parentheses.
fn tests(condition: &str, tokens: &[Token]) -> Vec<Test> {
    let text = |index: usize| tokens.get(index).map(|token| &condition[token.start..token.end]);
    let is_word = |index: usize, word: &str| {
        tokens.get(index).is_some_and(|token| token.kind == Kind::Word) && text(index) == Some(word)
    };
    let mut tests = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let opens_group = matches!(tokens[at].kind, Kind::Open | Kind::Close);
        if opens_group || ["and", "or", "not"].iter().any(|word| is_word(at, word)) {
            at += 1;
            continue;
        }
        let first = at;
        let mut depth = 0_usize;
        while at < tokens.len() {
            match tokens[at].kind {
                Kind::Open => depth += 1,
                Kind::Close if depth == 0 => break,
                Kind::Close => depth -= 1,
                _ if depth == 0 && (is_word(at, "and") || is_word(at, "or")) => break,
                _ => {}
            }
            at += 1;
        }
        let negated = first > 0 && is_word(first - 1, "not");
        let before = first.checked_sub(1 + usize::from(negated));
        let joined = |word| before.is_some_and(|before| is_word(before, word)) || is_word(at, word);
        // `and` binds more tightly.
        let joined = ["and", "or"].into_iter().find(|word| joined(word));
        tests.push(Test { start: tokens[first].start, end: tokens[at - 1].end, first, last: at, negated, joined });
    }
    tests
}

/// The items of a list of several that is written out within a test, each with the comma that goes with it.
fn items(tokens: &[Token], condition: &str) -> Vec<(usize, usize)> {
    let Some(open) = tokens.iter().position(|token| token.kind == Kind::Open) else { return Vec::new() };
    let operator = open.checked_sub(1).map(|before| &condition[tokens[before].start..tokens[before].end]);
    if !matches!(operator, Some("in" | "intersects" | "pmatch")) {
        return Vec::new();
    }
    let places: Vec<(usize, usize)> = tokens[open + 1..]
        .iter()
        .filter(|token| matches!(token.kind, Kind::Word | Kind::Quoted))
        .map(|token| (token.start, token.end))
        .collect();
    let ends = places.iter().skip(1).map(|next| next.0);
    match places.split_last() {
        Some((last, others)) if !others.is_empty() => {
            let with_comma = others.iter().zip(ends).map(|((start, _), end)| (*start, end));
            let before = others.last().map_or(last.0, |other| other.1);
            with_comma.chain([(before, last.1)]).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(condition: &str) -> Vec<String> {
        mutants(condition).into_iter().map(|mutant| mutant.condition).collect()
    }

    #[test]
    fn every_test_is_negated_and_left_out() {
        assert_eq!(
            broken("ct.name = \"a and b\" and not known and (x contains y or tolower(z) = \"(\")"),
            [
                "not (ct.name = \"a and b\") and not known and (x contains y or tolower(z) = \"(\")",
                "evt.num > 0 and not known and (x contains y or tolower(z) = \"(\")",
                "ct.name = \"a and b\" and not not (known) and (x contains y or tolower(z) = \"(\")",
                "ct.name = \"a and b\" and not evt.num = 0 and (x contains y or tolower(z) = \"(\")",
                "ct.name = \"a and b\" and not known and (not (x contains y) or tolower(z) = \"(\")",
                "ct.name = \"a and b\" and not known and (evt.num = 0 or tolower(z) = \"(\")",
                "ct.name = \"a and b\" and not known and (x contains y or not (tolower(z) = \"(\"))",
                "ct.name = \"a and b\" and not known and (x contains y or evt.num = 0)",
            ]
        );
    }

    #[test]
    fn a_test_that_stands_alone_is_only_negated() {
        assert_eq!(broken("(not x exists)"), ["(not not (x exists))"]);
    }

    #[test]
    fn every_item_of_a_list_is_taken_away() {
        let list = |items: &str| format!("x in ({items})");
        let without: Vec<_> = broken("x in (a, \"b, c\",d)").split_off(1);
        assert_eq!(without, [list("\"b, c\",d"), list("a, d"), list("a, \"b, c\"")]);
        assert_eq!(broken("x in (names)").len(), 1);
    }
}
