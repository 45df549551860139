//! A named file of bytes in a folder, which is whole or not there: written beside its place and renamed into it, with a
//! digest, under a lock that keeps other processes off. What the bytes mean is left to others.

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;
use sha2::{Digest, Sha256};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// The first word of each state file.
const MAGIC: &str = "falco-cloudtrail-state";

/// The version of the format; any change to it makes older files unknown.
const VERSION: &str = "1";

/// The room in which the header's line ends, in bytes.
const HEADER_LIMIT: u64 = 256;

/// Bytes of the largest payload that is read: twice what the most event ids take that can be remembered.
const MOST_BYTES: u64 = 256 << 20;

/// How many files that were set aside are kept for one state file.
const ASIDE_KEPT: usize = 3;

/// How long the lock is waited for: a Falco that restarts may still be closing.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

const LOCK_INTERVAL: Duration = Duration::from_millis(100);

/// Why a state file is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process holds the lock.
    #[error(
        "{} is locked by another process; stop the other falco that reads the same, or set stateDir to a folder of this one's own",
        path.display()
    )]
    Locked {
        /// The file with the lock.
        path: PathBuf,
    },
    /// The folder or a file in it cannot be made, read or written.
    #[error("cannot keep state in {}: {source}; set stateDir to a folder that falco may write", path.display())]
    Unusable {
        /// The folder or file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Returns what makes an error of the system one about a path.
fn unusable(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    move |source| StoreError::Unusable { path: path.to_owned(), source }
}

/// A state file whose lock is held, until it is dropped.
#[derive(Debug)]
pub struct StateFile {
    folder: PathBuf,
    path: PathBuf,
    temporary: PathBuf,
    /// Two writers at once would rename each other's half.
    writing: Mutex<()>,
    _lock: File,
}

/// What opening a state file finds.
#[derive(Debug)]
pub struct Opened {
    /// The file, to write to.
    pub file: StateFile,
    /// What was saved last, if anything was.
    pub payload: Option<Vec<u8>>,
    /// Where a file went that was in this place and cannot be used, and why it cannot.
    pub set_aside: Option<(PathBuf, String)>,
}

/// What is in the place of a state file.
enum Found {
    Nothing,
    Payload(Vec<u8>),
    /// Something that cannot be used, and why.
    Unknown(String),
}

impl StateFile {
    /// Opens the state file `name`, a plain file name, in a folder, which is made when it is missing. Blocks for up to
    /// five seconds while another process holds the lock.
    ///
    /// # Errors
    /// When the lock stays held, and when folder or files cannot be made, read or written. A file that is cut off,
    /// damaged, foreign or of another version is none: it is set aside.
    pub fn open(folder: &Path, name: &str) -> Result<Opened, StoreError> {
        Self::open_within(folder, name, LOCK_PATIENCE)
    }

    fn open_within(folder: &Path, name: &str, patience: Duration) -> Result<Opened, StoreError> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unusable(folder))?;
        let lock = lock(folder.join(format!("{name}.lock")), patience)?;
        let file = Self {
            folder: folder.to_owned(),
            path: folder.join(name),
            temporary: folder.join(format!("{name}.tmp")),
            writing: Mutex::new(()),
            _lock: lock,
        };
        // Also shows whether the folder can be written before anything has to be.
        drop(file.create_temporary()?);
        remove_if_there(&file.temporary).map_err(unusable(&file.temporary))?;
        let (payload, set_aside) = match find(&file.path).map_err(unusable(&file.path))? {
            Found::Nothing => (None, None),
            Found::Payload(payload) => (Some(payload), None),
            Found::Unknown(reason) => (None, Some((file.set_aside(name)?, reason))),
        };
        Ok(Opened { file, payload, set_aside })
    }

    /// Puts a payload in the place of the last one. After a crash at any instant one of the two is there.
    ///
    /// # Errors
    /// When it cannot be written, for lack of rights or room; the last payload is then still there.
    pub fn save(&self, payload: &[u8]) -> Result<(), StoreError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut temporary = self.create_temporary()?;
        let written = temporary
            .write_all(header(payload).as_bytes())
            .and_then(|()| temporary.write_all(payload))
            .and_then(|()| temporary.sync_all())
            .and_then(|()| fs::rename(&self.temporary, &self.path));
        if let Err(source) = written {
            // A full disk gets its room back; when even this fails, the next writer tries again.
            let _ = fs::remove_file(&self.temporary);
            return Err(unusable(&self.path)(source));
        }
        self.sync_folder()
    }

    /// Makes the temporary file anew, so that neither the rest of a killed process nor a link leads elsewhere.
    fn create_temporary(&self) -> Result<File, StoreError> {
        let create = || {
            remove_if_there(&self.temporary)?;
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.temporary)
        };
        create().map_err(unusable(&self.temporary))
    }

    /// Makes renames last.
    fn sync_folder(&self) -> Result<(), StoreError> {
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(unusable(&self.folder))
    }

    /// Moves what is in the file's place beside it, for a person to look at, and returns where it is.
    fn set_aside(&self, name: &str) -> Result<PathBuf, StoreError> {
        let prefix = format!("{name}.set-aside-");
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let aside = self.folder.join(format!("{prefix}{now}"));
        fs::rename(&self.path, &aside).map_err(unusable(&self.path))?;
        let entries = fs::read_dir(&self.folder).map_err(unusable(&self.folder))?;
        let mut times: Vec<u128> = entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_prefix(&prefix)?.parse().ok())
            .filter(|time| *time != now)
            .collect();
        times.sort_unstable_by(|a, b| b.cmp(a));
        for time in times.iter().skip(ASIDE_KEPT - 1) {
            // Room is all that is lost when an old one stays.
            let _ = fs::remove_file(self.folder.join(format!("{prefix}{time}")));
        }
        self.sync_folder()?;
        Ok(aside)
    }
}

/// Opens the file at `path` and locks it. It is never removed, or two processes could hold locks of the same name.
fn lock(path: PathBuf, patience: Duration) -> Result<File, StoreError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(no_follow());
    let file = options.open(&path).map_err(unusable(&path))?;
    let deadline = Instant::now() + patience;
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(Errno::WOULDBLOCK) if Instant::now() >= deadline => return Err(StoreError::Locked { path }),
            Err(Errno::WOULDBLOCK | Errno::INTR) => thread::sleep(LOCK_INTERVAL.min(patience)),
            Err(errno) => return Err(unusable(&path)(errno.into())),
        }
    }
}

/// Returns the flags with which a link, which may lead out of the folder, is not opened, and a pipe not waited for.
fn no_follow() -> i32 {
    (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed()
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Returns the line before a payload: what wrote it, in which version, how long it is, and its digest.
fn header(payload: &[u8]) -> String {
    use std::fmt::Write;
    let mut line = format!("{MAGIC} {VERSION} {} ", payload.len());
    for byte in Sha256::digest(payload) {
        let _ = write!(line, "{byte:02x}");
    }
    line.push('\n');
    line
}

/// Reads the file at a path. What is an error here lies in the way of the next Falco, too; what does not is `Unknown`.
fn find(path: &Path) -> io::Result<Found> {
    let unknown = |reason: &str| Ok(Found::Unknown(reason.to_owned()));
    let file = match OpenOptions::new().read(true).custom_flags(no_follow()).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => return unknown("it is a link"),
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return unknown("it is not a file");
    }
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    reader.by_ref().take(HEADER_LIMIT).read_until(b'\n', &mut line)?;
    let text = str::from_utf8(&line).unwrap_or_default();
    let words: Vec<&str> = text.strip_suffix('\n').unwrap_or_default().split(' ').collect();
    let &[MAGIC, version, bytes, _] = words.as_slice() else {
        return unknown("it does not begin as a state file does");
    };
    if version != VERSION {
        return unknown(&format!("its version is {version:?}, and this one reads version {VERSION}"));
    }
    let there = metadata.len().saturating_sub(line.len() as u64);
    if bytes != there.to_string() {
        return unknown(&format!("it holds {there} bytes where it says {bytes:?}"));
    }
    if there > MOST_BYTES {
        return unknown(&format!("it holds {there} bytes, more than any state"));
    }
    let mut payload = Vec::new();
    reader.read_to_end(&mut payload)?;
    if header(&payload) != text {
        return unknown("its digest is not that of its content");
    }
    Ok(Found::Payload(payload))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    const NAME: &str = "s3-scan";

    fn open(folder: &Path) -> Opened {
        StateFile::open_within(folder, NAME, Duration::ZERO).unwrap()
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Puts bytes in the place of a state file, and returns why it is set aside.
    fn reason(bytes: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(NAME), bytes).unwrap();
        let opened = open(folder.path());
        assert_eq!(opened.payload, None);
        let (path, reason) = opened.set_aside.unwrap();
        assert_eq!(fs::read(path).unwrap(), bytes, "it is kept as it was");
        assert!(!folder.path().join(NAME).exists());
        reason
    }

    #[test]
    fn what_is_saved_is_found_again() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("a/b");
        let large: Vec<u8> = (0..5_000_000).map(|n: u32| (n >> 3) as u8).collect();
        for payload in [&b""[..], b"\n\0 text", &large, b"small again"] {
            let opened = open(&folder);
            opened.file.save(b"first").unwrap();
            opened.file.save(payload).unwrap();
            drop(opened);
            let opened = open(&folder);
            assert!(opened.payload.as_deref() == Some(payload) && opened.set_aside.is_none());
        }
        assert_eq!(names(&folder), [NAME, "s3-scan.lock"], "nothing is left beside them");
    }

    #[test]
    fn a_new_folder_holds_nothing_and_is_closed_to_others() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("state");
        let opened = open(&folder);
        assert!(opened.payload.is_none() && opened.set_aside.is_none());
        opened.file.save(b"x").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        assert_eq!(mode(&folder.join(NAME)), 0o600);
        assert_eq!(mode(&folder.join("s3-scan.lock")), 0o600);
    }

    #[test]
    fn a_file_that_is_cut_off_anywhere_is_set_aside() {
        let whole = [header(b"some state").as_bytes(), b"some state"].concat();
        for length in 0..whole.len() {
            let reason = reason(&whole[..length]);
            let in_payload = length >= whole.len() - b"some state".len();
            let expected = if in_payload { "bytes where it says" } else { "does not begin" };
            assert!(reason.contains(expected), "{length}: {reason}");
        }
        assert!(reason(&[&whole[..], b"x"].concat()).contains("holds 11 bytes where it says \"10\""));
    }

    #[test]
    fn no_flipped_bit_goes_unnoticed() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let whole = [header(b"state").as_bytes(), b"state"].concat();
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut flipped = whole.clone();
                flipped[at] ^= 1 << bit;
                fs::write(file.path(), flipped).unwrap();
                assert!(matches!(find(file.path()).unwrap(), Found::Unknown(_)), "bit {bit} of byte {at}");
            }
        }
        fs::write(file.path(), whole).unwrap();
        assert!(matches!(find(file.path()).unwrap(), Found::Payload(payload) if payload == b"state"));
    }

    #[test]
    fn foreign_files_and_other_versions_are_told_apart() {
        assert!(reason(b"# notes of the operator\n").contains("does not begin as a state file"));
        assert!(reason(&[b'a'; 10_000]).contains("does not begin as a state file"));
        assert!(reason(b"falco-cloudtrail-state 2 0 -\n").contains("its version is \"2\""));
        assert!(
            reason(b"falco-cloudtrail-state 1 99999999999999999999 -\n").contains("it says \"99999999999999999999\"")
        );
        assert!(reason(b"falco-cloudtrail-state 1 1 -\nx").contains("digest"));
    }

    #[test]
    fn a_file_that_is_far_too_large_is_set_aside_unread() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        let header = format!("{MAGIC} {VERSION} {} 0\n", 1_u64 << 40);
        fs::write(&path, &header).unwrap();
        OpenOptions::new().write(true).open(&path).unwrap().set_len(header.len() as u64 + (1 << 40)).unwrap();
        let (_, reason) = open(folder.path()).set_aside.unwrap();
        assert_eq!(reason, "it holds 1099511627776 bytes, more than any state");
    }

    #[test]
    fn what_is_no_file_is_set_aside_without_being_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        let target = folder.path().join("target");
        fs::write(&target, "x").unwrap();
        symlink(&target, &path).unwrap();
        let (aside, reason) = open(folder.path()).set_aside.unwrap();
        assert!(reason.contains("link") && aside.is_symlink() && fs::read(&target).unwrap() == b"x");
        // A folder could not take the place of what was set aside a moment before.
        fs::create_dir(&path).unwrap();
        assert!(open(folder.path()).set_aside.unwrap().1.contains("not a file"));
    }

    #[test]
    fn few_files_that_were_set_aside_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let aside = |time: u64| format!("{NAME}.set-aside-{time}");
        for name in [aside(7), aside(30), aside(1000), aside(200), "s3-scan.set-aside-notes".into(), "s3".into()] {
            fs::write(folder.path().join(name), "old").unwrap();
        }
        fs::write(folder.path().join(NAME), "foreign").unwrap();
        let (path, _) = open(folder.path()).set_aside.unwrap();
        let newest = path.file_name().unwrap().to_str().unwrap().to_owned();
        let kept =
            ["s3".to_owned(), "s3-scan.lock".into(), aside(1000), newest, aside(200), "s3-scan.set-aside-notes".into()];
        assert_eq!(names(folder.path()), kept);
    }

    #[test]
    fn the_rest_of_a_killed_process_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let temporary = folder.path().join("s3-scan.tmp");
        fs::write(&temporary, "half").unwrap();
        let opened = open(folder.path());
        assert!(!temporary.exists());
        // A link in its place must not lead the next writer out of the folder.
        let target = folder.path().join("target");
        fs::write(&target, "precious").unwrap();
        symlink(&target, &temporary).unwrap();
        opened.file.save(b"state").unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"precious");
        drop(opened);
        assert_eq!(open(folder.path()).payload.as_deref(), Some(&b"state"[..]));
    }

    #[test]
    fn a_link_in_the_place_of_the_lock_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        symlink(&target, folder.path().join("s3-scan.lock")).unwrap();
        let error = StateFile::open_within(folder.path(), NAME, Duration::ZERO).unwrap_err();
        assert!(matches!(&error, StoreError::Unusable { path, .. } if path.ends_with("s3-scan.lock")), "{error}");
        assert!(!target.exists());
    }

    #[test]
    fn a_second_opener_is_kept_off_until_the_first_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let first = open(folder.path());
        let error = StateFile::open_within(folder.path(), NAME, Duration::from_millis(1)).unwrap_err();
        let path = folder.path().join("s3-scan.lock");
        assert_eq!(
            error.to_string(),
            format!(
                "{} is locked by another process; stop the other falco that reads the same, or set stateDir to a folder \
                 of this one's own",
                path.display()
            )
        );
        StateFile::open_within(folder.path(), "another", Duration::ZERO).unwrap();
        thread::scope(|scope| {
            let second = scope.spawn(|| StateFile::open(folder.path(), NAME));
            first.file.save(b"last words").unwrap();
            drop(first);
            assert_eq!(second.join().unwrap().unwrap().payload.as_deref(), Some(&b"last words"[..]));
        });
    }

    #[test]
    fn writers_do_not_mix() {
        let folder = tempfile::tempdir().unwrap();
        let opened = open(folder.path());
        let file = &opened.file;
        thread::scope(|scope| {
            for byte in 0..4_u8 {
                scope.spawn(move || (0..20).for_each(|_| file.save(&vec![byte; 10_000]).unwrap()));
            }
        });
        drop(opened);
        let payload = open(folder.path()).payload.unwrap();
        assert!(payload.len() == 10_000 && payload.iter().all(|byte| *byte == payload[0]));
    }

    #[test]
    fn a_folder_that_cannot_be_is_an_error_that_says_what_to_change() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let folder = file.path().join("state");
        let error = StateFile::open(&folder, NAME).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with(&format!("cannot keep state in {}: ", folder.display())), "{text}");
        assert!(text.ends_with("; set stateDir to a folder that falco may write"), "{text}");
    }

    #[test]
    fn a_failed_save_leaves_the_last_payload() {
        let folder = tempfile::tempdir().unwrap();
        let opened = open(folder.path());
        opened.file.save(b"good").unwrap();
        // What cannot be removed is as good as a folder without rights, which does not stop root.
        let obstacle = folder.path().join("s3-scan.tmp");
        fs::create_dir(&obstacle).unwrap();
        let error = opened.file.save(b"better").unwrap_err();
        assert!(matches!(&error, StoreError::Unusable { path, .. } if *path == obstacle), "{error}");
        fs::remove_dir(&obstacle).unwrap();
        drop(opened);
        assert_eq!(open(folder.path()).payload.as_deref(), Some(&b"good"[..]));
    }
}
