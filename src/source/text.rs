//! A log whose text is there already: an event that came inside of an answer of AWS, or what is not read of it.

use super::{Log, Receipt};
use crate::decode::{Cause, Skip};
use std::io::{Cursor, Read};
use tokio::sync::OwnedSemaphorePermit;

pub(super) struct TextLog {
    name: String,
    content: Option<Result<String, Skip>>,
    receipt: Option<Receipt>,
    _memory: Option<OwnedSemaphorePermit>,
}

impl TextLog {
    /// Makes a log of a text, or of the reason why it is skipped. The memory is kept as long as the log is.
    pub fn new(
        name: String,
        content: Result<String, Skip>,
        receipt: Receipt,
        memory: Option<OwnedSemaphorePermit>,
    ) -> Self {
        Self { name, content: Some(content), receipt: Some(receipt), _memory: memory }
    }
}

impl Log for TextLog {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn bytes(&self) -> u64 {
        0
    }

    fn open(&mut self) -> Result<Box<dyn Read + Send>, Skip> {
        let gone = Skip { cause: Cause::Internal, at: None, detail: None };
        Ok(Box::new(Cursor::new(self.content.take().ok_or(gone)??)))
    }

    fn receipt(&mut self) -> Option<Receipt> {
        self.receipt.take()
    }
}
