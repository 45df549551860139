//! Hours of what a host does to a plugin: init, open, read, close and destroy, again and again, with sources that fail in
//! every way that the tests' servers know. No event may be lost, and memory, threads and descriptors must stay flat.
//!
//! `make soak` runs it. The environment can change it: `SOAK_MINUTES` (how long, default 120), `SOAK_SEED` (which faults
//! and which order, default 1). What it saw every 30 seconds is in `soak.csv` in the target folder.
//!
//! It runs twice: this process has the servers, and starts itself once more as the host, so that what is measured there
//! is the plugin and the little that calls it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "as in the tests, whose parts it shares")]
#![allow(clippy::indexing_slicing, clippy::string_slice, reason = "a fault ends the run")]

mod cycle;
mod figures;
mod folder;
mod servers;

#[allow(dead_code, unused_imports, reason = "shared with the tests")]
#[path = "../../tests/abi/event.rs"]
mod event;
#[allow(dead_code, unused_imports, reason = "shared with the tests")]
#[path = "../../tests/aws/faults.rs"]
mod faults;
#[allow(dead_code, unused_imports, reason = "shared with the tests")]
#[path = "../../tests/abi/host.rs"]
mod host;
#[allow(dead_code, unused_imports, reason = "shared with the tests")]
#[path = "../../tests/aws/http.rs"]
mod http;
#[allow(dead_code, unused_imports, reason = "shared with the tests")]
#[path = "../../tests/aws/logs.rs"]
mod logs;
#[allow(dead_code, unused_imports, reason = "shared with the tests")]
#[path = "../../tests/oracle/mod.rs"]
mod oracle;
#[path = "../output.rs"]
mod output;
#[allow(dead_code, unused_imports, reason = "shared with the tests")]
#[path = "../../tests/aws/proxy.rs"]
mod proxy;
#[allow(dead_code, unused_imports, reason = "shared with the tests")]
#[path = "../../tests/abi/request.rs"]
mod request;
#[allow(dead_code, unused_imports, reason = "shared with the tests")]
#[path = "../../tests/aws/server.rs"]
mod server;
#[allow(dead_code, unused_imports, reason = "shared with the tests")]
#[path = "../../tests/abi/source.rs"]
mod source;
#[allow(dead_code, unused_imports, reason = "shared with the tests")]
#[path = "../../tests/aws/trail/mod.rs"]
mod trail;

// Where the tests have them.
mod aws {
    pub(crate) use super::server;
}

use anyhow::{Context, Result, ensure};
use cycle::Host;
use figures::{Figures, Sample};
use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Says that this process is the host.
const MARK: &str = "SOAK_HOST";

/// How often figures are taken.
const EVERY: Duration = Duration::from_secs(30);

/// The pause behind a cycle is as long as the cycle, and this at most: others use the machine too.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Where the stand-in for Falco finds the library.
mod engine {
    use std::path::PathBuf;

    /// The release library, whatever profile this program is built with.
    pub fn library() -> PathBuf {
        super::target().unwrap().join("release/libcloudtrail.so")
    }
}

fn main() -> Result<()> {
    if env::var_os(MARK).is_some() {
        return soak();
    }
    let folder = tempfile::tempdir()?;
    let mut host = Command::new(env::current_exe()?);
    // Nothing of the machine's own AWS may get in.
    host.env(MARK, "").env("HOME", folder.path()).env("TMPDIR", folder.path());
    host.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    host.env("AWS_EC2_METADATA_DISABLED", "true").env("AWS_REGION", "us-east-1");
    host.env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE").env("AWS_SECRET_ACCESS_KEY", "secret");
    let mut host = host.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let (requests, answers) = (host.stdout.take().context("no output")?, host.stdin.take().context("no input")?);
    let served = servers::serve(requests, answers);
    let status = host.wait()?;
    served?;
    ensure!(status.success(), "the host ended with {status}");
    Ok(())
}

fn target() -> Result<PathBuf> {
    let program = env::current_exe()?;
    Ok(program.ancestors().nth(3).context("the program has no folder")?.to_owned())
}

fn setting(name: &str, default: u64) -> Result<u64> {
    env::var(name).map_or(Ok(default), |value| value.parse().with_context(|| format!("{name}={value}")))
}

/// The host's part: cycles until the time is over.
fn soak() -> Result<()> {
    let time = Duration::from_secs(60 * setting("SOAK_MINUTES", 120)?);
    let mut figures = Figures::new(&target()?.join("soak.csv"))?;
    let mut host = Host::new(setting("SOAK_SEED", 1)?)?;
    let (start, mut due) = (Instant::now(), Duration::ZERO);
    while start.elapsed() < time {
        let cycle = Instant::now();
        host.cycle()?;
        if start.elapsed() >= due {
            figures.add(Sample::take(start.elapsed(), &host.done)?)?;
            due += EVERY;
        }
        thread::sleep(cycle.elapsed().min(LONGEST_PAUSE));
    }
    eprintln!("{}", host.done);
    figures.judge()
}
