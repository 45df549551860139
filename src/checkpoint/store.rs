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

    /// Removes the file, if it is there. The lock stays held.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self) -> Result<(), StoreError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        remove_if_there(&self.path).map_err(unusable(&self.path))?;
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

    /// Makes renames and removals last.
    fn sync_folder(&self) -> Result<(), StoreError> {
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(unusable(&self.folder))
    }

    /// Moves what is in the file's place beside it, for a person to look at, and returns where it is.
    fn set_aside(&self, name: &str) -> Result<PathBuf, StoreError> {
        let prefix = format!("{name}.set-aside-");
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let aside = self.folder.join(format!("{prefix}{now}"));
        fs::rename(&self.path, &aside).map_err(unusable(&self.path))?;
        let entries = fs::read_dir(&self.folder).map_err(unusable(&self.folder))?;
        let mut times: Vec<u64> = entries
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
    let there = metadata.len() - line.len() as u64;
    if bytes != there.to_string() {
        return unknown(&format!("it holds {there} bytes where it says {bytes:?}"));
    }
    let mut payload = Vec::new();
    reader.read_to_end(&mut payload)?;
    if header(&payload) != text {
        return unknown("its digest is not that of its content");
    }
    Ok(Found::Payload(payload))
}
