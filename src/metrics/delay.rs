//! How late events come to Falco, in bounded memory: the last delay, and quantiles of those of the last minutes.

use hdrhistogram::Histogram;
use std::mem;
use std::time::{Duration, Instant};

/// How long delays are counted together. Those of this time and of the one before are read.
const WINDOW: Duration = Duration::from_secs(5 * 60);

/// The longest delay that is told from longer ones, in milliseconds: a hundred days.
const LONGEST_MS: u64 = 100 * 24 * 60 * 60 * 1000;

/// How exact quantiles are: to 1 %.
const DIGITS: u8 = 2;

const NS_PER_MS: u64 = 1_000_000;

/// The delays of events.
#[derive(Debug)]
pub struct Delays {
    begun: Instant,
    /// How many windows were before this one.
    number: u128,
    /// The delays of this window and of the one before, in milliseconds.
    current: Option<Histogram<u32>>,
    before: Option<Histogram<u32>>,
    last_ms: Option<u64>,
}

impl Default for Delays {
    fn default() -> Self {
        let histogram = || Histogram::new_with_bounds(1, LONGEST_MS, DIGITS).ok();
        Self { begun: Instant::now(), number: 0, current: histogram(), before: histogram(), last_ms: None }
    }
}

impl Delays {
    /// Makes room for delays of this moment.
    pub fn roll(&mut self, now: Instant) {
        let number = now.saturating_duration_since(self.begun).as_nanos() / WINDOW.as_nanos();
        let passed = number.saturating_sub(self.number);
        if passed == 0 {
            return;
        }
        self.number = number;
        mem::swap(&mut self.current, &mut self.before);
        let old = if passed > 1 { self.before.as_mut() } else { None };
        self.current.iter_mut().chain(old).for_each(Histogram::reset);
    }

    /// Adds a delay, in nanoseconds.
    pub fn add(&mut self, ns: u64) {
        let ms = ns / NS_PER_MS;
        self.last_ms = Some(ms);
        if let Some(current) = &mut self.current {
            current.saturating_record(ms);
        }
    }

    /// Returns the last delay, and those that half of the last minutes' events and 99 % of them stayed below.
    pub fn read(&mut self, now: Instant) -> [Option<Duration>; 3] {
        self.roll(now);
        let mut all = self.before.clone();
        if let (Some(all), Some(current)) = (&mut all, &self.current) {
            // It has the same bounds.
            let _ = all.add(current);
        }
        let all = all.filter(|all| !all.is_empty());
        let quantile = |share| all.as_ref().map(|all| Duration::from_millis(all.value_at_quantile(share)));
        [self.last_ms.map(Duration::from_millis), quantile(0.5), quantile(0.99)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn seconds(delays: &mut Delays, now: Instant) -> [Option<f64>; 3] {
        delays.read(now).map(|delay| delay.map(|delay| delay.as_secs_f64()))
    }

    #[track_caller]
    fn assert_near(read: [Option<f64>; 3], expected: [f64; 3]) {
        for (read, expected) in read.into_iter().zip(expected) {
            let off = (read.unwrap() - expected).abs();
            assert!(off <= expected * 0.01, "{read:?} is not {expected}");
        }
    }

    #[test]
    fn quantiles_are_those_of_the_delays() {
        let mut delays = Delays::default();
        let now = delays.begun;
        assert_eq!(seconds(&mut delays, now), [None; 3]);
        (1..=1000).for_each(|number| delays.add(number * SECOND));
        assert_near(seconds(&mut delays, now), [1000.0, 500.0, 990.0]);
        delays.add(0);
        assert_near(seconds(&mut delays, now), [0.0, 500.0, 990.0]);
    }

    #[test]
    fn old_delays_are_forgotten_after_two_windows_and_the_last_one_is_not() {
        let mut delays = Delays::default();
        let begun = delays.begun;
        // A backfill.
        (0..1000).for_each(|_| delays.add(90 * 24 * 3600 * SECOND));
        delays.roll(begun + WINDOW);
        (0..10).for_each(|_| delays.add(100 * SECOND));
        let days = 90.0 * 24.0 * 3600.0;
        assert_near(seconds(&mut delays, begun + WINDOW * 2 - Duration::from_secs(1)), [100.0, days, days]);
        assert_near(seconds(&mut delays, begun + WINDOW * 2), [100.0; 3]);
        assert_eq!(seconds(&mut delays, begun + WINDOW * 3), [Some(100.0), None, None]);
        delays.add(SECOND);
        assert_eq!(seconds(&mut delays, begun + WINDOW * 9), [Some(1.0), None, None]);
    }

    #[test]
    fn delays_beyond_all_bounds_are_the_longest() {
        let mut delays = Delays::default();
        let now = delays.begun;
        delays.add(u64::MAX);
        let longest = LONGEST_MS as f64 / 1000.0;
        assert_near([seconds(&mut delays, now)[1]; 3], [longest; 3]);
    }
}
