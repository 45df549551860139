//! What the code is held to, one file for each target. Those of `key` and `digest` are modules of [`crate::source`], since
//! what they look at is known to that alone.

pub mod config;
pub mod decode;
pub mod fields;
pub mod json;
pub mod notice;
pub mod state;
