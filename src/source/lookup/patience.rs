//! What to do when a request fails: how long to wait, what to tell, and when there is no use in waiting. Each history
//! has its own: what fails for one says nothing about the others.

use crate::aws::{AwsError, Kind};
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
#[derive(Debug)]
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
        let since = *self.since.get_or_insert_with(Instant::now);
        let refused = is_refusal(error.kind());
        if !self.endless && (refused || since.elapsed() > LONGEST) {
            self.notes.say(Level::Error, "refused", format!("{error}; the rest of it is not read"));
            return Err(GivenUp);
        }
        self.notes.retries.add(1);
        if !refused && !error.is_credentials() {
            let topic = if error.kind() == Kind::Throttled { "throttled" } else { "retry" };
            self.notes.say(Level::Warn, topic, format!("{error}; trying again"));
        } else if self.refusal.is_none_or(|(kind, told)| kind != error.kind() || told.elapsed() > REMINDER) {
            self.refusal = Some((error.kind(), Instant::now()));
            let minutes = REFUSED.as_secs() / 60;
            let how_often = if refused { format!(" every {minutes} minutes") } else { String::new() };
            self.notes.say(Level::Error, "refused", format!("{error}; trying again{how_often}"));
        }
        if refused {
            sleep(REFUSED).await;
        } else {
            self.backoff.wait().await;
        }
        Ok(())
    }
}

/// Returns whether the answer stays the same until somebody changes a permission, a region or the settings.
pub(super) fn is_refusal(kind: Kind) -> bool {
    matches!(kind, Kind::Denied | Kind::NotEnabled | Kind::Unrecognized | Kind::NotFound | Kind::Invalid)
}
