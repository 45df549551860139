//! The names of a document's own members, for finding one of them.
//!
//! Why not a walk over the index: rules ask for dozens of members of the event itself, each walk compares the names
//! before the wanted one, and for a member that is absent all of them. Here the names are numbers in a row, and a name is
//! compared where its number is the same. `make count` shows what that is worth, in `20 fields of a new event`.

/// The names in the order of the document.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// The tag of each one, and where its value is in the index.
    names: Vec<(u32, u32)>,
    /// Whether one is written with escapes, so that its tag tells nothing.
    has_escapes: bool,
}

impl Names {
    pub fn clear(&mut self) {
        self.names.clear();
        self.has_escapes = false;
    }

    /// Adds the next member's name as it is written.
    #[inline]
    pub fn add(&mut self, name: &[u8], escaped: bool, place: u32) {
        self.names.push((tag(name), place));
        self.has_escapes |= escaped;
    }

    /// Returns the places whose names may be written like this one, in order, or `None` when the tags do not tell.
    #[inline]
    pub fn find(&self, name: &[u8]) -> Option<impl Iterator<Item = usize>> {
        let wanted = tag(name);
        let found = self.names.iter().filter(move |(tag, _)| *tag == wanted);
        (!self.has_escapes).then(|| found.map(|(_, place)| *place as usize))
    }
}

/// Returns a number that few names share: of the names in one event, no two.
#[inline]
fn tag(name: &[u8]) -> u32 {
    let last = match name.last_chunk() {
        Some(last) => u32::from_le_bytes(*last),
        None => name.iter().fold(0, |tag, byte| tag << 8 | u32::from(*byte)),
    };
    last.wrapping_add((name.len() as u32) << 24)
}
