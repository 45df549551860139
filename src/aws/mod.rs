//! The services of AWS that logs are read from: credentials and region, S3 objects, SQS queues, one type for errors.
//!
//! Only this module names the AWS SDK. What the objects and the messages say, what was read already, and when to try
//! again after an error that lasts is left to its callers.

mod connection;
mod error;
mod https;
mod region;
pub mod s3;
pub mod sqs;

pub use connection::{Access, Connection};
pub use error::{AwsError, Kind};
