//! A server of AWS's services that refuses everything and repeats what it was told, secrets and all, among characters
//! that are no good for a terminal.

use crate::aws::http::Message;
use serde_json::json;
use std::io::{self, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// What a terminal takes for an order, and what a log takes for a new line.
pub const NOISE: &str = "\u{1b}[31m\r\n[ERROR] forged\u{9b}\u{202e}\u{200b}\u{2028}";

/// A running server. Dropping it refuses new connections.
pub struct Parrot {
    address: SocketAddr,
    closed: Arc<AtomicBool>,
    count: Arc<AtomicUsize>,
    /// Requests as text, heads and bodies.
    pub seen: Arc<Mutex<Vec<String>>>,
}

impl Parrot {
    /// Refuses with this status and error code.
    pub fn start(status: u16, code: &'static str) -> Self {
        Self::answering(move |request| refusal(request, status, code))
    }

    /// Answers as the test says.
    pub fn answering(answer: impl Fn(&Message) -> Message + Send + Sync + 'static) -> Self {
        let answer = Arc::new(answer);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let parrot = Self {
            address: listener.local_addr().unwrap(),
            closed: Arc::default(),
            count: Arc::default(),
            seen: Arc::default(),
        };
        let (closed, count, seen) = (Arc::clone(&parrot.closed), Arc::clone(&parrot.count), Arc::clone(&parrot.seen));
        thread::spawn(move || {
            for client in listener.incoming().take_while(|_| !closed.load(Ordering::Relaxed)).flatten() {
                let (answer, count, seen) = (Arc::clone(&answer), Arc::clone(&count), Arc::clone(&seen));
                thread::spawn(move || serve(&client, &*answer, &count, &seen).ok());
            }
        });
        parrot
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns how many requests came.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
}

impl Drop for Parrot {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
        TcpStream::connect(self.address).ok();
    }
}

fn serve(
    mut client: &TcpStream,
    answer: &dyn Fn(&Message) -> Message,
    count: &AtomicUsize,
    seen: &Mutex<Vec<String>>,
) -> io::Result<()> {
    let mut reader = BufReader::new(client);
    while let Some(request) = Message::read_request(&mut reader)? {
        seen.lock().unwrap().push(format!("{} {} {}", request.start, headers(&request), request.text()));
        count.fetch_add(1, Ordering::Relaxed);
        answer(&request).write(&mut client)?;
    }
    Ok(())
}

fn headers(request: &Message) -> String {
    request.headers.iter().map(|(name, value)| format!("{name}: {value}; ")).collect()
}

fn refusal(request: &Message, status: u16, code: &str) -> Message {
    let header = |name| request.header(name).unwrap_or_default();
    let text = format!(
        "{NOISE}no {} {} {} {} {} {}",
        header("x-amz-security-token"),
        header("authorization").split(['=', '/', ',']).collect::<Vec<_>>().join(" "),
        header("authorization"),
        request.start,
        headers(request),
        request.text(),
    );
    // XML has no escape for some characters; what holds one is no XML, and is not read.
    let xml = text.replace('&', "&amp;").replace('<', "&lt;").replace('\u{1b}', "");
    let answer = Message::new(format!("HTTP/1.1 {status} x"));
    if request.header("x-amz-target").is_some() {
        let body = json!({"__type": format!("com.amazonaws#{code}"), "message": text}).to_string();
        answer.with("Content-Type", "application/x-amz-json-1.0").body(body)
    } else if request.text().contains("Action=") {
        let body = format!("<ErrorResponse><Error><Code>{code}</Code><Message>{xml}</Message></Error></ErrorResponse>");
        answer.with("Content-Type", "text/xml").body(body)
    } else {
        let body = format!("<Error><Code>{code}</Code><Message>{xml}</Message><Region>{xml}</Region></Error>");
        answer.with("Content-Type", "application/xml").with("x-amz-bucket-region", "evil.example/").body(body)
    }
}
