//! What it costs to verify: a bucket of 1,000 logs and their digests read to its end, with `verifyDigests` and without.

use super::chain::{ACCOUNT, Chain, pair, public};
use super::logs::{Log, Stamp, key};
use super::server::server;
use super::{Memory, host};
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::{Duration, Instant};
use wait4::Wait4;

const HOURS: u32 = 20;
const LOGS: u64 = 50;
const EVENTS: u64 = 50;
const REGION: &str = "eu-west-1";

/// How often each is run; the fastest one counts.
const RUNS: usize = 5;

pub fn measure(library: &Path) -> Result<()> {
    let bucket = server().bucket("integrity");
    let mut chain = Chain::new(&bucket, REGION);
    let mut logs = Vec::new();
    for hour in 0..HOURS {
        let log = |number: u64| {
            let stamp = Stamp { day: 1, minute: hour * 60 + number as u32 };
            Log::new(key("AWSLogs", ACCOUNT, REGION, stamp, number), (u64::from(hour) * LOGS + number) * EVENTS, EVENTS)
        };
        let of_hour: Vec<Log> = (0..LOGS).map(log).collect();
        server().put(&bucket, of_hour.iter().map(Log::object));
        let (key, text, signature) = chain.digest(hour + 1, &of_hour, &json!({}));
        chain.put_digest(&key, &text, &signature);
        logs.extend(of_hour);
    }
    let memory = Memory::start(&bucket, &logs, Duration::ZERO)?;
    let mut fastest = [(f64::MAX, f64::MAX); 2];
    for (run, verify) in [false, true].into_iter().cycle().take(2 * RUNS).enumerate() {
        let keys = if verify { json!([public(&pair("trail"))]) } else { json!("") };
        let config = json!({"stateDir": "", "verifyDigests": verify, "digestPublicKeys": keys});
        let start = Instant::now();
        let mut child =
            host(library, &format!("s3://{bucket}"), &format!("http://{}", memory.address), config).spawn()?;
        let events = BufReader::new(child.stdout.take().context("no output")?).lines().count() as u64;
        let usage = child.wait4()?.rusage;
        ensure!(events == logs.len() as u64 * EVENTS, "{events} events, in run {run}");
        let (wall, cpu) = (start.elapsed().as_secs_f64(), (usage.utime + usage.stime).as_secs_f64());
        let [least_wall, least_cpu] = fastest.map(|(wall, cpu)| [wall, cpu])[usize::from(verify)];
        fastest[usize::from(verify)] = (least_wall.min(wall), least_cpu.min(cpu));
    }
    let [(wall, cpu), (verified, verified_cpu)] = fastest;
    println!(
        "\nverifying {} logs by {HOURS} digests: {verified:.2} s in place of {wall:.2} s ({:.2} times), {verified_cpu:.2} s of CPU \
         in place of {cpu:.2} s",
        logs.len(),
        verified / wall,
    );
    Ok(())
}
