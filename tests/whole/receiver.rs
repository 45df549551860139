//! Where alerts arrive: a web hook that keeps what is posted to it. What it should be is left to the tests.

use crate::aws::http::Message;
use serde_json::Value;
use std::io::{self, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

/// What came in a request, and when.
#[derive(Debug)]
pub struct Post {
    pub at: Instant,
    pub alert: Value,
}

pub struct Receiver {
    pub address: SocketAddr,
    posts: mpsc::Receiver<Post>,
}

impl Receiver {
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, posts) = mpsc::sync_channel(64);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let sender = sender.clone();
                // A client may break its connection off, as one that is killed does.
                thread::spawn(move || keep(&client, &sender).ok());
            }
        });
        Self { address, posts }
    }

    /// Returns what has come next, if anything comes within this time.
    pub fn post(&self, time: Duration) -> Option<Post> {
        self.posts.recv_timeout(time).ok()
    }
}

/// Answers the requests of one connection. What is no alert in JSON is refused.
fn keep(client: &TcpStream, posts: &SyncSender<Post>) -> io::Result<()> {
    let mut requests = BufReader::new(client.try_clone()?);
    while let Some(request) = Message::read_request(&mut requests)? {
        let at = Instant::now();
        let is_json = request.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
        let alert = serde_json::from_slice(&request.body).ok();
        let alert = alert.filter(|_| is_json && request.start.starts_with("POST "));
        let status = if alert.is_some() { "200 OK" } else { "400 Bad Request" };
        if let Some(alert) = alert {
            posts.send(Post { at, alert }).map_err(io::Error::other)?;
        }
        Message::new(format!("HTTP/1.1 {status}")).write(&mut &*client)?;
    }
    Ok(())
}

/// Sends a request on a connection of its own, and returns the status of the answer.
pub fn ask(address: SocketAddr, method: &str, path: &str, body: &str) -> io::Result<u16> {
    let mut stream = TcpStream::connect(address)?;
    let request = Message::new(format!("{method} {path} HTTP/1.1"))
        .with("Host", address.to_string())
        .with("Content-Type", "application/json")
        .with("Connection", "close");
    request.body(body).write(&mut stream)?;
    Ok(Message::read_answer(&mut BufReader::new(stream), method)?.status())
}

#[test]
fn what_is_posted_is_kept_and_what_is_no_json_is_refused() {
    let receiver = Receiver::start();
    assert_eq!(ask(receiver.address, "POST", "/", r#"{"rule":"R"}"#).unwrap(), 200);
    assert_eq!(ask(receiver.address, "POST", "/", "R").unwrap(), 400);
    assert_eq!(ask(receiver.address, "GET", "/", "{}").unwrap(), 400);
    assert_eq!(receiver.post(Duration::from_secs(10)).unwrap().alert["rule"], "R");
    assert!(receiver.post(Duration::ZERO).is_none());
}
