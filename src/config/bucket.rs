//! `S3Location`: a bucket and the start of its keys, and what a bucket may be called.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// What `s3://` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Location {
    /// Name of the bucket.
    pub bucket: String,
    /// What the keys start with, as it was written; may be empty.
    pub prefix: String,
}

impl fmt::Display for S3Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bucket, prefix } = self;
        if prefix.is_empty() { write!(f, "s3://{bucket}") } else { write!(f, "s3://{bucket}/{prefix}") }
    }
}

/// The name of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BucketName(pub String);

/// Names a text that no bucket can be called.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is not the name of a bucket, which has 3 to 63 letters, digits, dashes, underscores or single dots")]
pub(super) struct BucketNameError(String);

impl FromStr for BucketName {
    type Err = BucketNameError;

    /// Accepts upper case and underscores too, which buckets from before 2018 may have.
    fn from_str(text: &str) -> Result<Self, BucketNameError> {
        let name = text.trim();
        let legal = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
        let starts = name.starts_with(|first: char| first.is_ascii_alphanumeric());
        if legal && starts && !name.contains("..") && (3..=63).contains(&name.len()) {
            Ok(Self(name.to_owned()))
        } else {
            Err(BucketNameError(text.to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_buckets_are_told_from_other_text() {
        let longest = "b".repeat(63);
        for name in ["abc", "aws-cloudtrail-logs-012345678901-1a2b3c4d", "Old_Bucket", "a.b.c", &longest] {
            assert_eq!(name.parse(), Ok(BucketName(name.to_owned())));
        }
        let too_long = "b".repeat(64);
        for name in ["", "ab", "a b c", "a/b", "...", "a..b", "-abc", "bücket", "arn:aws:s3:::abc", "a\0bc", &too_long]
        {
            let error = name.parse::<BucketName>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("{name:?} is not the name of a bucket")), "{error}");
        }
    }
}
