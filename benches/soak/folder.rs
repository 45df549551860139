//! A folder of logs as bad as they come: good ones between damaged, hostile and endless ones, and what is no file at all.

use crate::logs::gzip;
use crate::oracle::{fixtures, generate};
use anyhow::{Result, ensure};
use std::fs;
use std::ops::Range;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

const PLAIN: Range<u64> = 10_000..11_500;
const GZIP: Range<u64> = 20_000..21_500;
const BOMB: u64 = 48 << 20;

/// Fills a folder and returns the numbers of the events that must come of it, whatever else does.
pub fn fill(folder: &Path) -> Result<Vec<Range<u64>>> {
    for file in fixtures::files() {
        fs::copy(&file.path, folder.join(&file.name))?;
    }
    for event in fixtures::events() {
        fs::copy(&event.path, folder.join(format!("event-{}.json", event.name)))?;
    }
    generate::write_log(&folder.join("good.json"), PLAIN.start, PLAIN.end - PLAIN.start, false)?;
    let good = folder.join("good.json.gz");
    generate::write_log(&good, GZIP.start, GZIP.end - GZIP.start, true)?;
    generate::write_bomb(&folder.join("bomb.json.gz"), BOMB)?;
    let whole = fs::read(good)?;
    fs::write(folder.join("cut.json.gz"), &whole[..whole.len() / 2])?;
    let mut corrupt = whole;
    let middle = corrupt.len() / 3;
    corrupt[middle..middle + 100].fill(0xff);
    fs::write(folder.join("corrupt.json.gz"), corrupt)?;
    let odd = [generate::deep_event(30_000, 10_000), generate::wide_event(30_001, 1 << 20), "}{][".into()];
    fs::write(folder.join("odd.json"), generate::wrapped(&odd))?;
    fs::write(folder.join("deep.json"), "[".repeat(1 << 20))?;
    fs::write(folder.join("text.json"), format!("{{\"Records\":[{{\"a\":\"{}", "\\u0000".repeat(1 << 16)))?;
    fs::write(folder.join("zeros.json.gz"), gzip(&vec![0; 1 << 20]))?;
    fs::write(folder.join("line\nbreak\u{1b}[31m.json"), "no log")?;
    symlink(".", folder.join("loop"))?;
    symlink("self.json", folder.join("self.json"))?;
    symlink("nowhere", folder.join("nowhere.json"))?;
    ensure!(Command::new("mkfifo").arg(folder.join("pipe.json")).status()?.success(), "no pipe");
    Ok(vec![PLAIN, GZIP])
}
