//! What the code is held to, one file for each target.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a target tells a fault")]

pub mod config;
pub mod decode;
pub mod fields;
pub mod json;
pub mod notice;
pub mod state;
