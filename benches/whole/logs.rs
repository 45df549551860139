//! The logs that are read: generated once, and kept under the target folder.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;
use flate2::{Compression, GzBuilder};

use crate::events::Events;

/// Changes with the generator, so that a log of an older one is not taken for its work.
const VERSION: u32 = 2;

/// An event's size on average, unless another one is wanted.
const EVENT_BYTES: usize = 1_300;

/// A generated log.
pub struct Log {
    pub plain: PathBuf,
    /// The same log, compressed.
    pub gzip: PathBuf,
    pub events: u64,
    pub text_bytes: u64,
}

impl Log {
    /// Makes a log of about so many bytes in both forms, unless it is there.
    pub fn of_bytes(folder: &Path, bytes: u64) -> Result<Self> {
        Self::new(folder, (bytes / EVENT_BYTES as u64).max(1), None)
    }

    /// Makes a log of so many events.
    pub fn of_events(folder: &Path, count: u64) -> Result<Self> {
        Self::new(folder, count, None)
    }

    /// Makes a log of about so many bytes in events of about one size.
    pub fn of_size(folder: &Path, bytes: u64, size: usize) -> Result<Self> {
        Self::new(folder, (bytes / size as u64).max(1), Some(size))
    }

    fn new(folder: &Path, count: u64, size: Option<usize>) -> Result<Self> {
        let size_part = size.map(|size| format!("-of-{size}")).unwrap_or_default();
        let name = format!("log-v{VERSION}-{count}{size_part}.json");
        let (plain, gzip) = (folder.join(&name), folder.join(format!("{name}.gz")));
        // The last one that is made: when it is there, both are.
        if !gzip.is_file() {
            eprintln!("writing {}, once", plain.display());
            fs::create_dir_all(folder)?;
            let part = gzip.with_extension("part");
            write(&plain, &part, count, size)?;
            fs::rename(part, &gzip)?;
        }
        let text_bytes = fs::metadata(&plain)?.len();
        Ok(Self { plain, gzip, events: count, text_bytes })
    }

    /// Makes a file of at least 1 GiB: gzip members, each of them the whole log. Returns it with the number of members.
    pub fn repeated(&self) -> Result<(PathBuf, u64)> {
        let length = fs::metadata(&self.gzip)?.len();
        let members = (1u64 << 30).div_ceil(length);
        let file = self.gzip.with_file_name(format!("large-v{VERSION}-{}.json.gz", self.events));
        if fs::metadata(&file).map(|metadata| metadata.len()).ok() != Some(members * length) {
            let mut large = File::create(&file)?;
            for _ in 0..members {
                std::io::copy(&mut File::open(&self.gzip)?, &mut large)?;
            }
        }
        Ok((file, members))
    }
}

fn write(plain: &Path, gzip: &Path, count: u64, size: Option<usize>) -> Result<()> {
    let mut plain = BufWriter::new(File::create(plain)?);
    let mut gzip = GzBuilder::new().write(BufWriter::new(File::create(gzip)?), Compression::default());
    let mut events = Events::new(count);
    if let Some(size) = size {
        events = events.of_size(size);
    }
    let mut text = String::from("{\"Records\":[");
    for number in 0..count {
        if number > 0 {
            text.push(',');
        }
        events.append_to(&mut text);
        if number + 1 == count {
            text.push_str("]}");
        }
        plain.write_all(text.as_bytes())?;
        gzip.write_all(text.as_bytes())?;
        text.clear();
    }
    plain.flush()?;
    Ok(gzip.finish()?.flush()?)
}
