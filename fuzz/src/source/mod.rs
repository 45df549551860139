//! What the sources compute without a request, in the places that it has in the library.

#[path = "../../../src/source/hash.rs"]
#[allow(dead_code, reason = "only what reads bytes is under test")]
mod hash;
pub mod s3;

/// Returns a text as a name for the log.
fn printable(text: &str) -> String {
    crate::printable::printable(text, crate::printable::NAME)
}
