//! Digests of logs, and how they follow each other.

#[path = "../../../../../src/source/s3/integrity/chain.rs"]
#[allow(dead_code)]
mod chain;
#[path = "../../../../../src/source/s3/integrity/digest.rs"]
#[allow(dead_code)]
mod digest;
#[path = "../../../targets/digest.rs"]
pub mod target;
