//! Every error at start is in the README's troubleshooting, and what is there is an error that the code has.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::fs;
use std::path::Path;

/// The files whose texts are errors at start.
const SOURCES: [&str; 22] = [
    "src/aws/connection.rs",
    "src/aws/error.rs",
    "src/checkpoint/store.rs",
    "src/config/account.rs",
    "src/config/arn.rs",
    "src/config/bucket.rs",
    "src/config/check.rs",
    "src/config/endpoint.rs",
    "src/config/interval.rs",
    "src/config/lookup.rs",
    "src/config/mod.rs",
    "src/config/open.rs",
    "src/config/period.rs",
    "src/config/public_key.rs",
    "src/config/queue.rs",
    "src/config/regions.rs",
    "src/plugin/mod.rs",
    "src/plugin/source.rs",
    "src/plugin/sources.rs",
    "src/source/files.rs",
    "src/source/remote.rs",
    "src/source/state.rs",
];

/// Texts of those files that are none: parts of an error, log lines, what comes later than the start.
const OTHERS: [&str; 22] = [
    "… is at …, as configured: what it is asked and what it answers is not encrypted",
    "no such object",
    "the answer cannot be read",
    ", restore it first",
    "it is a link",
    "it is not a file",
    "it does not begin as a state file does",
    "its version is …, and this one reads version …",
    "it holds … bytes where it says …",
    "it holds … bytes, more than any state",
    "its digest is not that of its content",
    "a section of keys",
    "Reads AWS CloudTrail events and gives their fields to rules (revision ",
    "not a plugin's event",
    "verifyDigests has no effect here, digests are verified where s3:// reads the bucket",
    "not a file any more",
    "reading …: logs …, bytes …",
    "a link back to a folder above it",
    "a link to a folder that is read already",
    "…; events may come twice",
    "AWS did not answer in time; the last logs may come again",
    "an internal fault, please report it; what is read begins again",
];

/// Returns the texts of a file that are more than a name, without those of its tests and its documentation.
fn texts(file: &str) -> Vec<String> {
    let source = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let code = source.split("#[cfg(test)]\nmod tests").next().unwrap();
    let mut texts = Vec::new();
    collect(code.parse().unwrap(), &mut texts);
    texts.retain(|text| text.contains(' ') && words(text).count() > 0);
    texts
}

fn collect(tokens: TokenStream, texts: &mut Vec<String>) {
    for token in tokens {
        match token {
            // Documentation is an attribute to the parser.
            TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket && is_doc(&group.stream()) => {}
            TokenTree::Group(group) => collect(group.stream(), texts),
            TokenTree::Literal(literal) => {
                let text = syn::parse_str::<syn::LitStr>(&literal.to_string());
                texts.extend(text.map(|text| with_dots(&text.value())));
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) => {}
        }
    }
}

fn is_doc(tokens: &TokenStream) -> bool {
    matches!(tokens.clone().into_iter().next(), Some(TokenTree::Ident(name)) if name == "doc")
}

/// Returns a format with dots in place of its arguments.
fn with_dots(format: &str) -> String {
    let mut text = String::new();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('{') {
        text += before;
        match (after.strip_prefix('{'), after.split_once('}')) {
            (Some(after), _) => (text, rest) = (text + "{", after),
            (None, Some((_, after))) => (text, rest) = (text + "…", after),
            (None, None) => (text, rest) = (text + "{", after),
        }
    }
    text + rest
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty())
}

/// Whether all parts of `pattern` between its dots are in the text, in their order.
fn is_in(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('…').map(|part| part.trim_matches([' ', ':', ','])).filter(|part| !part.is_empty());
    parts.try_fold(text, |rest, part| Some(rest.split_once(part)?.1)).is_some()
}

/// Returns the errors in the first column of the table under a line of the README.
fn rows(under: &str) -> Vec<String> {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let (_, rest) = readme.split_once(under).unwrap();
    let rows = rest.lines().skip_while(|line| !line.starts_with('|')).skip(2).take_while(|line| line.starts_with('|'));
    let first = rows.filter_map(|row| row.split(" | ").next()?.strip_prefix("| ")).filter(|cell| cell.starts_with('`'));
    first.flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>()).collect()
}

#[test]
fn every_error_at_start_has_a_cure() {
    let rows = rows("## Troubleshooting\n");
    assert!(rows.len() > 50, "{rows:#?}");
    let texts: Vec<(&str, String)> =
        SOURCES.into_iter().flat_map(|file| texts(file).into_iter().map(move |text| (file, text))).collect();
    let fits = |row: &str, text: &str| is_in(row, text) || is_in(text, row);
    let untold: Vec<_> = texts
        .iter()
        .filter(|(_, text)| words(text).count() > 2 && !OTHERS.contains(&text.as_str()))
        .filter(|(_, text)| !rows.iter().any(|row| fits(row, text)))
        .collect();
    assert!(untold.is_empty(), "in the code and neither in the README nor among the others: {untold:#?}");
    let unknown: Vec<_> = rows.iter().filter(|row| !texts.iter().any(|(_, text)| fits(row, text))).collect();
    assert!(unknown.is_empty(), "in the README and not in the code: {unknown:#?}");
    let gone: Vec<_> = OTHERS.iter().filter(|other| !texts.iter().any(|(_, text)| text == *other)).collect();
    assert!(gone.is_empty(), "no longer in the code: {gone:#?}");
}
