//! The SHA-256 of a log's text, taken while the log is read.

use crate::decode::gunzip::Piece;
use ring::digest::{Context, SHA256, SHA256_OUTPUT_LEN};
use std::sync::{Arc, OnceLock};

/// The SHA-256 of a text.
pub(super) type Hash = [u8; SHA256_OUTPUT_LEN];

/// The hash of a text that comes in pieces. It is known once the text came to its end without damage.
pub(super) struct TextHash {
    context: Context,
    result: Arc<OnceLock<Hash>>,
}

impl TextHash {
    /// Begins, and returns where the hash will be too.
    pub fn new() -> (Self, Arc<OnceLock<Hash>>) {
        let result = Arc::new(OnceLock::new());
        (Self { context: Context::new(&SHA256), result: Arc::clone(&result) }, result)
    }

    /// Adds a piece.
    pub fn add(&mut self, piece: &Piece) {
        match piece {
            Piece::Text(text) => self.context.update(text),
            Piece::End(None) => {
                let _ = self.result.set(self.context.clone().finish().as_ref().try_into().unwrap_or_default());
            }
            Piece::End(Some(_)) => {}
        }
    }
}

/// Returns the hash of a whole text.
pub(super) fn hash(text: &[u8]) -> Hash {
    ring::digest::digest(&SHA256, text).as_ref().try_into().unwrap_or_default()
}

/// Returns bytes in hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Reads bytes from hexadecimal digits in either case.
pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let byte = |[high, low]: &[u8; 2]| Some(digit(*high)? << 4 | digit(*low)?);
    pairs.1.is_empty().then(|| pairs.0.iter().map(byte).collect())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{Cause, Skip};

    fn text(text: &str) -> Piece {
        Piece::Text(text.as_bytes().to_vec().into())
    }

    #[test]
    fn pieces_hash_to_what_the_whole_does() {
        let (mut pieces, result) = TextHash::new();
        pieces.add(&text("ab"));
        pieces.add(&text("c"));
        assert_eq!(result.get(), None);
        pieces.add(&Piece::End(None));
        assert_eq!(result.get(), Some(&hash(b"abc")));
        assert_eq!(hex(&hash(b"abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn a_text_with_damage_has_no_hash() {
        let (mut pieces, result) = TextHash::new();
        pieces.add(&text("ab"));
        pieces.add(&Piece::End(Some(Skip { cause: Cause::TruncatedGzip, at: None, detail: None })));
        assert_eq!(result.get(), None);
    }

    #[test]
    fn hexadecimal_digits_are_read_and_other_text_is_not() {
        assert_eq!(unhex(&hex(&[0, 0x9f, 0xff])), Some(vec![0, 0x9f, 0xff]));
        assert_eq!(unhex("AbCd"), Some(vec![0xab, 0xcd]));
        for text in ["a", "0g", "+1", "é", " 1"] {
            assert_eq!(unhex(text), None, "{text}");
        }
    }
}
