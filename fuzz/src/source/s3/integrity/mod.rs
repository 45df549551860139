//! Digests of logs, and how they follow each other.

#[path = "../../../../../src/source/s3/integrity/chain.rs"]
#[allow(dead_code, reason = "only what reads bytes is under test")]
mod chain;
#[path = "../../../../../src/source/s3/integrity/digest.rs"]
#[allow(dead_code, reason = "only what reads bytes is under test")]
mod digest;
#[path = "../../../targets/digest.rs"]
pub mod target;
