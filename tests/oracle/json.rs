//! A slow JSON reader for the oracle. It keeps what the field contract speaks of: the order of
//! members, the spelling of numbers and strings, and the first of several members with one name.
//! It knows nothing about CloudTrail; the rules of the fields are in the files beside it.

/// A JSON value together with its spelling in the payload.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    /// The number as it is spelled.
    Num(String),
    Str(Text),
    Arr(Vec<Json>),
    /// Members in payload order; of members with the same name only the first.
    Obj(Vec<(Text, Json)>),
}

/// A JSON string.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    /// Unescaped, lone surrogates and invalid UTF-8 replaced by U+FFFD. A NUL is still a NUL.
    pub value: String,
    /// As it is spelled between the quotes, invalid UTF-8 replaced by U+FFFD.
    pub raw: String,
}

/// Deeper payloads are refused: the reader is recursive, and the source skips them anyway.
const MAX_DEPTH: usize = 1000;

/// Reads one JSON value with nothing but white space around it; `None` when that is not what the
/// bytes hold.
pub fn read(bytes: &[u8]) -> Option<Json> {
    let mut reader = Reader { bytes, at: 0 };
    let value = reader.value(0)?;
    reader.blanks();
    (reader.at == bytes.len()).then_some(value)
}

impl Json {
    /// Returns member `name` of an object.
    pub fn member(&self, name: &str) -> Option<&Json> {
        match self {
            Json::Obj(members) => members.iter().find(|m| m.0.value == name).map(|m| &m.1),
            _ => None,
        }
    }

    /// Returns item `index` of an array.
    pub fn item(&self, index: usize) -> Option<&Json> {
        self.items()?.get(index)
    }

    /// Returns the items of an array.
    pub fn items(&self) -> Option<&[Json]> {
        match self {
            Json::Arr(items) => Some(items),
            _ => None,
        }
    }

    /// Returns the JSON text without insignificant white space, spelled as in the payload.
    pub fn compact(&self) -> String {
        match self {
            Json::Null => "null".into(),
            Json::Bool(value) => value.to_string(),
            Json::Num(text) => text.clone(),
            Json::Str(text) => quoted(text),
            Json::Arr(items) => {
                let items: Vec<String> = items.iter().map(Json::compact).collect();
                format!("[{}]", items.join(","))
            }
            Json::Obj(members) => {
                let members: Vec<String> =
                    members.iter().map(|(name, value)| format!("{}:{}", quoted(name), value.compact())).collect();
                format!("{{{}}}", members.join(","))
            }
        }
    }
}

fn quoted(text: &Text) -> String {
    format!("\"{}\"", text.raw)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Skips white space, then the byte when it comes next.
    fn eat(&mut self, byte: u8) -> bool {
        self.blanks();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self, depth: usize) -> Option<Json> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.blanks();
        match self.peek()? {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => self.string().map(Json::Str),
            b't' => self.word("true", Json::Bool(true)),
            b'f' => self.word("false", Json::Bool(false)),
            b'n' => self.word("null", Json::Null),
            _ => self.number(),
        }
    }

    fn word(&mut self, word: &str, value: Json) -> Option<Json> {
        let found = self.bytes[self.at..].starts_with(word.as_bytes());
        self.at += word.len();
        found.then_some(value)
    }

    fn object(&mut self, depth: usize) -> Option<Json> {
        let mut members: Vec<(Text, Json)> = Vec::new();
        self.eat(b'{');
        if self.eat(b'}') {
            return Some(Json::Obj(members));
        }
        loop {
            self.blanks();
            let mut name = self.string()?;
            // silent: a name with a NUL is called as its text would be shown.
            name.value = name.value.replace('\0', "\u{fffd}");
            if !self.eat(b':') {
                return None;
            }
            let value = self.value(depth + 1)?;
            if !members.iter().any(|m| m.0.value == name.value) {
                members.push((name, value));
            }
            if self.eat(b'}') {
                return Some(Json::Obj(members));
            }
            if !self.eat(b',') {
                return None;
            }
        }
    }

    fn array(&mut self, depth: usize) -> Option<Json> {
        let mut items = Vec::new();
        self.eat(b'[');
        if self.eat(b']') {
            return Some(Json::Arr(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.eat(b']') {
                return Some(Json::Arr(items));
            }
            if !self.eat(b',') {
                return None;
            }
        }
    }

    fn string(&mut self) -> Option<Text> {
        if self.peek() != Some(b'"') {
            return None;
        }
        self.at += 1;
        let start = self.at;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += 2,
                // silent: a control character as it is, which is no JSON, hides neither a payload nor a document in a text.
                _ => self.at += 1,
            }
        }
        let raw = String::from_utf8_lossy(&self.bytes[start..self.at]).into_owned();
        self.at += 1;
        Some(Text { value: unescape(&raw)?, raw })
    }

    fn number(&mut self) -> Option<Json> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')) {
            self.at += 1;
        }
        let text = std::str::from_utf8(&self.bytes[start..self.at]).ok()?;
        is_number(text).then(|| Json::Num(text.to_owned()))
    }
}

fn is_number(text: &str) -> bool {
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|e| digits(e.strip_prefix(['+', '-']).unwrap_or(e)))
}

/// Resolves the escapes of a string; `None` when one of them is unknown.
fn unescape(raw: &str) -> Option<String> {
    if !raw.contains('\\') {
        return Some(raw.to_owned());
    }
    let mut units: Vec<u16> = Vec::new();
    let mut rest = raw;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c != '\\' {
            units.extend(c.encode_utf16(&mut [0; 2]).iter());
            continue;
        }
        let escape = rest.chars().next()?;
        rest = &rest[escape.len_utf8()..];
        units.push(match escape {
            '"' | '\\' | '/' => escape as u16,
            'b' => 8,
            'f' => 12,
            'n' => 10,
            'r' => 13,
            't' => 9,
            'u' => {
                let hex = rest.get(..4).filter(|h| h.bytes().all(|b| b.is_ascii_hexdigit()))?;
                rest = &rest[4..];
                u16::from_str_radix(hex, 16).ok()?
            }
            _ => return None,
        });
    }
    // Decoding through UTF-16 joins surrogate pairs and replaces each lone one by U+FFFD.
    Some(String::from_utf16_lossy(&units))
}

#[test]
fn reads_strings_as_the_contract_says() {
    let text = |json: &[u8]| match read(json) {
        Some(Json::Str(text)) => Some(text.value),
        _ => None,
    };
    assert_eq!(text(br#""a\u0062\n\/\ud83d\ude00""#).unwrap(), "ab\n/\u{1f600}");
    assert_eq!(text(br#""x\ud800y""#).unwrap(), "x\u{fffd}y");
    assert_eq!(text(br#""\ude00\ud83d""#).unwrap(), "\u{fffd}\u{fffd}");
    assert_eq!(text(b"\"a\xffb\xe2\x82\"").unwrap(), "a\u{fffd}b\u{fffd}");
    assert_eq!(text(br#""\u0000""#).unwrap(), "\0");
    assert_eq!(text(br#""\x41""#), None);
    assert_eq!(text(br#""\u12""#), None);
    assert_eq!(text(b"\"a\nb\"").unwrap(), "a\nb");
}

#[test]
fn keeps_spelling_and_order_and_the_first_duplicate() {
    let json = read(b" {\"b\" : [ 1.50 , -0e+1, \"\\u0041\\/\" ],\n\"a\":{ }, \"\\u0062\": 2} ");
    assert_eq!(json.unwrap().compact(), r#"{"b":[1.50,-0e+1,"\u0041\/"],"a":{}}"#);
}

#[test]
fn refuses_what_is_not_json() {
    for text in [
        "",
        " ",
        "{",
        "[1,,2]",
        "[1,]",
        "{\"a\":1,}",
        "{\"a\"}",
        "{a:1}",
        "01",
        "1.",
        ".5",
        "1e",
        "+1",
        "nul",
        "\"a",
        "{} {}",
        "\u{feff}{}",
        "'a'",
        "NaN",
        "--1",
    ] {
        assert_eq!(read(text.as_bytes()), None, "{text}");
    }
}
