//! What to do when a request fails: how long to wait, what to tell, and when there is no use in waiting. Each history
//! has its own: what fails for one says nothing about the others.

use crate::aws::{AwsError, Kind, Service};
use crate::source::backoff::Backoff;
use crate::source::notes::{Level, Notes};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long to wait after a refusal, which lasts until somebody acts.
const REFUSED: Duration = Duration::from_secs(5 * 60);

/// How often to tell of a refusal that lasts, or of credentials that stay invalid.
const REMINDER: Duration = Duration::from_secs(60 * 60);

/// How long a reading that has an end tries to go on.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// There is no use in waiting any longer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct GivenUp;

/// The trouble of one history.
pub(super) struct Patience {
    notes: Arc<Notes>,
    /// Whether to wait as long as it takes.
    endless: bool,
    backoff: Backoff,
    /// Since when nothing was answered.
    since: Option<Instant>,
    /// What was told last that may last, and when.
    refusal: Option<(Kind, Instant)>,
}

impl Patience {
    pub fn new(notes: Arc<Notes>, endless: bool) -> Self {
        Self { notes, endless, backoff: Backoff::default(), since: None, refusal: None }
    }

    /// Notes that there was an answer.
    pub fn answered(&mut self, name: &str) {
        if self.refusal.take().is_some() {
            self.notes.say(Level::Info, "refused", format!("{name} can be read now"));
        }
        self.since = None;
        self.backoff = Backoff::default();
    }

    /// Tells of a failure and waits until it is time to ask again.
    ///
    /// # Errors
    ///
    /// When it is of no use for a reading that has an end.
    pub async fn failed(&mut self, error: &AwsError) -> Result<(), GivenUp> {
        match self.judge(error, Instant::now())? {
            Some(time) => sleep(time).await,
            None => self.backoff.wait().await,
        }
        Ok(())
    }

    /// Tells of a failure, and returns how long to wait, `None` for a short time that grows.
    fn judge(&mut self, error: &AwsError, now: Instant) -> Result<Option<Duration>, GivenUp> {
        let since = *self.since.get_or_insert(now);
        let refused = is_refusal(error.kind());
        if !self.endless && (refused || now - since > LONGEST) {
            self.notes.say(Level::Error, "refused", format!("{error}; its events are not read to their end"));
            return Err(GivenUp);
        }
        self.notes.traffic.retry(Service::CloudTrail);
        if !refused && !error.is_credentials() {
            let topic = if error.kind() == Kind::Throttled { "throttled" } else { "retry" };
            self.notes.say(Level::Warn, topic, format!("{error}; trying again"));
        } else if self.refusal.is_none_or(|(kind, told)| kind != error.kind() || now - told > REMINDER) {
            self.refusal = Some((error.kind(), now));
            let minutes = REFUSED.as_secs() / 60;
            let how_often = if refused { format!(" every {minutes} minutes") } else { String::new() };
            self.notes.say(Level::Error, "refused", format!("{error}; trying again{how_often}"));
        }
        Ok(refused.then_some(REFUSED))
    }
}

/// Returns whether the answer stays the same until somebody changes a permission, a region or the settings.
pub(super) fn is_refusal(kind: Kind) -> bool {
    matches!(kind, Kind::Denied | Kind::NotEnabled | Kind::Unrecognized | Kind::NotFound | Kind::Invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn error(kind: Kind) -> AwsError {
        AwsError::new(kind, "cloudtrail:LookupEvents", "eu-west-1", "made by the test")
    }

    /// Judges failures at these minutes, and returns how long to wait for each and how many lines there are.
    fn judge(patience: &mut Patience, failures: &[(u32, Kind)]) -> (Vec<Result<Option<Duration>, GivenUp>>, usize) {
        let start = Instant::now();
        let judge = |(minute, kind): &(u32, Kind)| patience.judge(&error(*kind), start + MINUTE * *minute);
        let waits = failures.iter().map(judge).collect();
        (waits, patience.notes.take().len())
    }

    #[test]
    fn a_refusal_is_told_once_an_hour_and_each_time_that_it_is_another() {
        let mut patience = Patience::new(Arc::default(), true);
        let failures =
            [(0, Kind::Denied), (5, Kind::Denied), (60, Kind::Denied), (61, Kind::Denied), (62, Kind::NotEnabled)];
        assert_eq!(judge(&mut patience, &failures), (Vec::from([const { Ok(Some(Duration::from_secs(300))) }; 5]), 3));
        patience.answered("eu-west-1");
        patience.answered("eu-west-1");
        let notes = patience.notes.take();
        assert_eq!(notes.iter().map(|note| note.text.as_str()).collect::<Vec<_>>(), ["eu-west-1 can be read now"]);
        assert_eq!(judge(&mut patience, &[(63, Kind::Unrecognized)]), (vec![Ok(Some(5 * MINUTE))], 1));
    }

    #[test]
    fn what_may_pass_is_tried_soon_and_told_each_time_but_for_credentials() {
        let mut patience = Patience::new(Arc::default(), true);
        let failures = [(0, Kind::Throttled), (1, Kind::Transient), (99, Kind::Credentials), (100, Kind::Credentials)];
        assert_eq!(judge(&mut patience, &failures), (Vec::from([const { Ok(None) }; 4]), 3));
        assert_eq!(patience.notes.traffic.retries(Service::CloudTrail), 4);
    }

    #[test]
    fn a_reading_with_an_end_waits_neither_for_a_refusal_nor_for_ever() {
        let judge = |failures: &[(u32, Kind)]| judge(&mut Patience::new(Arc::default(), false), failures);
        assert_eq!(judge(&[(0, Kind::Invalid)]), (vec![Err(GivenUp)], 1));
        let failures = [(0, Kind::Transient), (15, Kind::Credentials), (16, Kind::Throttled)];
        assert_eq!(judge(&failures), (vec![Ok(None), Ok(None), Err(GivenUp)], 3));
    }
}
