//! Answers what Falco asks about the fields of events whose payload is JSON, for the plugins that share it.
//!
//! Falco asks one field a call and again for every rule that names it. Here an event is read at most once and each
//! value is made at most once an event, whatever rules there are ([`Answers`]); a plugin brings its fields
//! ([`Fields`]), a description of them ([`Spec`]), and nothing else. Which fields there are and what they mean is the
//! plugins' concern.

#![deny(unsafe_code)]

mod abi;
mod answers;
mod fields;
mod request;

pub use abi::Given;
pub use answers::{Answer, Answers, EventId};
pub use fields::{Argument, Event, Fields, Found, RawKey, Spec, Type, schema};
pub use request::fill;

use std::ffi::CStr;
use std::fmt::Display;

/// Makes a C string of text that is known when a plugin is built and ends with a NUL.
pub const fn c_str(text: &'static str) -> &'static CStr {
    match CStr::from_bytes_with_nul(text.as_bytes()) {
        Ok(text) => text,
        Err(_) => c"",
    }
}

/// Makes an error for the SDK, which loses a text with a NUL in it or even panics; users' texts may hold one.
pub fn sdk_error(error: impl Display) -> anyhow::Error {
    anyhow::anyhow!(error.to_string().replace(char::is_control, "\u{fffd}"))
}
