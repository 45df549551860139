//! `Body`: the bytes of one object, as they come.
//!
//! Reading on after a broken connection is left to the caller, who asks for the rest with [`Body::etag`].

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;

use super::{AwsError, GET, Kind};

/// How long a body may take to give its next bytes.
const CHUNK_TIMEOUT: Duration = Duration::from_secs(30);

/// An object that is being read. Dropping it ends the download.
#[derive(Debug)]
pub struct Body {
    /// Identifies the object as it is now, for reading on after a broken connection.
    pub etag: Option<String>,
    /// What was stored with the object, by names without `x-amz-meta-`.
    pub metadata: HashMap<String, String>,
    target: String,
    stream: ByteStream,
}

impl Body {
    /// Takes an answer to a request for the bytes from `from` on.
    pub(super) fn new(output: GetObjectOutput, from: u64, target: String) -> Result<Self, AwsError> {
        // A server that ignores the range must not have its bytes taken for the rest.
        let expected = match output.content_range() {
            Some(range) => range.starts_with(&format!("bytes {from}-")),
            None => from == 0,
        };
        if !expected {
            return Err(AwsError::new(Kind::Changed, GET, &target, "the answer is not the range asked for"));
        }
        let etag = output.e_tag().map(str::to_owned);
        Ok(Self { etag, metadata: output.metadata.unwrap_or_default(), target, stream: output.body })
    }

    /// Waits for the next bytes, `None` at the end of the object.
    ///
    /// # Errors
    ///
    /// `Transient` when the connection breaks, or gives nothing for 30 seconds. Nothing follows an error.
    pub async fn next_chunk(&mut self) -> Option<Result<Bytes, AwsError>> {
        match tokio::time::timeout(CHUNK_TIMEOUT, self.stream.next()).await {
            Ok(chunk) => Some(chunk?.map_err(|error| AwsError::unanswered(GET, &self.target, &error))),
            Err(_) => Some(Err(AwsError::new(
                Kind::Transient,
                GET,
                &self.target,
                &format!("no data for {} seconds", CHUNK_TIMEOUT.as_secs()),
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::operation::get_object::builders::GetObjectOutputBuilder;

    use super::*;

    #[test]
    fn only_the_range_asked_for_is_taken() {
        let whole = GetObjectOutput::builder;
        let rest = || GetObjectOutput::builder().content_range("bytes 6-9/10");
        let kind = |output: GetObjectOutputBuilder, from| {
            Body::new(output.build(), from, "s3://b/k".to_owned()).map(drop).map_err(|error| error.kind())
        };
        assert_eq!(kind(whole(), 0), Ok(()));
        assert_eq!(kind(rest(), 6), Ok(()));
        assert_eq!(kind(whole(), 6), Err(Kind::Changed));
        assert_eq!(kind(rest(), 5), Err(Kind::Changed));
    }
}
