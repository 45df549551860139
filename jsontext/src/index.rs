//! The index of one document: its values in text order, with what is needed to find a member without reading again.
//!
//! It keeps no text: a [`Value`] is a cursor into the index and the text that it was built from.

use crate::scan::{self, Go, Stop, Visit};
use crate::{Kind, Pointer, text};
use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

/// The index of a document. It keeps its memory from one document to the next.
#[derive(Debug, Default)]
pub struct Index {
    nodes: Vec<Node>,
    /// The containers that are still open, as positions in `nodes`.
    open: Vec<u32>,
    key: Option<scan::Text>,
}

#[derive(Debug)]
struct Node {
    kind: Kind,
    escaped: bool,
    key_escaped: bool,
    key: Range<u32>,
    text: Range<u32>,
    /// The node behind this one and all that it contains.
    next: u32,
}

impl Index {
    /// Indexes `text`, which must be one JSON value and white space, nested up to `max_depth`; what an earlier document
    /// left is dropped.
    ///
    /// On an error the index is empty.
    pub fn read<'a>(&'a mut self, text: &'a [u8], max_depth: usize) -> Result<Value<'a>, Stop> {
        self.nodes.clear();
        self.open.clear();
        self.key = None;
        match self.fill(text, max_depth) {
            Ok(()) => self.root(text).ok_or(Stop::End),
            Err(stop) => {
                self.nodes.clear();
                Err(stop)
            }
        }
    }

    fn fill(&mut self, text: &[u8], max_depth: usize) -> Result<(), Stop> {
        if u32::try_from(text.len()).is_err() {
            return Err(Stop::Syntax(u32::MAX as usize));
        }
        let end = scan::value(text, 0, max_depth, self)?;
        let behind = scan::skip_white(text, end);
        if behind < text.len() { Err(Stop::Syntax(behind)) } else { Ok(()) }
    }

    /// Returns the document's value, if one has been read; `text` must be what was read.
    pub fn root<'a>(&'a self, text: &'a [u8]) -> Option<Value<'a>> {
        (!self.nodes.is_empty()).then_some(Value { nodes: &self.nodes, text, at: 0 })
    }

    fn push(&mut self, kind: Kind, range: Range<usize>, escaped: bool) {
        let key = self.key.take().unwrap_or(scan::Text { range: 0..0, escaped: false });
        self.nodes.push(Node {
            kind,
            escaped,
            key_escaped: key.escaped,
            key: narrow(key.range),
            text: narrow(range),
            next: self.nodes.len() as u32 + 1,
        });
    }
}

/// Positions fit: `fill` refuses longer texts.
fn narrow(range: Range<usize>) -> Range<u32> {
    range.start as u32..range.end as u32
}

impl Visit for Index {
    fn key(&mut self, key: scan::Text) {
        self.key = Some(key);
    }

    fn open(&mut self, kind: Kind, at: usize) -> Go {
        self.open.push(self.nodes.len() as u32);
        self.push(kind, at..at, false);
        Go::On
    }

    fn close(&mut self, end: usize) {
        let next = self.nodes.len() as u32;
        if let Some(node) = self.open.pop().and_then(|at| self.nodes.get_mut(at as usize)) {
            node.text.end = end as u32;
            node.next = next;
        }
    }

    fn scalar(&mut self, kind: Kind, range: Range<usize>, escaped: bool) {
        self.push(kind, range, escaped);
    }
}

/// A value of an indexed document.
#[derive(Clone, Copy)]
pub struct Value<'a> {
    nodes: &'a [Node],
    text: &'a [u8],
    at: usize,
}

impl<'a> Value<'a> {
    fn node(&self) -> &'a Node {
        &self.nodes[self.at]
    }

    /// Returns what the value is.
    pub fn kind(&self) -> Kind {
        self.node().kind
    }

    /// Returns the value's own JSON text, a string's with its quotes.
    pub fn json(&self) -> &'a [u8] {
        let range = &self.node().text;
        self.text.get(range.start as usize..range.end as usize).unwrap_or_default()
    }

    /// Returns where the value stands in the document's text, a string without its quotes.
    pub fn range(&self) -> Range<usize> {
        let Range { start, end } = self.node().text;
        let quote = u32::from(self.kind() == Kind::String);
        (start + quote) as usize..(end - quote) as usize
    }

    /// Returns the values inside an object or array, in text order; none for other kinds.
    pub fn items(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        let (nodes, text) = (self.nodes, self.text);
        let end = self.node().next as usize;
        let mut at = match self.kind() {
            Kind::Object | Kind::Array => self.at + 1,
            _ => end,
        };
        std::iter::from_fn(move || {
            let item = Value { nodes, text, at };
            at = nodes.get(at).filter(|_| at < end)?.next as usize;
            Some(item)
        })
    }

    /// Returns the first member of an object with this name.
    pub fn get(&self, name: &str) -> Option<Value<'a>> {
        if self.kind() != Kind::Object {
            return None;
        }
        // A name that is not text as it is written has U+FFFD in its meaning.
        let is_plain = !name.contains(char::REPLACEMENT_CHARACTER);
        self.items().find(|member| {
            if is_plain && !member.node().key_escaped {
                member.raw_name() == name.as_bytes()
            } else {
                *member.name() == *name.as_bytes()
            }
        })
    }

    /// Returns the value behind a path of [`step`](Self::step)s.
    pub fn path(&self, steps: &[&str]) -> Option<Value<'a>> {
        steps.iter().try_fold(*self, |value, step| value.step(step))
    }

    /// Returns the value that one step of a pointer leads to: a member's name, or an array index as RFC 6901 writes it.
    pub fn step(&self, step: &str) -> Option<Value<'a>> {
        match self.kind() {
            Kind::Object => self.get(step),
            Kind::Array => {
                let plain = step == "0" || !step.starts_with(['0', '+']);
                self.items().nth(step.parse().ok().filter(|_| plain)?)
            }
            _ => None,
        }
    }

    /// Returns the value that a pointer names.
    pub fn pointer(&self, pointer: &Pointer) -> Option<Value<'a>> {
        pointer.steps().iter().try_fold(*self, |value, step| value.step(step))
    }

    /// Appends the value as a rule sees it: a string's meaning, any other value's JSON text without white space.
    /// `null` appends nothing and gives `None`.
    pub fn append_to(&self, out: &mut Vec<u8>) -> Option<()> {
        match self.kind() {
            Kind::Null => return None,
            Kind::String => text::unescape(self.inner(), self.node().escaped, out),
            Kind::Number | Kind::Bool => out.extend_from_slice(self.json()),
            Kind::Object | Kind::Array => self.append_json_to(out),
        }
        Some(())
    }

    /// Appends the value's JSON text without white space, and of duplicate members only the first.
    pub fn append_json_to(&self, out: &mut Vec<u8>) {
        if self.has_duplicates() { self.append_first_ones_to(out) } else { text::compact(self.json(), out) }
    }

    /// Appends the value's JSON text without the members whose names came before.
    fn append_first_ones_to(&self, out: &mut Vec<u8>) {
        let is_object = self.kind() == Kind::Object;
        out.push(if is_object { b'{' } else { b'[' });
        let mut is_first = true;
        let append = |item: Value<'_>| {
            if !std::mem::take(&mut is_first) {
                out.push(b',');
            }
            if is_object {
                text::compact(item.key_json(), out);
                out.push(b':');
            }
            match item.kind() {
                Kind::Object | Kind::Array => item.append_first_ones_to(out),
                _ => text::compact(item.json(), out),
            }
        };
        if is_object {
            self.members().for_each(append)
        } else {
            self.items().for_each(append)
        }
        out.push(if is_object { b'}' } else { b']' });
    }

    /// Returns whether an object in the value has a member twice.
    fn has_duplicates(&self) -> bool {
        let own = self.kind() == Kind::Object && self.members().count() < self.items().count();
        own || self.items().any(|item| item.has_duplicates())
    }

    /// Returns the members of an object, of those with the same name the first; none for other kinds.
    pub fn members(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        // Few members are compared with each other; many would cost their square.
        const FEW: usize = 16;
        let object = *self;
        let (mut before, mut names) = (0, HashSet::new());
        let items = self.items().take_while(move |_| object.kind() == Kind::Object);
        items.filter(move |member| {
            let earlier = object.items().take(before);
            before += 1;
            if before <= FEW {
                return !member.is_named_like_one_of(earlier);
            }
            if names.is_empty() {
                names.extend(earlier.map(|member| member.name()));
            }
            names.insert(member.name())
        })
    }

    /// Returns whether the names of two members mean the same.
    fn is_named_like_one_of(&self, mut others: impl Iterator<Item = Value<'a>>) -> bool {
        let raw = self.raw_name();
        // What is written so means itself, and nothing that is written in another way without escapes means the same.
        let is_plain = !self.node().key_escaped && raw.is_ascii() && !raw.contains(&0);
        others.any(|other| {
            if is_plain && !other.node().key_escaped { other.raw_name() == raw } else { other.name() == self.name() }
        })
    }

    /// Returns the meaning of the name that the value has in its object; nothing for other values.
    pub fn name(&self) -> Cow<'a, [u8]> {
        let (raw, escaped) = (self.raw_name(), self.node().key_escaped);
        if !escaped && raw.is_ascii() && !raw.contains(&0) {
            return Cow::Borrowed(raw);
        }
        let mut name = Vec::with_capacity(raw.len());
        text::unescape(raw, escaped, &mut name);
        Cow::Owned(name)
    }

    fn raw_name(&self) -> &'a [u8] {
        let key = &self.node().key;
        self.text.get(key.start as usize..key.end as usize).unwrap_or_default()
    }

    /// The name that the value has in its object, as it is written.
    fn key_json(&self) -> &'a [u8] {
        let node = self.node();
        self.text.get((node.key.start as usize).saturating_sub(1)..node.key.end as usize + 1).unwrap_or_default()
    }

    /// Returns the value as text, as [`append_to`](Self::append_to) gives it; a copy only when it is written in another
    /// way.
    pub fn text(&self) -> Option<Cow<'a, str>> {
        let written = match self.kind() {
            Kind::String if !self.node().escaped => Some(self.inner()),
            Kind::Number | Kind::Bool => Some(self.json()),
            _ => None,
        };
        let written = written.and_then(|written| std::str::from_utf8(written).ok());
        if let Some(text) = written.filter(|text| !text.contains('\0')) {
            return Some(Cow::Borrowed(text));
        }
        let mut out = Vec::new();
        self.append_to(&mut out)?;
        String::from_utf8(out).ok().map(Cow::Owned)
    }

    /// Returns whether the value is a string that means `text`.
    pub fn is(&self, text: &str) -> bool {
        if self.kind() != Kind::String {
            return false;
        }
        if !self.node().escaped {
            return self.inner() == text.as_bytes();
        }
        self.text().as_deref() == Some(text)
    }

    /// A string's text between its quotes.
    fn inner(&self) -> &'a [u8] {
        let json = self.json();
        json.get(1..json.len().saturating_sub(1)).unwrap_or_default()
    }
}

impl std::fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.json()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::MAX_DEPTH;

    const EVENT: &str = r#"{ "a": {"b": [10, {"c": "x\ty"}, [ ], null], "b": "second"}, "k\u0065y": true,
        "": {"/": {"~": 1.50}}, "n": null, "deep": {"er": {}} }"#;

    fn at(pointer: &str) -> Option<String> {
        let mut index = Index::default();
        let root = index.read(EVENT.as_bytes(), MAX_DEPTH).unwrap();
        root.pointer(&Pointer::new(pointer).unwrap()).map(|value| value.text().map_or("<null>".into(), Cow::into_owned))
    }

    #[test]
    fn pointers_find_what_they_name() {
        for (pointer, text) in [
            ("/a/b/0", Some("10")),
            ("/a/b/1/c", Some("x\ty")),
            ("/a/b/1", Some(r#"{"c":"x\ty"}"#)),
            ("/a/b/2", Some("[]")),
            ("/a/b/3", Some("<null>")),
            ("/a/b/4", None),
            ("/a/b/00", None),
            ("/a/b/+1", None),
            ("/a/b/-", None),
            ("/a/b", Some(r#"[10,{"c":"x\ty"},[],null]"#)),
            ("/key", Some("true")),
            ("/k\\u0065y", None),
            ("//~1/~0", Some("1.50")),
            ("/n", Some("<null>")),
            ("/n/x", None),
            ("/a/b/0/x", None),
            ("/deep/er", Some("{}")),
            ("/er", None),
            ("/missing", None),
        ] {
            assert_eq!(at(pointer).as_deref(), text, "{pointer}");
        }
    }

    #[test]
    fn the_first_of_duplicates_is_all_that_is_seen() {
        let mut index = Index::default();
        let text = br#"{"a":[{"b":1,"c":{"\u0062":2, "b":3}},4],"a":5,"\u0061":6}"#;
        let root = index.read(text, MAX_DEPTH).unwrap();
        assert_eq!(root.text().unwrap(), r#"{"a":[{"b":1,"c":{"\u0062":2}},4]}"#);
        let many: String = (0..40).map(|i| format!("\"{}\":{i},", i % 20)).collect();
        let text = format!("{{{}\"z\":0}}", many);
        let root = index.read(text.as_bytes(), MAX_DEPTH).unwrap();
        assert_eq!(root.items().count(), 41);
        assert_eq!(root.text().unwrap().matches(':').count(), 21);
    }

    #[test]
    fn a_name_that_is_no_text_is_found_by_its_meaning() {
        let mut index = Index::default();
        let root = index.read(b"{\"x-\xff\":1,\"y\":2,\"\\ud800\":3}", MAX_DEPTH).unwrap();
        assert_eq!(root.get("x-\u{fffd}").unwrap().json(), b"1");
        assert_eq!(root.get("y").unwrap().json(), b"2");
        assert_eq!(root.get("\u{fffd}").unwrap().json(), b"3");
    }

    #[test]
    fn an_index_forgets_the_document_before() {
        let mut index = Index::default();
        index.read(br#"{"a":1}"#, MAX_DEPTH).unwrap();
        assert_eq!(index.read(br#"{"a":1"#, MAX_DEPTH).unwrap_err(), Stop::End);
        assert!(index.root(br#"{"a":1}"#).is_none());
        assert_eq!(index.read(b"{} {}", MAX_DEPTH).unwrap_err(), Stop::Syntax(3));
        assert!(index.read(br#"{"b":2}"#, MAX_DEPTH).unwrap().get("a").is_none());
    }

    #[test]
    fn a_value_knows_where_it_stands() {
        let mut index = Index::default();
        let text = br#"{"a": [12, "x\ty"]}"#;
        let root = index.read(text, MAX_DEPTH).unwrap();
        for (pointer, written) in [("", &text[..]), ("/a", b"[12, \"x\\ty\"]"), ("/a/0", b"12"), ("/a/1", b"x\\ty")] {
            assert_eq!(&text[root.pointer(&Pointer::new(pointer).unwrap()).unwrap().range()], written);
        }
    }

    #[test]
    fn a_string_is_compared_by_its_meaning() {
        let mut index = Index::default();
        let root = index.read(br#"["\u0041b", "Ab", 1]"#, MAX_DEPTH).unwrap();
        assert_eq!(root.items().map(|item| item.is("Ab")).collect::<Vec<_>>(), [true, true, false]);
    }
}
