//! Reads JSON text in place, for the plugins that share it.
//!
//! The crate owns one strict reading of RFC 8259 ([`scan`]), an index of a document that is built by it once and
//! then looked up many times ([`Index`], [`Value`]), JSON pointers ([`Pointer`]), and the one way from JSON to
//! text that Falco gets ([`text`]). It knows nothing of CloudTrail, of Falco or of input and output.
//!
//! It exists because log records are hostile and must be read as they are written: numbers keep their spelling,
//! the first of duplicate members wins, and text that is not quite Unicode (lone surrogates, broken UTF-8, NUL)
//! costs a replacement character instead of the event. General readers refuse such text or rewrite it.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::string_slice, reason = "a fault fails the test"))]

mod index;
mod names;
mod pointer;
mod quotes;
pub mod scan;
pub mod text;

pub use index::{Index, Value};
pub use pointer::Pointer;

/// What a JSON value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `{…}`
    Object,
    /// `[…]`
    Array,
    /// `"…"`
    String,
    /// A number.
    Number,
    /// `true` or `false`
    Bool,
    /// `null`
    Null,
}
