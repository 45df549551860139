//! The memory for what a source has fetched and Falco has not read.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The unit of the budget.
const KIB: usize = 1 << 10;

/// A budget of bytes that the tasks of a source share.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    permits: Arc<Semaphore>,
    kib: usize,
}

impl Memory {
    pub fn new(bytes: usize) -> Self {
        let kib = (bytes / KIB).clamp(1, u32::MAX as usize);
        Self { permits: Arc::new(Semaphore::new(kib)), kib }
    }

    /// Returns how many bytes are reserved for so many: whole units, and never more than all that there is.
    pub fn share(&self, bytes: usize) -> usize {
        bytes.div_ceil(KIB).min(self.kib) * KIB
    }

    /// Returns how many bytes are taken.
    pub fn taken(&self) -> usize {
        self.kib.saturating_sub(self.permits.available_permits()) * KIB
    }

    /// Waits until there is memory, in the order of the calls, and takes it until what is returned is dropped.
    pub async fn reserve(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let kib = self.share(bytes) / KIB;
        Arc::clone(&self.permits).acquire_many_owned(kib as u32).await.ok()
    }
}
