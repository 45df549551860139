//! What a source in AWS keeps in `stateDir`: how far it came, and the ids of the events that were delivered last.

use super::notes::{Level, Notes};
use crate::checkpoint::{ObjectId, Opened, StateFile, StoreError};
use std::path::Path;

/// The files of one source; `None` where it cannot keep any.
#[derive(Debug, Default)]
pub(super) struct State {
    /// How far it came.
    pub progress: Option<StateFile>,
    /// The event ids.
    pub ids: Option<StateFile>,
}

/// What was kept when the source ran last.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub progress: Option<Vec<u8>>,
    pub ids: Option<Vec<u8>>,
}

/// Returns the file name for what a source reads; `identity` tells it from all others.
pub(super) fn file_name(kind: &str, name: &str, identity: &str) -> String {
    let name: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).take(80).collect();
    format!("{kind}-{name}-{}", ObjectId::of(&[identity]))
}

/// Opens the state in a folder. Without a folder, or one that cannot be written, nothing is kept, which is noted.
///
/// # Errors
///
/// When another process has it and `shared` says that two must not do the same.
pub(super) fn open(
    folder: Option<&Path>,
    name: &str,
    shared: bool,
    notes: &Notes,
) -> Result<(State, Kept), StoreError> {
    let Some(folder) = folder else { return Ok((State::default(), Kept::default())) };
    let open = |name: &str| match open_file(folder, name, notes) {
        Ok((file, payload)) => Ok((Some(file), payload)),
        Err(error @ StoreError::Locked { .. }) if !shared => Err(error),
        Err(StoreError::Locked { path }) => {
            let path = path.display();
            let text = format!(
                "another falco reads the same here and has {path}: nothing is remembered of this one, unless its stateDir \
                 is another folder"
            );
            notes.say(Level::Warn, "state", text);
            Ok((None, None))
        }
        Err(error) => {
            notes.say(Level::Warn, "state", without(&error));
            Ok((None, None))
        }
    };
    let (progress, kept_progress) = open(&format!("{name}.state"))?;
    let (ids, kept_ids) = if progress.is_some() { open(&format!("{name}.ids"))? } else { (None, None) };
    Ok((State { progress, ids }, Kept { progress: kept_progress, ids: kept_ids }))
}

/// Opens one file, and returns it with what was kept in it.
///
/// # Errors
///
/// When another process has it, and when it cannot be made, read or written.
pub(super) fn open_file(folder: &Path, name: &str, notes: &Notes) -> Result<(StateFile, Option<Vec<u8>>), StoreError> {
    let Opened { file, payload, set_aside } = StateFile::open(folder, name)?;
    if let Some((path, reason)) = set_aside {
        let text = format!("the state that was kept is not usable, {reason}: it is now {}", path.display());
        notes.say(Level::Warn, "state", text);
    }
    Ok((file, payload))
}

/// Returns what to tell when nothing can be kept.
pub(super) fn without(error: &StoreError) -> String {
    format!("{error}; until then every start begins anew")
}
