//! Verifies one digest and the logs that it names, and delivers what is wrong with them.

use super::chain::{self, Folder, Found, Link, Step};
use super::digest::{Digest, Flaw, LogFile};
use super::fault::{self, Fault};
use super::reading::{Etags, Miss, Read};
use super::{Closed, Integrity, SAVE_AFTER};
use crate::aws::Kind;
use crate::decode::Cause;
use crate::source::hash::{hash, hex, unhex};
use crate::source::notes::Level;
use crate::source::s3::layout;
use crate::source::text::TextLog;
use crate::source::{Log, Receipt, address, printable};
use jiff::Timestamp;
use serde_json::json;
use std::sync::atomic::Ordering;
use tokio::sync::{mpsc, oneshot};

/// Whether a folder can be verified further in this pass.
pub(super) enum Next {
    Digest,
    /// Not before the next pass.
    Later,
}

impl Integrity {
    /// Verifies a digest that was examined, and moves on when all about it is delivered.
    pub(super) async fn digest(
        &self,
        state: &mut Folder,
        folder: &str,
        found: &Found,
        examined: Result<(Digest, Link), Miss>,
        etags: &Etags,
        logs: &mpsc::Sender<Box<dyn Log>>,
    ) -> Result<Next, Closed> {
        let Found { name, key, .. } = found;
        let bucket = &*self.reader.lister.bucket;
        let mut faults = Vec::new();
        match examined {
            Ok((digest, link)) => {
                if !name.is_backfill {
                    match state.step(folder, name, &digest, bucket) {
                        Step::Follows => {}
                        Step::Begins => {
                            let text = format!("{} begins a new chain of digests", address(bucket, key));
                            self.notes.say(Level::Warn, "integrity", text);
                        }
                        Step::Misses(previous) => match self.reader.digest(&previous).await {
                            Err(Miss::Gone) => {
                                let reason = "the digest is not there, and the next one names it";
                                faults.push(self.invalid(&previous, Flaw::new(reason, "a digest", "")));
                            }
                            Err(Miss::Refused(error)) if error.kind() == Kind::Archived => {}
                            // Who may read one but not the other has met more than a lack of permissions.
                            Err(Miss::Refused(error)) => {
                                let reason = "the digest cannot be read, and the next one can";
                                faults.push(self.invalid(&previous, Flaw::new(reason, "a digest", &error.to_string())));
                            }
                            // It came since, and is in the next listing.
                            Ok(_) | Err(_) => return Ok(Next::Later),
                        },
                        Step::Breaks(flaw) => {
                            faults.push(self.invalid(digest.previous_key.as_deref().unwrap_or(key), flaw));
                        }
                    }
                }
                let read = self.reader.logs(digest.files.unwrap_or_default(), etags).await;
                let are_readable = read.iter().any(|(_, read)| read.is_ok());
                faults.extend(read.into_iter().filter_map(|read| self.log_fault(read, are_readable)));
                self.notes.digests_verified.add(1);
                self.deliver(&faults, folder, key, logs).await?;
                if name.is_backfill {
                    state.settle(found);
                } else {
                    state.link(folder, name, link);
                }
            }
            Err(Miss::Flawed(flaw)) => {
                faults.push(self.invalid(key, flaw));
                self.deliver(&faults, folder, key, logs).await?;
                state.settle(found);
            }
            // The next one tells.
            Err(Miss::Gone) => return Ok(Next::Digest),
            // It is tried again as long as no good one is behind it.
            Err(Miss::Refused(error)) => {
                self.refused(&error.to_string());
                return Ok(Next::Digest);
            }
            Err(Miss::Keyless(error)) => {
                self.refused(&error.to_string());
                return Ok(Next::Later);
            }
        }
        self.kept().folders.insert(folder.to_owned(), state.clone());
        let verified = self.verified.fetch_add(1, Ordering::Relaxed) + 1;
        if !faults.is_empty() || verified.is_multiple_of(SAVE_AFTER) {
            self.save().await;
        }
        Ok(Next::Digest)
    }

    /// Reads a digest by itself: it is good when its signature is. Returns what the next one must say of it too.
    pub(super) async fn examine(&self, folder: &str, found: &Found) -> Result<(Digest, Link), Miss> {
        let Found { name, key, .. } = found;
        let _permit = self.reader.fetching.acquire().await;
        let stored = self.reader.digest(key).await?;
        let digest = Digest::parse(&stored, &self.reader.lister.bucket, key).map_err(Miss::Flawed)?;
        let (fingerprint, now) = (&digest.fingerprint, Timestamp::now().as_second());
        let keys = self.keys.of(region(folder), fingerprint, name.end, now).await.map_err(Miss::Keyless)?;
        if keys.is_empty() {
            let reason = "the digest is signed with a key that CloudTrail does not have in its region";
            return Err(Miss::Flawed(Flaw::new(reason, "a key of the region", fingerprint)));
        }
        let (hash, signature) = (hash(&stored.text), stored.signature.unwrap_or_default());
        if !digest.is_signed(&signature, &hash, &keys) {
            let reason = "the digest has another text or key than was signed";
            return Err(Miss::Flawed(Flaw::new(reason, "its signature", &signature)));
        }
        let is_awaited = chain::is_fresh(name.end, now);
        Ok((digest, Link { key: key.to_owned(), end: name.end, hash: hex(&hash), signature, is_awaited }))
    }

    /// Returns what is wrong with a log; `are_readable` tells whether others of the same digest could be read.
    fn log_fault(&self, (file, read): Read, are_readable: bool) -> Option<Fault> {
        let LogFile { bucket, key, hash_value: expected, hash_algorithm } = file;
        let fault = |name, reason, found: &str| {
            let flaw = Flaw::new(reason, &expected, found);
            Some(Fault { name, bucket: bucket.clone(), key: key.clone(), flaw })
        };
        let failed = fault::Name::LogFileValidationFailed;
        match read {
            _ if hash_algorithm.as_deref() != Some("SHA-256") => {
                self.refused(&format!("{}: it is hashed by an unknown algorithm", address(&bucket, &key)));
                None
            }
            Ok(hash) if unhex(&expected).is_some_and(|expected| expected == hash) => {
                self.notes.log_files_verified.add(1);
                None
            }
            Ok(hash) => fault(failed, "the log has another text than was delivered", &hex(&hash)),
            Err(skip) => match skip.cause {
                Cause::Gone => fault(fault::Name::LogFileMissing, "the log is not there", ""),
                Cause::CorruptGzip | Cause::TruncatedGzip | Cause::InflatesTooMuch => {
                    fault(failed, "the log is damaged", &skip.cause.to_string())
                }
                // Who may read others of that hour has met more than a lack of permissions.
                Cause::Denied | Cause::Unreadable if are_readable => {
                    fault(failed, "the log cannot be read, and others beside it can", &skip.detail.unwrap_or_default())
                }
                cause => {
                    let detail = skip.detail.unwrap_or_else(|| cause.to_string());
                    self.refused(&format!("{}: {detail}", address(&bucket, &key)));
                    None
                }
            },
        }
    }

    /// Tells of faults that a digest shows, and waits until Falco went through the events.
    pub(super) async fn deliver(
        &self,
        faults: &[Fault],
        folder: &str,
        key: &str,
        logs: &mpsc::Sender<Box<dyn Log>>,
    ) -> Result<(), Closed> {
        if faults.is_empty() {
            return Ok(());
        }
        self.notes.digest_faults.add(faults.len() as u64);
        for fault in faults {
            self.notes.say(Level::Error, "integrity", printable(&fault.to_string()));
        }
        let digest = address(&self.reader.lister.bucket, key);
        let (account, secret) = (layout::account(folder).unwrap_or_default(), self.kept().secret.clone());
        let place = fault::Place { account, region: region(folder), digest: &digest, secret: &secret };
        let events: Vec<_> = faults.iter().map(|fault| fault.event(place, Timestamp::now())).collect();
        let (settled, is_settled) = oneshot::channel();
        let receipt = Receipt::new(move |_| _ = settled.send(()));
        let log = TextLog::new(digest.clone(), Ok(json!({ "Records": events }).to_string()), receipt, None);
        self.notes.logs_found.add(1);
        logs.send(Box::new(log)).await.map_err(|_| Closed)?;
        is_settled.await.map_err(|_| Closed)
    }

    /// Tells of what cannot be verified.
    pub(super) fn refused(&self, error: &str) {
        self.notes.digest_unknowns.add(1);
        self.notes.say(Level::Error, "not verified", printable(&format!("{error}; its integrity is not known")));
    }

    /// Returns the fault of a digest.
    pub(super) fn invalid(&self, key: &str, flaw: Flaw) -> Fault {
        let bucket = self.reader.lister.bucket.to_string();
        Fault { name: fault::Name::DigestInvalid, bucket, key: key.to_owned(), flaw }
    }
}

/// Returns the region of a folder of digests.
fn region(folder: &str) -> &str {
    folder.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}
