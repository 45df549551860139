//! Runs one command as often as wanted and keeps what each run took. A run that did not do all of its work is an error.

use std::io::Read;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};
use wait4::Wait4;

/// What the work of one run is.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    pub events: u64,
    /// Bytes of text.
    pub bytes: u64,
}

/// What one run took, in seconds since its start.
pub struct Run {
    pub wall: f64,
    /// Until the first byte on stdout.
    pub first: f64,
    pub peak_bytes: u64,
}

/// A command that is measured.
pub struct Case {
    pub name: String,
    pub work: Work,
    pub command: Command,
    /// The line that says that all of the work was done.
    pub said: String,
    /// How many lines there are on stdout; `None` for any number.
    pub lines: Option<u64>,
    /// Whether the plugin is in it.
    pub is_engine: bool,
    pub runs: Vec<Run>,
}

impl Case {
    pub fn run(&mut self) -> Result<()> {
        let start = Instant::now();
        let mut child = self.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let mut stderr = child.stderr.take().context("no stderr")?;
        // Beside each other: an engine that says much on one would wait for its reader while the other is read.
        let report = thread::spawn(move || {
            let mut report = String::new();
            stderr.read_to_string(&mut report).map(|_| report)
        });
        let output = Output::read(child.stdout.take().context("no stdout")?, start)?;
        let report = report.join().map_err(|_| anyhow!("the reader of stderr panicked"))??;
        let usage = child.wait4()?;
        let wall = start.elapsed().as_secs_f64();
        let is_complete = report.lines().chain(output.tail.lines()).any(|line| line.trim() == self.said);
        if !usage.status.success() || !is_complete || self.lines.is_some_and(|lines| lines != output.lines) {
            bail!(
                "{}: expected \"{}\" and {:?} lines, got {} lines and {}\n{report}{}",
                self.name,
                self.said,
                self.lines,
                output.lines,
                usage.status,
                output.tail
            );
        }
        self.runs.push(Run { wall, first: output.first, peak_bytes: usage.rusage.maxrss });
        Ok(())
    }
}

/// What came on stdout.
struct Output {
    lines: u64,
    first: f64,
    tail: String,
}

impl Output {
    fn read(mut output: impl Read, start: Instant) -> Result<Self> {
        const TAIL: usize = 1 << 16;
        let mut buffer = vec![0; 1 << 16];
        let (mut lines, mut first, mut tail) = (0, None, Vec::new());
        loop {
            let length = output.read(&mut buffer)?;
            let now = start.elapsed().as_secs_f64();
            let first = *first.get_or_insert(now);
            let read = buffer.get(..length).unwrap_or_default();
            if read.is_empty() {
                return Ok(Self { lines, first, tail: String::from_utf8_lossy(&tail).into_owned() });
            }
            lines += read.iter().filter(|byte| **byte == b'\n').count() as u64;
            tail.extend_from_slice(read);
            if tail.len() > 2 * TAIL {
                tail.drain(..tail.len() - TAIL);
            }
        }
    }
}
