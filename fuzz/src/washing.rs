//! Makes texts comparable that one reader of JSON takes and another one refuses, and JSON of what is none.

/// Returns text with blanks in place of the control characters inside of its strings, which strict readers refuse.
pub fn washed(text: &[u8]) -> Vec<u8> {
    let (mut in_string, mut escaped) = (false, false);
    let wash = |byte: &u8| {
        let is_escaped = std::mem::take(&mut escaped);
        match byte {
            b'"' if !is_escaped => in_string = !in_string,
            b'\\' if in_string && !is_escaped => escaped = true,
            0..b' ' if in_string => return b' ',
            _ => {}
        }
        *byte
    };
    text.iter().map(wash).collect()
}

/// Makes a JSON object of any bytes: what is one already stays, else brackets, commas, colons, names and quotes are put
/// where they are missing. So a change of one byte leaves most of an event as it was.
pub fn mended(text: &[u8]) -> Vec<u8> {
    let mut mending = Mending { out: Vec::with_capacity(text.len() + 8), open: Vec::new() };
    mending.begin(true);
    let mut rest = text.trim_ascii_start();
    rest = rest.strip_prefix(b"{").unwrap_or(rest);
    while let Some((first, behind)) = rest.split_first() {
        rest = match first {
            b'"' => {
                let length = string_length(behind);
                mending.string(&behind[..length]);
                behind.get(length + 1..).unwrap_or_default()
            }
            b'{' | b'[' => {
                mending.before_value();
                mending.begin(*first == b'{');
                behind
            }
            b'}' | b']' => {
                if mending.open.len() > 1 {
                    mending.end();
                }
                behind
            }
            b' ' | b'\t' | b'\r' | b'\n' => {
                mending.out.push(*first);
                behind
            }
            b',' | b':' => behind,
            _ => {
                let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
                let length = rest.iter().take_while(|byte| is_part(byte)).count();
                let word = &rest[..length];
                if serde_json::from_slice::<serde::de::IgnoredAny>(word).is_ok() {
                    mending.before_value();
                    mending.out.extend_from_slice(word);
                }
                &rest[length.max(1)..]
            }
        };
    }
    while !mending.open.is_empty() {
        mending.end();
    }
    mending.out
}

/// A container that is open.
struct Open {
    is_object: bool,
    is_filled: bool,
    has_name: bool,
}

struct Mending {
    out: Vec<u8>,
    open: Vec<Open>,
}

impl Mending {
    fn begin(&mut self, is_object: bool) {
        self.out.push(if is_object { b'{' } else { b'[' });
        self.open.push(Open { is_object, is_filled: false, has_name: false });
    }

    fn end(&mut self) {
        if self.open.last().is_some_and(|open| open.has_name) {
            self.out.extend_from_slice(b"null");
        }
        let is_object = self.open.pop().is_some_and(|open| open.is_object);
        self.out.push(if is_object { b'}' } else { b']' });
    }

    /// Writes what has to stand before a value: a comma, a name.
    fn before_value(&mut self) {
        let Some(open) = self.open.last_mut() else { return };
        if open.is_object && std::mem::take(&mut open.has_name) {
            return;
        }
        if std::mem::replace(&mut open.is_filled, true) {
            self.out.push(b',');
        }
        if open.is_object {
            self.out.extend_from_slice(b"\"\":");
        }
    }

    fn string(&mut self, raw: &[u8]) {
        let names = self.open.last().is_some_and(|open| open.is_object && !open.has_name);
        if !names {
            self.before_value();
        } else if let Some(open) = self.open.last_mut() {
            open.has_name = true;
            if std::mem::replace(&mut open.is_filled, true) {
                self.out.push(b',');
            }
        }
        self.out.push(b'"');
        self.escaped(raw);
        self.out.extend_from_slice(if names { b"\":" } else { b"\"" });
    }

    /// Writes a string's text with only such escapes as there are.
    fn escaped(&mut self, mut raw: &[u8]) {
        while let Some(at) = raw.iter().position(|byte| *byte == b'\\') {
            let (before, escape) = raw.split_at(at);
            self.out.extend_from_slice(before);
            let is_unicode = |escape: &[u8]| escape.get(2..6).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit));
            let length = match escape.get(1) {
                Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
                Some(b'u') if is_unicode(escape) => 6,
                _ => {
                    self.out.push(b'\\');
                    1
                }
            };
            self.out.extend_from_slice(&escape[..length]);
            raw = &escape[length..];
        }
        self.out.extend_from_slice(raw);
    }
}

/// Returns the length of a string's text up to its closing quote, or to the end of all text.
fn string_length(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}
