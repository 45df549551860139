//! The plugin API, held to what Falco's libraries expect of it, by calls to the shared object itself.
//!
//! One behaviour a test. What fields give is the concern of the tests on the real engine; here it is how values, events,
//! errors and log lines cross the border.

mod errors;
pub mod event;
mod extract;
pub mod host;
mod identity;
mod lines;
mod request;
pub mod source;
mod sourcing;
pub mod threads;

use std::env;
use std::process::Command;

/// Runs a test in a process of its own, so that it has the threads and descriptors to itself and an abort is its own.
pub fn alone(name: &str, body: fn()) {
    const MARK: &str = "CLOUDTRAIL_TEST_ALONE";
    if env::var_os(MARK).is_some() {
        return body();
    }
    let mut test = Command::new(env::current_exe().unwrap());
    let test = test.args(["--exact", name, "--nocapture"]).env(MARK, "");
    let output = test.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}
