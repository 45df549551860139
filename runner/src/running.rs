//! A host that is still running, or another program beside it: reads what it prints as it comes, and stops it in the ways
//! in which hosts are stopped. How a host is started and what its words mean is left to [`host`](crate::host).

use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::host::Report;

/// How many lines are read ahead. A host whose lines nobody takes soon has to wait, as one behind a slow reader does.
const AHEAD: usize = 64;

/// A host that runs beside this process. Dropping it kills the host.
#[derive(Debug)]
pub struct Running {
    child: Child,
    lines: Receiver<Vec<u8>>,
    stderr: Arc<Mutex<Vec<u8>>>,
    stderr_reader: Option<JoinHandle<()>>,
}

impl Running {
    /// Starts a command with pipes for its output.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(mut command: Command) -> io::Result<Self> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (sender, lines) = sync_channel(AHEAD);
        let stderr = Arc::new(Mutex::new(Vec::new()));
        if let Some(stdout) = child.stdout.take() {
            thread::spawn(move || send_lines(stdout, &sender));
        }
        let stderr_reader = child.stderr.take().map(|from| {
            let to = Arc::clone(&stderr);
            thread::spawn(move || collect(from, &to))
        });
        Ok(Self { child, lines, stderr, stderr_reader })
    }

    /// Returns the next line that the host prints, without its line break, or `None` when there is none until
    /// `deadline` or the host has ended. A line that the host could not end any more is left out.
    #[must_use]
    pub fn line(&self, deadline: Instant) -> Option<String> {
        let line = self.lines.recv_timeout(until(deadline)).ok()?;
        Some(String::from_utf8_lossy(&line).into_owned())
    }

    /// Returns what the host has said on stderr so far: log lines and complaints.
    #[must_use]
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    /// Returns the id of the host's process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns how the host ended, or `None` while it runs.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().context("cannot ask for the host")
    }

    /// Asks the host to end (SIGINT), as a user at a terminal or a service manager does.
    ///
    /// # Errors
    /// When the host has ended already.
    pub fn interrupt(&self) -> Result<()> {
        // The shell's own command: signals are not part of the standard library.
        let status = Command::new("sh").args(["-c", "kill -s INT \"$0\"", &self.id().to_string()]).status()?;
        if !status.success() {
            bail!("the host with the process id {} cannot be interrupted, {status}", self.id());
        }
        Ok(())
    }

    /// Kills the host (SIGKILL) and returns the lines that it printed and nobody has taken yet.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub fn kill(mut self) -> Result<Vec<String>> {
        self.child.kill().context("cannot kill the host")?;
        self.child.wait().context("cannot wait for the host")?;
        Ok(self.lines.iter().map(|line| String::from_utf8_lossy(&line).into_owned()).collect())
    }

    /// Waits for the end of the host. The report's `stdout` holds the lines that nobody has taken yet.
    ///
    /// # Errors
    /// When the host does not end until `deadline`; it is killed then.
    pub fn wait(mut self, deadline: Instant) -> Result<Report> {
        let mut stdout = Vec::new();
        loop {
            match self.lines.recv_timeout(until(deadline)) {
                Ok(line) => stdout.extend(line.into_iter().chain([b'\n'])),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => bail!("the host did not end in time: {}", self.stderr()),
            }
        }
        let status = self.child.wait().context("cannot wait for the host")?;
        if let Some(reader) = self.stderr_reader.take() {
            reader.join().ok();
        }
        Ok(Report::new(status, stdout, &self.stderr.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).ok();
    }
}

fn until(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

/// Sends each complete line until the output ends or nobody wants more.
fn send_lines(stdout: impl Read, to: &SyncSender<Vec<u8>>) {
    let mut stdout = BufReader::new(stdout);
    loop {
        let mut line = Vec::new();
        let is_line = stdout.read_until(b'\n', &mut line).is_ok() && line.pop() == Some(b'\n');
        if !is_line || to.send(line).is_err() {
            return;
        }
    }
}

fn collect(mut from: impl Read, to: &Mutex<Vec<u8>>) {
    let mut piece = [0; 4096];
    while let Ok(bytes @ 1..) = from.read(&mut piece) {
        to.lock().unwrap_or_else(PoisonError::into_inner).extend(&piece[..bytes]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Running {
        // What these tests run in may ignore SIGINT, as what is started in the background does, and a shell keeps to that.
        let mut command = Command::new("env");
        command.args(["--default-signal=INT", "sh", "-c", script]);
        Running::start(command).unwrap()
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    #[test]
    fn lines_come_while_the_host_runs() {
        let mut host = shell("echo a; echo b; echo trouble >&2; exec sleep 60");
        assert_eq!(host.line(soon()).as_deref(), Some("a"));
        assert_eq!(host.line(soon()).as_deref(), Some("b"));
        assert_eq!(host.line(Instant::now()), None);
        while host.stderr() != "trouble\n" {
            thread::yield_now();
        }
        assert!(host.ended().unwrap().is_none());
    }

    #[test]
    fn an_interrupted_host_may_finish_its_work() {
        let host = shell("trap 'echo last; echo said >&2; exit 3' INT; echo ready; while :; do sleep 0.01; done");
        assert_eq!(host.line(soon()).as_deref(), Some("ready"));
        host.interrupt().unwrap();
        let report = host.wait(soon()).unwrap();
        assert_eq!(
            (report.status.code(), &report.stdout[..], &report.complaint[..]),
            (Some(3), &b"last\n"[..], "said")
        );
    }

    #[test]
    fn a_killed_host_leaves_its_lines_and_no_half_one() {
        let host = shell("echo a; echo b; printf half; echo written >&2; exec sleep 60");
        assert_eq!(host.line(soon()).as_deref(), Some("a"));
        while host.stderr() != "written\n" {
            thread::yield_now();
        }
        assert_eq!(host.kill().unwrap(), ["b"]);
    }

    #[test]
    fn a_host_that_does_not_end_is_an_error() {
        let host = shell("exec sleep 60");
        assert!(host.wait(Instant::now()).unwrap_err().to_string().contains("did not end in time"));
    }
}
