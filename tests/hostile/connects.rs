//! A proxy that leads nowhere: it refuses every request, and remembers to whom each was to go.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// A running proxy. Dropping it refuses new connections.
pub struct Connects {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    closed: Arc<AtomicBool>,
}

impl Connects {
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, closed) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<AtomicBool>::default());
        let (to_fill, is_closed) = (Arc::clone(&seen), Arc::clone(&closed));
        thread::spawn(move || {
            for client in listener.incoming().take_while(|_| !is_closed.load(Ordering::Relaxed)).flatten() {
                let to_fill = Arc::clone(&to_fill);
                thread::spawn(move || refuse(&client, &to_fill));
            }
        });
        Self { address, seen, closed }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the first lines of all requests so far.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// Returns whether some request was for a host, or about a thing, with this in its name.
    pub fn has(&self, part: &str) -> bool {
        self.seen.lock().unwrap().iter().any(|line| line.contains(part))
    }
}

impl Drop for Connects {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
        TcpStream::connect(self.address).ok();
    }
}

fn refuse(client: &TcpStream, seen: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(client);
    let mut first = String::new();
    if reader.read_line(&mut first).is_ok_and(|bytes| bytes == 0) {
        // A host that ends closes what it has just opened.
        return;
    }
    let mut line = first.clone();
    while line.len() > 2 {
        line.clear();
        if reader.read_line(&mut line).is_err() {
            break;
        }
    }
    seen.lock().unwrap().push(first);
    let _ = (&*client).write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}
