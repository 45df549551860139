//! HTTP/1.1 as far as moto, the AWS SDK and these tests speak it: whole messages, read and written. Who talks to whom
//! is left to others.

use std::io::{self, BufRead, Read, Write};

/// A request or an answer.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// `GET /path?query HTTP/1.1` or `HTTP/1.1 200 OK`.
    pub start: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Message {
    pub fn new(start: impl Into<String>) -> Self {
        Self { start: start.into(), ..Self::default() }
    }

    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Returns the first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Removes a header.
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self
    }

    /// Returns the status of an answer.
    pub fn status(&self) -> u16 {
        self.start.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Reads a request; `None` when the client has closed the connection.
    pub fn read_request(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let Some(mut message) = Self::read_head(from)? else { return Ok(None) };
        message.read_body(from, false)?;
        Ok(Some(message))
    }

    /// Reads the answer to a request with this method.
    pub fn read_answer(from: &mut impl BufRead, method: &str) -> io::Result<Self> {
        let mut message = Self::read_head(from)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        if method != "HEAD" && !matches!(message.status(), 204 | 304) {
            message.read_body(from, true)?;
        }
        Ok(message)
    }

    fn read_head(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let start = read_line(from)?;
        if start.is_empty() {
            return Ok(None);
        }
        let mut message = Self::new(start);
        loop {
            let line = read_line(from)?;
            let Some((name, value)) = line.split_once(':') else { return Ok(Some(message)) };
            message.headers.push((name.to_owned(), value.trim().to_owned()));
        }
    }

    fn read_body(&mut self, from: &mut impl BufRead, to_end: bool) -> io::Result<()> {
        let length = self.header("content-length").and_then(|length| length.parse().ok());
        if self.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            self.read_chunks(from)
        } else if let Some(length) = length {
            self.body = vec![0; length];
            from.read_exact(&mut self.body)
        } else if to_end {
            from.read_to_end(&mut self.body).map(drop)
        } else {
            Ok(())
        }
    }

    fn read_chunks(&mut self, from: &mut impl BufRead) -> io::Result<()> {
        loop {
            let line = read_line(from)?;
            let digits = line.split(';').next().unwrap_or_default().trim();
            let length = u64::from_str_radix(digits, 16).map_err(io::Error::other)?;
            if from.take(length).read_to_end(&mut self.body)? as u64 != length {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let end = read_line(from)?;
            if length == 0 {
                // Trailers, if any, until an empty line.
                let mut trailer = end;
                while !trailer.is_empty() {
                    trailer = read_line(from)?;
                }
                return Ok(());
            }
        }
    }

    /// Writes the head: the body's length is told unless the message has its own (as the answer to HEAD).
    pub fn write_head(&self, to: &mut impl Write) -> io::Result<()> {
        let mut head = format!("{}\r\n", self.start);
        let own_length = self.body.is_empty() && self.header("content-length").is_some();
        for (name, value) in &self.headers {
            let replaced = name.eq_ignore_ascii_case("transfer-encoding")
                || (!own_length && name.eq_ignore_ascii_case("content-length"));
            if !replaced {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        if !own_length && self.status() != 204 {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        head.push_str("\r\n");
        to.write_all(head.as_bytes())
    }

    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        // In one piece, so that small messages are not held back.
        let mut bytes = Vec::with_capacity(self.body.len() + 1024);
        self.write_head(&mut bytes)?;
        bytes.extend(&self.body);
        to.write_all(&bytes)?;
        to.flush()
    }
}

/// Returns a line without its break, empty at the end.
fn read_line(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    from.read_until(b'\n', &mut line)?;
    let text = line.strip_suffix(b"\n").unwrap_or(&line);
    Ok(String::from_utf8_lossy(text.strip_suffix(b"\r").unwrap_or(text)).into_owned())
}

#[test]
fn messages_are_read_in_every_framing() {
    let read = |text: &str, method| Message::read_answer(&mut text.as_bytes(), method).unwrap().text();
    assert_eq!(read("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc", "GET"), "ab");
    assert_eq!(read("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "HEAD"), "");
    assert_eq!(read("HTTP/1.1 200 OK\r\n\r\nabc", "GET"), "abc");
    let chunked =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1;x=y\r\nd\r\n0\r\nTrailer: 1\r\n\r\n";
    assert_eq!(read(chunked, "GET"), "abcd");
    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc";
    assert!(Message::read_answer(&mut cut.as_bytes(), "GET").is_err());
}

#[test]
fn messages_are_written_as_they_are_read() {
    let mut requests = &b"POST /a?b HTTP/1.1\r\nHost: c\r\nContent-Length: 1\r\n\r\nxGET / HTTP/1.1\r\n\r\n"[..];
    let post = Message::read_request(&mut requests).unwrap().unwrap();
    assert_eq!(
        (post.start.as_str(), post.header("host"), post.text().as_str()),
        ("POST /a?b HTTP/1.1", Some("c"), "x")
    );
    assert_eq!(Message::read_request(&mut requests).unwrap().unwrap().start, "GET / HTTP/1.1");
    assert!(Message::read_request(&mut requests).unwrap().is_none());
    let mut written = Vec::new();
    post.clone().body("longer").write(&mut written).unwrap();
    assert_eq!(String::from_utf8(written).unwrap(), "POST /a?b HTTP/1.1\r\nHost: c\r\nContent-Length: 6\r\n\r\nlonger");
    let mut written = Vec::new();
    Message::new("HTTP/1.1 200 OK").with("Content-Length", "7").write(&mut written).unwrap();
    assert_eq!(String::from_utf8(written).unwrap(), "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n");
}
