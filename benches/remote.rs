//! Speed, memory and idle cost of the sources in AWS: the release library in the real engine, against moto's S3 and SQS
//! and the tests' LookupEvents over HTTP. `make bench-aws` builds and runs it.
//!
//! Moto itself gives some hundred objects a second, so a server in front of it gives objects from memory, after 50 ms
//! where that is the case. A bare client that does nothing but fetch the same objects shows what this server can do.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "as in the tests, whose parts it shares")]
#![allow(clippy::indexing_slicing, clippy::string_slice, reason = "a fault ends a bench and is seen")]

#[allow(dead_code, unused_imports, reason = "shared with the tests")]
#[path = "../tests/aws/chain.rs"]
mod chain;
#[allow(dead_code, unused_imports, reason = "shared with the tests")]
#[path = "../tests/aws/faults.rs"]
mod faults;
#[allow(dead_code, unused_imports, reason = "shared with the tests")]
#[path = "../tests/oracle/generate.rs"]
mod generate;
mod history;
#[allow(dead_code, unused_imports, reason = "shared with the tests")]
#[path = "../tests/aws/http.rs"]
mod http;
mod integrity;
#[allow(dead_code, unused_imports, reason = "shared with the tests")]
#[path = "../tests/aws/logs.rs"]
mod logs;
#[allow(dead_code, unused_imports, reason = "shared with the tests")]
#[path = "../tests/aws/proxy.rs"]
mod proxy;
#[allow(dead_code, unused_imports, reason = "shared with the tests")]
#[path = "../tests/aws/server.rs"]
mod server;
#[allow(dead_code, unused_imports, reason = "shared with the tests")]
#[path = "../tests/aws/trail/mod.rs"]
mod trail;

// Where the tests have them.
mod aws {
    pub(crate) use super::server;
}
mod oracle {
    pub(crate) use super::generate;
}

use anyhow::{Context, Result, ensure};
use faults::Fault;
use http::Message;
use logs::{Log, SHAPES, bucket, spread};
use proxy::Proxy;
use serde_json::{Value, json};
use server::Queue;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use wait4::Wait4;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/host");

const OBJECTS: u64 = 2_000;
const EVENTS: u64 = 50;
const LATENCY: Duration = Duration::from_millis(50);

/// How long an idle source is watched.
const IDLE: Duration = Duration::from_secs(60);

/// What a run took.
struct Figures {
    /// From the start of the engine until the last event came, in seconds.
    wall: f64,
    /// From the first request for an object until the last answer to one, in seconds.
    downloads: f64,
    cpu: f64,
    peak_mib: f64,
}

fn main() -> Result<()> {
    let library = library()?;
    let logs = spread("AWSLogs", 0, OBJECTS, EVENTS);
    let name = bucket("bench", &logs);
    let keys: Vec<&str> = logs.iter().map(|log| log.key.as_str()).collect();
    let bytes: usize = logs.iter().map(|log| log.object().1.len()).sum();
    println!(
        "{OBJECTS} objects, {} events, {:.0} KiB each\n",
        OBJECTS * EVENTS,
        bytes as f64 / 1024.0 / OBJECTS as f64
    );
    println!(
        "| source | latency | parallel | all s | downloads s | of the ideal | of a bare client | CPU s | peak MiB |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for (latency, parallel) in [(Duration::ZERO, 32), (LATENCY, 8), (LATENCY, 32)] {
        let memory = Memory::start(&name, &logs, latency)?;
        fetch(memory.address, &name, &keys, parallel)?;
        let bare = memory.seconds();
        let mut figures = run(&library, &format!("s3://{name}"), memory.address, parallel, OBJECTS * EVENTS)?;
        figures.downloads = memory.seconds();
        print_row("s3", latency, parallel, &figures, bare);
    }
    for shape in SHAPES {
        let queue = Queue::new("bench", 60);
        queue.send(&shape.messages(&name, &keys, 1));
        let memory = Memory::start(&name, &logs, Duration::ZERO)?;
        let mut figures = run(&library, &format!("sqs://{}", queue.name), memory.address, 32, OBJECTS * EVENTS)?;
        figures.downloads = memory.seconds();
        print_row(&format!("sqs, {shape:?}"), Duration::ZERO, 32, &figures, f64::NAN);
    }
    integrity::measure(&library)?;
    idle(&library)?;
    history::measure(&library)
}

/// Objects, as the answers to requests for them, by path.
type Objects = HashMap<String, Message>;

/// A server that gives objects from memory, each after the same time, and asks moto for all else.
struct Memory {
    address: SocketAddr,
    /// When the first object was asked for and the last one given.
    span: Arc<Mutex<Option<(Instant, Instant)>>>,
}

impl Memory {
    fn start(bucket: &str, logs: &[Log], latency: Duration) -> Result<Self> {
        let etags = server::server().etags(bucket);
        let answer = |(key, object): (String, Vec<u8>)| {
            let answer = Message::new("HTTP/1.1 200 OK").with("ETag", &etags[&key]).body(object);
            (format!("/{bucket}/{key}"), answer)
        };
        let mut objects: Objects = logs.iter().map(Log::object).map(answer).collect();
        // What has metadata is as moto has it.
        for key in etags.keys().filter(|key| key.contains("CloudTrail-Digest")) {
            let stored = server::server().get(bucket, key);
            let meta = stored.headers.iter().filter(|(name, _)| name.to_ascii_lowercase().starts_with("x-amz-meta-"));
            let answer = Message::new("HTTP/1.1 200 OK").with("ETag", &etags[key]).body(stored.body.clone());
            let answer = meta.fold(answer, |answer, (name, value)| answer.with(name, value));
            objects.insert(format!("/{bucket}/{key}"), answer);
        }
        let objects = Arc::new(objects);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let memory = Self { address: listener.local_addr()?, span: Arc::default() };
        let span = Arc::clone(&memory.span);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (objects, span) = (Arc::clone(&objects), Arc::clone(&span));
                thread::spawn(move || serve(&client, &objects, &span, latency));
            }
        });
        Ok(memory)
    }

    /// Returns the seconds from the first request for an object to the last answer, and forgets them.
    fn seconds(&self) -> f64 {
        let span = self.span.lock().map_or(None, |mut span| span.take());
        span.map_or(f64::NAN, |(first, last)| (last - first).as_secs_f64())
    }
}

fn serve(
    mut client: &TcpStream,
    objects: &Objects,
    span: &Mutex<Option<(Instant, Instant)>>,
    latency: Duration,
) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    let mut reader = BufReader::new(client.try_clone()?);
    while let Some(request) = Message::read_request(&mut reader)? {
        let target = request.start.split([' ', '?']).nth(1).unwrap_or_default();
        let answer = match objects.get(target) {
            Some(object) => {
                let asked = Instant::now();
                thread::sleep(latency);
                if let Ok(mut span) = span.lock() {
                    let (first, last) = span.get_or_insert((asked, asked));
                    (*first, *last) = ((*first).min(asked), Instant::now());
                }
                object.clone()
            }
            None => server::server().ask(&request),
        };
        answer.write(&mut client)?;
    }
    Ok(())
}

fn print_row(source: &str, latency: Duration, parallel: usize, figures: &Figures, bare: f64) {
    let ideal = OBJECTS.div_ceil(parallel as u64) as f64 * latency.as_secs_f64();
    let times =
        |yardstick: f64| if yardstick > 0.0 { format!("{:.2}", figures.downloads / yardstick) } else { "-".into() };
    println!(
        "| {source} | {} ms | {parallel} | {:.2} | {:.2} | {} | {} | {:.2} | {:.0} |",
        latency.as_millis(),
        figures.wall,
        figures.downloads,
        times(ideal),
        times(bare),
        figures.cpu,
        figures.peak_mib,
    );
}

/// Fetches all objects with so many connections.
fn fetch(address: SocketAddr, bucket: &str, keys: &[&str], parallel: usize) -> Result<()> {
    const AUTHORIZATION: &str =
        "AWS4-HMAC-SHA256 Credential=TEST/20260302/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00";
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        let fetchers = (0..parallel).map(|_| {
            scope.spawn(|| -> Result<()> {
                let mut stream = TcpStream::connect(address)?;
                let mut reader = BufReader::new(stream.try_clone()?);
                while let Some(key) = keys.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let request = Message::new(format!("GET /{bucket}/{key} HTTP/1.1"));
                    let request = request.with("Host", address.to_string()).with("Authorization", AUTHORIZATION);
                    request.write(&mut stream)?;
                    let answer = Message::read_answer(&mut reader, "GET")?;
                    ensure!(answer.status() == 200, "{key}: {}", answer.start);
                }
                Ok(())
            })
        });
        let fetchers: Vec<_> = fetchers.collect();
        fetchers.into_iter().try_for_each(|fetcher| fetcher.join().unwrap_or_else(|_| panic!("a fetcher panicked")))
    })
}

/// A host on a source at this endpoint.
fn host(library: &Path, params: &str, url: &str, mut config: Value) -> Command {
    config["aws"] = json!({"endpointUrl": url, "region": "us-east-1"});
    let mut command = Command::new(SCRIPT);
    command.arg("-H").arg(format!("{}:{config}", library.display())).arg("-I").arg(format!("cloudtrail:{params}"));
    command.args(["--unbuffered", "-p", "%ct.id"]);
    command.env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE").env("AWS_SECRET_ACCESS_KEY", "secret");
    command.stdout(Stdio::piped());
    command
}

/// Runs a host until it printed so many ids, each once.
fn run(library: &Path, params: &str, address: SocketAddr, parallel: usize, events: u64) -> Result<Figures> {
    let config = json!({"s3DownloadConcurrency": parallel, "stateDir": ""});
    let mut child = host(library, params, &format!("http://{address}"), config).spawn()?;
    let start = Instant::now();
    let lines = BufReader::new(child.stdout.take().context("no output")?).lines();
    let ids = lines.take(events as usize).collect::<std::io::Result<HashSet<_>>>()?;
    let wall = start.elapsed().as_secs_f64();
    ensure!(ids.len() as u64 == events, "{params}: {} of {events} events", ids.len());
    let peak_mib = peak_mib(child.id())?;
    interrupt(child.id())?;
    let usage = child.wait4()?.rusage;
    let cpu = (usage.utime + usage.stime).as_secs_f64();
    Ok(Figures { wall, downloads: f64::NAN, cpu, peak_mib })
}

/// Returns the peak memory of a running process. The resource usage of a child also counts what it shared with this
/// process before it became the host.
fn peak_mib(id: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next());
    let peak_kib: f64 = peak.context("no VmHWM")?.parse()?;
    Ok(peak_kib / 1024.0)
}

/// Watches a source whose queue stays empty.
fn idle(library: &Path) -> Result<()> {
    let queue = Queue::new("idle", 60);
    let proxy = Proxy::start(|_| Fault::None);
    let config = json!({"stateDir": ""});
    let mut child = host(library, &format!("sqs://{}", queue.name), &proxy.url(), config).spawn()?;
    proxy.wait(Duration::from_secs(30), |seen| seen.iter().any(|seen| seen.request.action == "ReceiveMessage"));
    let before = proxy.seen().len();
    thread::sleep(IDLE);
    let requests = proxy.seen().len() - before;
    interrupt(child.id())?;
    let usage = child.wait4()?.rusage;
    let cpu = (usage.utime + usage.stime).as_secs_f64();
    println!(
        "\nidle queue for {} s: {requests} requests, {cpu:.2} s of CPU with the start and the engine",
        IDLE.as_secs()
    );
    Ok(())
}

fn interrupt(id: u32) -> Result<()> {
    Command::new("sh").args(["-c", "kill -s INT \"$0\"", &id.to_string()]).status()?;
    Ok(())
}

/// The release library. This program itself may be of another profile, which is built sooner.
fn library() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(3).context("the program has no folder")?;
    let library = target.join("release/libcloudtrail.so");
    ensure!(library.is_file(), "{} has not been built, run make bench-aws", library.display());
    Ok(library)
}
