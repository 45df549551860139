//! A proxy in front of moto that makes requests fail as a plan says, and remembers what it was asked. Which faults there
//! are is left to [`faults`](super::faults).
//!
//! Moto makes the URLs of queues from the name by which it is called, so clients of the proxy stay its clients.

use super::faults::{self, Fault, Request};
use super::http::Message;
use super::server::server;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// A request that came, and what became of it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub request: Request,
    pub fault: Fault,
    pub at: Instant,
    /// When its answer had been given, or its connection closed.
    pub done: Option<Instant>,
}

type Plan = Box<dyn Fn(&Request) -> Fault + Send + Sync>;

struct Shared {
    plan: Plan,
    seen: Mutex<Vec<Seen>>,
    changed: Condvar,
    closed: AtomicBool,
}

/// A running proxy. Dropping it refuses new connections.
pub struct Proxy {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

impl Proxy {
    /// Starts a proxy that treats each request as `plan` says.
    pub fn start(plan: impl Fn(&Request) -> Fault + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            plan: Box::new(plan),
            seen: Mutex::default(),
            changed: Condvar::new(),
            closed: AtomicBool::new(false),
        });
        server();
        let proxy = Self { address, shared: Arc::clone(&shared) };
        thread::spawn(move || {
            for client in listener.incoming().take_while(|_| !shared.closed.load(Ordering::Relaxed)).flatten() {
                let shared = Arc::clone(&shared);
                // A connection that breaks is what this is for.
                thread::spawn(move || shared.serve(&client).ok());
            }
        });
        proxy
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns all requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// Returns how many requests of an action came so far.
    pub fn count(&self, action: &str) -> usize {
        self.shared.seen.lock().unwrap().iter().filter(|seen| seen.request.action == action).count()
    }

    /// Returns how many requests of an action were in work at the same time, at most.
    pub fn peak(&self, action: &str) -> usize {
        let seen = self.shared.seen.lock().unwrap();
        let spans = seen.iter().filter(|seen| seen.request.action == action);
        let spans: Vec<_> = spans.map(|seen| (seen.at, seen.done.unwrap_or_else(Instant::now))).collect();
        let at_start_of = |start: Instant| spans.iter().filter(|(at, done)| (*at..*done).contains(&start)).count();
        spans.iter().map(|(at, _)| at_start_of(*at)).max().unwrap_or_default()
    }

    /// Waits until the requests so far are as `enough` wants, for at most this time; returns whether they are.
    pub fn wait(&self, time: Duration, enough: impl Fn(&[Seen]) -> bool) -> bool {
        let seen = self.shared.seen.lock().unwrap();
        let (seen, _) = self.shared.changed.wait_timeout_while(seen, time, |seen| !enough(seen)).unwrap();
        enough(&seen)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Relaxed);
        // Wakes the listener.
        TcpStream::connect(self.address).ok();
    }
}

impl Shared {
    /// Answers the requests of one connection until one side closes it.
    fn serve(&self, mut client: &TcpStream) -> io::Result<()> {
        client.set_nodelay(true)?;
        let mut reader = BufReader::new(client.try_clone()?);
        while let Some(message) = Message::read_request(&mut reader)? {
            let number = {
                let mut seen = self.seen.lock().unwrap();
                let request = Request::new(&message, seen.len());
                let fault = (self.plan)(&request);
                seen.push(Seen { request, fault, at: Instant::now(), done: None });
                seen.len() - 1
            };
            self.changed.notify_all();
            let seen = self.seen.lock().unwrap()[number].clone();
            let outcome = answer(&seen, message, &mut client, || self.done(number));
            self.done(number);
            if !outcome? {
                return client.shutdown(Shutdown::Both);
            }
        }
        Ok(())
    }

    fn done(&self, number: usize) {
        self.seen.lock().unwrap()[number].done.get_or_insert_with(Instant::now);
        self.changed.notify_all();
    }
}

/// Carries out one fault; tells whether the connection may stay open. Calls `done` before the client can know that it
/// has the whole answer, and thus before it asks for more.
fn answer(seen: &Seen, message: Message, client: &mut &TcpStream, done: impl Fn()) -> io::Result<bool> {
    if let Some(refusal) = faults::refusal(seen.fault, &seen.request) {
        done();
        refusal.write(client)?;
        return Ok(true);
    }
    if seen.fault == Fault::CutRequest {
        return Ok(false);
    }
    let answer = pass_on(message, client)?;
    let half = answer.body.len() / 2;
    match seen.fault {
        Fault::CutAnswer => return Ok(false),
        Fault::CutBody => {
            answer.write_head(client)?;
            client.write_all(&answer.body[..half])?;
            return Ok(false);
        }
        Fault::Slow(pause) => {
            answer.write_head(client)?;
            let (body, last) = answer.body.split_at(answer.body.len().saturating_sub(1));
            for piece in body.chunks(body.len().div_ceil(16).max(1)) {
                thread::sleep(pause);
                client.write_all(piece)?;
            }
            done();
            client.write_all(last)?;
            return Ok(true);
        }
        Fault::Delayed(time) => thread::sleep(time),
        _ => {}
    }
    done();
    answer.write(client)?;
    Ok(true)
}

/// Asks moto, for as long as the client waits for the answer.
fn pass_on(message: Message, client: &TcpStream) -> io::Result<Message> {
    const LOOK: Duration = Duration::from_millis(50);
    let method = message.start.split(' ').next().unwrap_or_default().to_owned();
    let mut moto = TcpStream::connect(server().address)?;
    moto.set_nodelay(true)?;
    message.write(&mut moto)?;
    moto.set_read_timeout(Some(LOOK))?;
    let mut reader = BufReader::new(moto.try_clone()?);
    while let Err(error) = reader.fill_buf() {
        if !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) || is_closed(client)? {
            return Err(error);
        }
    }
    moto.set_read_timeout(None)?;
    Ok(Message::read_answer(&mut reader, &method)?.without("connection"))
}

/// Tells whether a client that waits for its answer has closed the connection.
fn is_closed(client: &TcpStream) -> io::Result<bool> {
    client.set_nonblocking(true)?;
    let peeked = client.peek(&mut [0]);
    client.set_nonblocking(false)?;
    Ok(!matches!(&peeked, Ok(1..)) && !peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::server::{Queue, unique};
    use serde_json::{Value, json};

    /// Sends one request on a connection.
    fn ask(stream: &TcpStream, request: &Message) -> io::Result<Message> {
        let method = request.start.split(' ').next().unwrap();
        request.write(&mut &*stream)?;
        Message::read_answer(&mut BufReader::new(stream), method)
    }

    fn get(path: &str) -> Message {
        let scope = "AWS4-HMAC-SHA256 Credential=A/20260302/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";
        Message::new(format!("GET {path} HTTP/1.1")).with("Host", "localhost").with("Authorization", scope)
    }

    fn sqs(proxy: &Proxy, action: &str, body: &Value) -> Message {
        let scope =
            "AWS4-HMAC-SHA256 Credential=A/20260302/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0";
        Message::new("POST / HTTP/1.1")
            .with("Host", proxy.address.to_string())
            .with("Content-Type", "application/x-amz-json-1.0")
            .with("X-Amz-Target", format!("AmazonSQS.{action}"))
            .with("Authorization", scope)
            .body(body.to_string())
    }

    /// A bucket with the object `k`, and a connection to a proxy that has one fault for it.
    fn with_fault(fault: Fault) -> (Proxy, TcpStream, Message) {
        let bucket = server().bucket("proxy");
        server().put(&bucket, [("k".to_owned(), vec![b'x'; 1000])]);
        let proxy = Proxy::start(move |_| fault);
        let stream = TcpStream::connect(proxy.address).unwrap();
        (proxy, stream, get(&format!("/{bucket}/k")))
    }

    #[test]
    fn requests_are_passed_on_over_one_connection_and_remembered() {
        let (proxy, stream, request) = with_fault(Fault::None);
        for _ in 0..2 {
            let answer = ask(&stream, &request).unwrap();
            assert_eq!((answer.status(), answer.body.len()), (200, 1000));
        }
        assert_eq!(proxy.count("GetObject"), 2);
        assert!(proxy.wait(Duration::from_secs(5), |seen| seen.iter().all(|seen| seen.done.is_some())));
        assert_eq!(proxy.seen()[1].request.region, "us-east-1");
    }

    #[test]
    fn refusals_are_those_of_aws() {
        for (fault, status, code) in [
            (Fault::Throttled, 503, "SlowDown"),
            (Fault::Internal, 500, "InternalError"),
            (Fault::Expired, 400, "ExpiredToken"),
            (Fault::Denied, 403, "AccessDenied"),
            (Fault::Redirected("eu-west-1"), 301, "PermanentRedirect"),
        ] {
            let (proxy, stream, request) = with_fault(fault);
            let answer = ask(&stream, &request).unwrap();
            assert_eq!(answer.status(), status);
            assert!(answer.text().contains(&format!("<Code>{code}</Code>")), "{}", answer.text());
            let region = answer.header("x-amz-bucket-region");
            assert_eq!(region, if status == 301 { Some("eu-west-1") } else { None });
            let answer = ask(&stream, &sqs(&proxy, "ReceiveMessage", &json!({}))).unwrap();
            assert!(answer.header("x-amzn-errortype").is_some() || status == 301, "{fault:?} {answer:?}");
        }
    }

    #[test]
    fn connections_are_cut_before_and_within_the_answer() {
        for fault in [Fault::CutRequest, Fault::CutAnswer, Fault::CutBody] {
            let (_proxy, stream, request) = with_fault(fault);
            assert!(ask(&stream, &request).is_err(), "{fault:?}");
        }
    }

    #[test]
    fn a_slow_answer_takes_its_time_and_is_whole() {
        let (_proxy, stream, request) = with_fault(Fault::Slow(Duration::from_millis(5)));
        let start = Instant::now();
        assert_eq!(ask(&stream, &request).unwrap().body.len(), 1000);
        assert!(start.elapsed() >= Duration::from_millis(80), "{:?}", start.elapsed());
    }

    #[test]
    fn queues_of_the_proxy_are_reached_through_it() {
        let proxy = Proxy::start(|_| Fault::None);
        let stream = TcpStream::connect(proxy.address).unwrap();
        let name = unique("through");
        ask(&stream, &sqs(&proxy, "CreateQueue", &json!({"QueueName": name}))).unwrap();
        let answer = ask(&stream, &sqs(&proxy, "GetQueueUrl", &json!({"QueueName": name}))).unwrap();
        assert!(answer.text().contains(&proxy.url()), "{}", answer.text());
    }

    #[test]
    fn a_client_that_leaves_a_long_poll_takes_no_message_with_it() {
        let queue = Queue::new("left", 30);
        let proxy = Proxy::start(|_| Fault::None);
        let mut stream = TcpStream::connect(proxy.address).unwrap();
        let poll = json!({"QueueUrl": queue.url, "WaitTimeSeconds": 20});
        sqs(&proxy, "ReceiveMessage", &poll).write(&mut stream).unwrap();
        assert!(proxy.wait(Duration::from_secs(5), |seen| seen.len() == 1));
        assert_eq!(proxy.seen()[0].done, None);
        drop(stream);
        assert!(proxy.wait(Duration::from_secs(5), |seen| seen[0].done.is_some()));
        // Moto itself learns it a moment later: another look at the queue is behind the one that it takes before.
        queue.send(&["for another".to_owned()]);
        assert_eq!(queue.counts(), (1, 0));
    }
}
