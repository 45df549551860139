//! Measures the event history: a LookupEvents of our own over HTTP that gives events no faster than the service does.
//! The host and what is read off it are left to the bench that this is a part of.

use super::http::Message;
use super::trail::{ACCOUNT, Trail};
use super::{IDLE, generate, host, interrupt, peak_mib};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use wait4::Wait4;

const EVENTS: u64 = 1_000_000;
const HOUR: i64 = 60 * 60;
const DAY: i64 = 24 * HOUR;

const ACCOUNTS: u64 = 10;
const REGIONS: [&str; 10] = [
    "ap-northeast-1",
    "ap-south-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-west-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-2",
];
const REGION: &str = "us-east-1";

/// What the service gives of one history in a second: two pages of 50 events.
const IDEAL: f64 = 100.0;

/// What no process may need.
const MOST_MIB: f64 = 100.0;

/// How long one history is read that would take hours.
const PART: Duration = Duration::from_secs(120);

/// How long it may take to read many, and to end when asked to.
const LONGEST: Duration = Duration::from_secs(600);
const SHUTDOWN: Duration = Duration::from_secs(5);

/// What a run took and gave.
struct Figures {
    events: u64,
    /// From the start of the engine until the first event came and until the last one did, in seconds.
    first: f64,
    wall: f64,
    cpu: f64,
    peak_mib: f64,
}

pub fn measure(library: &Path) -> Result<()> {
    println!("\n{EVENTS} events over 90 days; a bare client gets {:.0} a second of the server\n", bare()?);
    println!(
        "| event histories | first s | all s | events | events/s | of the ideal | requests | events a request | most in a \
         second | CPU s | peak MiB |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    many(library)?;
    one(library)?;
    idle(library)
}

/// Reads the backlog of many histories to its end.
fn many(library: &Path) -> Result<()> {
    let trail = Trail::start();
    let accounts: Vec<String> = (0..ACCOUNTS).map(|number| format!("4444555566{number:02}")).collect();
    let histories: Vec<(&str, &str)> =
        accounts.iter().flat_map(|account| REGIONS.map(|region| (account.as_str(), region))).collect();
    let each = EVENTS / histories.len() as u64;
    for (&(account, region), number) in histories.iter().zip(0..) {
        fill(&trail, account, region, number * each, each);
    }
    let roles: Vec<String> = accounts.iter().map(|account| format!("arn:aws:iam::{account}:role/Reader")).collect();
    let options = json!({"start": "91d", "follow": false, "assumeRoles": roles});
    let figures = run(library, &trail, &REGIONS.join(","), options, LONGEST)?;
    ensure!(figures.events == EVENTS, "{} of {EVENTS} events", figures.events);
    check(&trail, &histories, &figures)
}

/// Reads a part of the backlog of one history.
fn one(library: &Path) -> Result<()> {
    let trail = Trail::start();
    fill(&trail, ACCOUNT, REGION, 0, EVENTS);
    let figures = run(library, &trail, REGION, json!({"start": "91d", "follow": false}), PART)?;
    check(&trail, &[(ACCOUNT, REGION)], &figures)
}

fn fill(trail: &Trail, account: &str, region: &str, first: u64, count: u64) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    // None that gets older than 90 days before it is asked for.
    trail.fill(account, region, first, count, now - 90 * DAY + HOUR, now - HOUR);
}

/// Prints what a run took, and fails when that is more than it may.
fn check(trail: &Trail, histories: &[(&str, &str)], figures: &Figures) -> Result<()> {
    let requests: usize = histories.iter().map(|(account, region)| trail.requests(account, region)).sum();
    let most = histories.iter().map(|(account, region)| trail.most_in_a_second(account, region)).max();
    let most = most.context("no history")?;
    let rate = figures.events as f64 / figures.wall;
    println!(
        "| {} | {:.2} | {:.2} | {} | {rate:.0} | {:.2} | {requests} | {:.1} | {most} | {:.2} | {:.0} |",
        histories.len(),
        figures.first,
        figures.wall,
        figures.events,
        IDEAL * histories.len() as f64 / rate,
        figures.events as f64 / requests as f64,
        figures.cpu,
        figures.peak_mib,
    );
    ensure!(most <= 2 && trail.throttled() == 0, "{most} requests in a second, {} refused", trail.throttled());
    ensure!(figures.peak_mib < MOST_MIB, "{:.0} MiB", figures.peak_mib);
    Ok(())
}

/// Runs a host to its end, or for this time, and looks at what it prints: no id may come twice.
fn run(library: &Path, trail: &Trail, regions: &str, options: Value, most: Duration) -> Result<Figures> {
    let state = tempfile::tempdir()?;
    let config = json!({"lookup": options, "stateDir": state.path()});
    let mut child = host(library, &format!("lookup://{regions}"), &trail.url(), config).spawn()?;
    let (start, id) = (Instant::now(), child.id());
    let lines = BufReader::new(child.stdout.take().context("no output")?).lines();
    let watcher = thread::spawn(move || watch(id, start, most));
    let mut seen = vec![false; EVENTS as usize];
    let (mut events, mut first, mut wall) = (0, f64::NAN, f64::NAN);
    for line in lines {
        let line = line?;
        let number = number(&line).with_context(|| format!("{line} is no event"))?;
        ensure!(!std::mem::replace(&mut seen[number], true), "{line} came twice");
        wall = start.elapsed().as_secs_f64();
        first = f64::min(first, wall);
        events += 1;
    }
    let peak_mib = watcher.join().map_err(|_| anyhow::anyhow!("the watcher panicked"))??;
    let cpu = end(&mut child)?;
    ensure!(start.elapsed() < most + SHUTDOWN, "it did not end when it was asked to");
    Ok(Figures { events, first, wall, cpu, peak_mib })
}

/// Returns the number of an event by its id.
fn number(id: &str) -> Option<usize> {
    let number = u64::from_str_radix(id.rsplit('-').next()?, 16).ok()?;
    (number < EVENTS && generate::event_id(number) == id).then_some(number as usize)
}

/// Returns the peak memory of a process, which is interrupted after some time. What a process needed is not known any
/// more when it has ended, so it is asked all the time.
fn watch(id: u32, start: Instant, most: Duration) -> Result<f64> {
    let mut peak = f64::NAN;
    while let Ok(now) = peak_mib(id) {
        peak = now;
        if start.elapsed() >= most {
            interrupt(id)?;
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(peak)
}

/// Waits until a process has ended well, and returns the seconds of CPU that it took.
fn end(child: &mut Child) -> Result<f64> {
    let ended = child.wait4()?;
    ensure!(ended.status.success(), "the host ended with {}", ended.status);
    Ok((ended.rusage.utime + ended.rusage.stime).as_secs_f64())
}

/// Watches a history in which nothing happens.
fn idle(library: &Path) -> Result<()> {
    let trail = Trail::start();
    let config = json!({"stateDir": ""});
    let mut child = host(library, &format!("lookup://{REGION}"), &trail.url(), config).spawn()?;
    // The start asks whether it may, then come the looks.
    ensure!(trail.wait(Duration::from_secs(30), |lookups| lookups.len() > 1), "it is not asked for");
    thread::sleep(IDLE);
    let looks = &trail.lookups()[1..];
    let requests = looks.iter().filter(|look| look.at - looks[0].at < IDLE).count();
    interrupt(child.id())?;
    let cpu = end(&mut child)?;
    let seconds = IDLE.as_secs();
    println!("\nidle history for {seconds} s: {requests} requests, {cpu:.2} s of CPU with the start and the engine");
    Ok(())
}

/// Returns how many events a second the server can give to clients that do nothing but ask.
fn bare() -> Result<f64> {
    const CLIENTS: u64 = 8;
    const PAGES: u64 = 50;
    let trail = Trail::start();
    trail.unthrottled();
    fill(&trail, ACCOUNT, REGION, 0, EVENTS);
    let url = trail.url();
    let address = url.strip_prefix("http://").context("no address")?;
    let request = Message::new("POST / HTTP/1.1")
        .with("Authorization", format!("AWS4-HMAC-SHA256 Credential=TEST/20260302/{REGION}/cloudtrail/aws4_request, "))
        .with("Content-Type", "application/x-amz-json-1.1")
        .with("X-Amz-Target", "CloudTrail_20131101.LookupEvents")
        .body("{}");
    let ask = || -> Result<()> {
        let mut stream = TcpStream::connect(address)?;
        let mut reader = BufReader::new(stream.try_clone()?);
        for _ in 0..PAGES {
            request.write(&mut stream)?;
            let answer = Message::read_answer(&mut reader, "POST")?;
            ensure!(answer.status() == 200, "{}", answer.text());
        }
        Ok(())
    };
    let start = Instant::now();
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(ask)).collect();
        clients.into_iter().try_for_each(|client| client.join().unwrap_or_else(|_| panic!("a client panicked")))
    })?;
    Ok((CLIENTS * PAGES * 50) as f64 / start.elapsed().as_secs_f64())
}
