//! Keys of objects, and digests of logs.

pub mod integrity;
#[path = "../../targets/key.rs"]
pub mod key;
#[path = "../../../../src/source/s3/layout.rs"]
#[allow(dead_code, reason = "only what reads bytes is under test")]
mod layout;
