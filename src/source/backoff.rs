//! How long to wait before a call to AWS is made again, when the SDK has given up repeating it.

use std::time::Duration;

/// Waits between attempts: half a second, doubled each time up to 20 seconds, less a random part.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Waits as long as it is time to.
    pub async fn wait(&mut self) {
        let longest = Duration::from_millis(500 << self.failures.min(6)).min(Duration::from_secs(20));
        self.failures += 1;
        tokio::time::sleep(longest.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
    }
}
