//! Keys of objects, and digests of logs.

pub mod integrity;
#[path = "../../targets/key.rs"]
pub mod key;
#[path = "../../../../src/source/s3/layout.rs"]
#[allow(dead_code)]
mod layout;
