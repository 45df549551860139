//! What the code is held to, one file for each target.

pub mod config;
pub mod decode;
pub mod fields;
pub mod json;
pub mod key;
pub mod notice;
pub mod state;
