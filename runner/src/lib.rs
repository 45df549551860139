//! Runs Falco rule files over CloudTrail logs on a real engine, and gives tests the same engine for single fields.
//!
//! The engine is libsinsp, as `scripts/host` fetches it, or Falco where a machine has it. This crate reads rule
//! files, resolves their lists and macros as Falco does, and words alerts as Falco does; it has no operator of its
//! own: whether a rule matches, and what a field prints, only the engine says.

#![forbid(unsafe_code)]
#![allow(clippy::indexing_slicing, clippy::string_slice, reason = "tools of their own: a fault ends a run and is seen")]

pub mod alert;
pub mod attack;
pub mod catalog;
pub mod coverage;
pub mod evaluate;
pub mod falco;
pub mod fixtures;
pub mod host;
mod pass;
pub mod proof;
pub mod rules;
pub mod running;
