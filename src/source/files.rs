//! Logs in local files: finds them in a folder, in name order, and opens them.

use super::notes::{Level, Notes};
use super::{Ignored, Log, Opened, printable};
use crate::decode::name::{DIGEST_FOLDER, is_log_name};
use crate::decode::{Cause, Skip};
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;
use walkdir::WalkDir;

/// A log file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFile {
    /// Where it is.
    pub path: PathBuf,
    /// How many bytes it had when it was found.
    pub bytes: u64,
}

impl Log for LogFile {
    fn name(&self) -> String {
        name(&self.path)
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn open(&mut self) -> Result<Box<dyn Read + Send>, Skip> {
        // What was a file when it was found may be a pipe by now: neither opening nor reading it must block for good.
        let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(&self.path)?;
        if file.metadata()?.is_file() {
            Ok(Box::new(file))
        } else {
            Err(io::Error::other("not a file any more").into())
        }
    }
}

/// Returns a path as text for the log.
fn name(path: &Path) -> String {
    printable(&path.to_string_lossy())
}

/// Why a path cannot be a source.
#[derive(Debug, Error)]
pub enum FilesError {
    /// There is nothing at the path.
    #[error("open_params: {0} does not exist")]
    Missing(PathBuf),
    /// The path cannot be read.
    #[error("open_params: {path} cannot be read: {source}")]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// The path is no file and no folder.
    #[error("open_params: {0} is not a file or a folder")]
    NotAFile(PathBuf),
    /// The folder has no logs.
    #[error(
        "open_params: no logs in {0}, looked for files that end in .json, .jsonl, .ndjson or .log, with or without .gz"
    )]
    NoLogs(PathBuf),
}

/// Opens the logs at a path.
///
/// # Errors
///
/// When there are none.
pub fn open(path: &Path) -> Result<Opened, FilesError> {
    let (logs, ignored) = find(path)?;
    let notes = Arc::new(Notes::default());
    let bytes = logs.iter().map(Log::bytes).sum();
    notes.logs_found.add(logs.len() as u64);
    notes.bytes_found.add(bytes);
    notes.say(Level::Info, "open", format!("reading {}: logs {}, bytes {bytes}", name(path), logs.len()));
    let logs = logs.into_iter().map(|log| Box::new(log) as Box<dyn Log>);
    Ok(Opened { logs: Box::new(logs), background: None, ignored, ids: None, notes })
}

/// Finds the logs at a path: the file itself whatever its name, or those in the folder and its subfolders.
fn find(path: &Path) -> Result<(Vec<LogFile>, Vec<Ignored>), FilesError> {
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => FilesError::Missing(path.to_owned()),
        _ => FilesError::Unreadable { path: path.to_owned(), source },
    };
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if metadata.is_file() {
        File::open(path).map_err(unreadable)?;
        return Ok((vec![LogFile { path: path.to_owned(), bytes: metadata.len() }], Vec::new()));
    }
    if !metadata.is_dir() {
        return Err(FilesError::NotAFile(path.to_owned()));
    }
    fs::read_dir(path).map_err(unreadable)?;
    let (logs, ignored) = walk(path);
    if logs.is_empty() { Err(FilesError::NoLogs(path.to_owned())) } else { Ok((logs, ignored)) }
}

fn walk(folder: &Path) -> (Vec<LogFile>, Vec<Ignored>) {
    let (mut logs, mut ignored) = (Vec::new(), Vec::new());
    let mut folders = HashSet::new();
    let mut walk = WalkDir::new(folder).follow_links(true).sort_by_file_name().into_iter();
    while let Some(entry) = walk.next() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let path = error.path().unwrap_or(folder).to_owned();
                let is_loop = error.loop_ancestor().is_some();
                // The error's own text names the path again.
                let reason = match error.into_io_error() {
                    Some(error) if !is_loop => error.to_string(),
                    _ => "a link back to a folder above it".to_owned(),
                };
                ignored.push((name(&path), Cause::Unreadable, Some(reason)));
                continue;
            }
        };
        if entry.file_type().is_dir() {
            // Each once: a few links beside each other can lead to it in more ways than anybody could go.
            let is_new = entry.metadata().is_ok_and(|folder| folders.insert((folder.dev(), folder.ino())));
            if !is_new {
                let reason = Some("a link to a folder that is read already".to_owned());
                ignored.push((name(entry.path()), Cause::Unreadable, reason));
                walk.skip_current_dir();
            }
            continue;
        }
        if !is_log_name(&entry.file_name().to_string_lossy()) {
            continue;
        }
        if !entry.file_type().is_file() {
            ignored.push((name(entry.path()), Cause::Unreadable, Some("not a file".to_owned())));
            continue;
        }
        let is_digest = entry.path().components().any(|part| part.as_os_str() == DIGEST_FOLDER);
        if is_digest {
            ignored.push((name(entry.path()), Cause::Digest, None));
        } else {
            let bytes = entry.metadata().map_or(0, |metadata| metadata.len());
            logs.push(LogFile { path: entry.into_path(), bytes });
        }
    }
    (logs, ignored)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file.as_bytes()).unwrap();
        }
        folder
    }

    fn names(folder: &Path) -> Vec<String> {
        let (logs, _) = find(folder).unwrap();
        logs.iter().map(|log| log.path.strip_prefix(folder).unwrap().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn logs_are_found_in_name_order() {
        let folder = folder(&[
            "b.json.gz",
            "a/2.jsonl",
            "a/10.ndjson.gz",
            "a.log",
            "c.log.gz",
            "d.ndjson",
            "readme.md",
            "x.gz",
            "y.json.bak",
        ]);
        let expected = ["a/10.ndjson.gz", "a/2.jsonl", "a.log", "b.json.gz", "c.log.gz", "d.ndjson"];
        assert_eq!(names(folder.path()), expected);
        let (logs, _) = find(folder.path()).unwrap();
        assert_eq!(logs[0].bytes, expected[0].len() as u64);
    }

    #[test]
    fn a_file_counts_whatever_its_name() {
        let folder = folder(&["export"]);
        let path = folder.path().join("export");
        assert_eq!(find(&path).unwrap(), (vec![LogFile { path, bytes: 6 }], vec![]));
    }

    #[test]
    fn digests_and_links_in_a_circle_are_left_out_and_named() {
        let folder = folder(&["CloudTrail/a.json", "CloudTrail-Digest/b.json.gz"]);
        symlink("..", folder.path().join("CloudTrail/up")).unwrap();
        symlink("a.json", folder.path().join("CloudTrail/z.json")).unwrap();
        symlink("missing", folder.path().join("CloudTrail/y.json")).unwrap();
        assert_eq!(names(folder.path()), ["CloudTrail/a.json", "CloudTrail/z.json"]);
        let (_, ignored) = find(folder.path()).unwrap();
        let ignored: Vec<_> =
            ignored.iter().map(|(name, cause, _)| (name.rsplit('/').next().unwrap(), *cause)).collect();
        assert_eq!(ignored, [("up", Cause::Unreadable), ("y.json", Cause::Unreadable), ("b.json.gz", Cause::Digest)]);
    }

    #[test]
    fn a_folder_is_read_once_in_however_many_ways_links_lead_to_it() {
        let folder = folder(&["0/a.json"]);
        for level in 1..40 {
            let below = folder.path().join(level.to_string());
            fs::create_dir(&below).unwrap();
            for link in ["x", "y"] {
                symlink(format!("../{}", level - 1), below.join(link)).unwrap();
            }
        }
        symlink("39", folder.path().join("-")).unwrap();
        let (logs, ignored) = find(folder.path()).unwrap();
        assert_eq!((logs.len(), ignored.len()), (1, 40 + 39));
    }

    #[test]
    fn what_has_the_name_of_a_log_and_is_no_file_is_named() {
        let folder = folder(&["a.json", "folder.json/b.json"]);
        let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("s.json")).unwrap();
        symlink("/dev/zero", folder.path().join("z.json")).unwrap();
        symlink("/dev/zero", folder.path().join("zero")).unwrap();
        assert_eq!(names(folder.path()), ["a.json", "folder.json/b.json"]);
        let (_, ignored) = find(folder.path()).unwrap();
        let named = |name| (self::name(&folder.path().join(name)), Cause::Unreadable, Some("not a file".to_owned()));
        assert_eq!(ignored, [named("s.json"), named("z.json")]);
    }

    #[test]
    fn what_cannot_be_a_source_is_refused() {
        let folder = folder(&["notes.txt", "CloudTrail-Digest/b.json"]);
        let error = |path: &Path| find(path).unwrap_err();
        assert!(matches!(error(folder.path()), FilesError::NoLogs(_)));
        assert!(matches!(error(&folder.path().join("missing")), FilesError::Missing(_)));
        assert!(matches!(error(Path::new("/dev/null")), FilesError::NotAFile(_)));
        assert!(error(&folder.path().join("notes.txt/x")).to_string().contains("cannot be read"));
    }
}
