//! Keeps to the rate that the service allows: `LookupEvents` may be called twice a second for an account in a region
//! (Service Quotas of CloudTrail), and what is more is refused.

use std::future::Future;
use std::time::Duration;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, sleep_until};

const SECOND: Duration = Duration::from_secs(1);

/// The pace of all calls for one account in one region.
#[derive(Debug)]
pub(super) struct Pace {
    /// When the last call but one was answered, and the last one.
    answered: Mutex<[Instant; 2]>,
}

impl Pace {
    /// Begins as if two calls had just been answered, since those of a process that ended a moment ago count too.
    pub fn new() -> Self {
        Self { answered: Mutex::new([Instant::now(); 2]) }
    }

    /// Makes a call when it is time to, after those that wait for longer. A call came to the service before it was
    /// answered, so that no second begins at one which holds the second call after it, however long the way is.
    pub async fn call<T>(&self, call: impl Future<Output = T>) -> T {
        let answered = self.answered.lock().await;
        let [earlier, _] = *answered;
        sleep_until(earlier + SECOND).await;
        let _under_way = UnderWay(answered);
        call.await
    }
}

/// A call that is under way until this is dropped, also when nobody waits for the answer any more.
struct UnderWay<'a>(MutexGuard<'a, [Instant; 2]>);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let [_, later] = *self.0;
        *self.0 = [later, Instant::now()];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_second_holds_more_than_two_calls_whenever_they_arrive() {
        let start = Instant::now();
        let pace = Pace::new();
        let mut calls = Vec::new();
        for way in [300, 0, 0] {
            let call = async {
                let sent = Instant::now();
                tokio::time::sleep(Duration::from_millis(way)).await;
                (sent, Instant::now())
            };
            calls.push(pace.call(call).await);
        }
        assert!(calls[0].0 >= start + SECOND, "another process may have called just before");
        assert!(calls[2].0 >= calls[0].1 + SECOND, "{calls:?}");
    }
}
