//! Lists a bucket: page by page, past troubles of the network, and finds the places in it that hold logs.

use super::layout::{self, Folder};
use crate::aws::s3::{ListRequest, Objects, Page};
use crate::aws::{AwsError, Service};
use crate::checkpoint::Layout;
use crate::decode::notice::is_log_key;
use crate::source::backoff::Backoff;
use crate::source::notes::{Level, Notes};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::task::JoinSet;

/// How many listings run at a time.
pub(super) const PARALLEL: usize = 16;

/// How many folders beside each other are looked into for one named `AWSLogs`.
const LOOKED_INTO: usize = 100;

/// How often a listing is tried when somebody waits for its answer.
const ATTEMPTS: u32 = 3;

/// A place that holds logs: what begins with its prefix, in key order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// What the keys begin with.
    pub prefix: Arc<str>,
    /// How the keys are made.
    pub layout: Layout,
    /// Whether only what is in the folder itself counts, not what is in folders below it.
    pub folder_only: bool,
}

/// The places in a bucket.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    /// Those with logs, in the order of their prefixes.
    pub logs: Vec<Place>,
    /// The folders of digests, one for each account and region, where they are wanted.
    pub digests: Vec<String>,
}

/// What a look through a bucket came to.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The places.
    pub places: Places,
    /// Folders that may not be listed.
    pub denied: Vec<(String, AwsError)>,
}

/// Lists one bucket.
#[derive(Clone)]
pub(super) struct Lister {
    pub objects: Objects,
    pub bucket: Arc<str>,
    pub notes: Arc<Notes>,
    /// Whether to go on trying for as long as the trouble may pass.
    pub patient: bool,
    /// Whether to look for digests too.
    pub digests: bool,
}

impl Lister {
    /// Lists a page.
    pub async fn page(&self, request: &ListRequest) -> Result<Page, AwsError> {
        let mut backoff = Backoff::default();
        let mut attempts = 1;
        loop {
            match self.objects.list_page(&self.bucket, request).await {
                Err(error) if error.is_transient() && (self.patient || attempts < ATTEMPTS) => {
                    self.notes.retry(Service::S3, "retry", Level::Warn, &error);
                    backoff.wait().await;
                    attempts += 1;
                }
                answer => return answer,
            }
        }
    }

    /// Returns the folders that begin with a prefix, and whether there are logs beside them.
    async fn folders(&self, prefix: &str) -> Result<(Vec<String>, bool), AwsError> {
        let mut request = ListRequest { prefix: prefix.to_owned(), delimiter: true, ..ListRequest::default() };
        let (mut folders, mut has_logs) = (Vec::new(), false);
        loop {
            let page = self.page(&request).await?;
            has_logs |= page.objects.iter().any(|object| is_log_key(&object.key));
            folders.extend(page.prefixes);
            request.continuation = page.next;
            if request.continuation.is_none() {
                return Ok((folders, has_logs));
            }
        }
    }

    /// Finds the places below a prefix, of these accounts, or of all when there are none.
    ///
    /// # Errors
    ///
    /// When the prefix itself cannot be listed. What is denied further down is among what is found.
    pub async fn places(&self, prefix: &str, accounts: &[String]) -> Result<Found, AwsError> {
        let mut found = Found::default();
        // How deep to look for `AWSLogs` where it is not yet in the prefix.
        let mut waiting = VecDeque::from([(prefix.to_owned(), 1)]);
        waiting.extend(layout::digests_of(prefix).filter(|_| self.digests).map(|beside| (beside, 1)));
        let mut listings = JoinSet::new();
        loop {
            while listings.len() < PARALLEL
                && let Some((prefix, depth)) = waiting.pop_front()
            {
                match layout::folder(&prefix) {
                    Folder::Region => {
                        let place = Place { prefix: prefix.into(), layout: Layout::Dated, folder_only: false };
                        found.places.logs.push(place);
                        continue;
                    }
                    Folder::DigestRegion => {
                        found.places.digests.push(prefix);
                        continue;
                    }
                    _ => {}
                }
                let lister = self.clone();
                listings.spawn(async move {
                    let folders = lister.folders(&prefix).await;
                    (prefix, depth, folders)
                });
            }
            let Some(listed) = listings.join_next().await else { break };
            let Ok((below, depth, folders)) = listed else { continue };
            let (folders, has_logs) = match folders {
                Ok(listed) => listed,
                Err(error) if error.is_denied() && below != prefix => {
                    found.denied.push((below, error));
                    continue;
                }
                Err(error) => return Err(error),
            };
            let flat = |prefix: &str, folder_only| Place { prefix: prefix.into(), layout: Layout::Flat, folder_only };
            let is_outside = |folder: &String| layout::folder(folder) == Folder::Outside;
            let beside = folders.iter().filter(|folder| is_outside(folder)).count();
            if beside == folders.len() && (depth == 0 || beside > LOOKED_INTO) {
                if has_logs || beside > 0 {
                    found.places.logs.push(flat(&below, false));
                }
                continue;
            }
            if has_logs {
                found.places.logs.push(flat(&below, true));
            }
            for folder in folders {
                match layout::folder(&folder) {
                    Folder::Foreign => {}
                    Folder::Digests | Folder::DigestRegion if !self.digests => {}
                    Folder::Outside if depth == 0 => found.places.logs.push(flat(&folder, false)),
                    Folder::Outside => waiting.push_back((folder, depth - 1)),
                    Folder::Account if !is_wanted(&folder, accounts) => {}
                    _ => waiting.push_back((folder, depth)),
                }
            }
        }
        found.places.logs.sort_by(|left, right| left.prefix.cmp(&right.prefix));
        Ok(found)
    }
}

/// Returns whether a prefix or a key is of one of the accounts; one that tells no account is.
pub(super) fn is_wanted(path: &str, accounts: &[String]) -> bool {
    accounts.is_empty() || layout::account(path).is_none_or(|account| accounts.iter().any(|wanted| wanted == account))
}
