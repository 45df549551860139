//! What is kept in `stateDir` is nobody else's to read, and what stands in its way is neither followed nor waited for.

use crate::abi::alone;
use crate::abi::host::Library;
use crate::abi::source::Answer;
use crate::aws::consumer::{PATIENCE, Source};
use crate::aws::logs::{Log, bucket};
use crate::aws::server::server;
use crate::oracle::generate::event_id;
use serde_json::json;
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Puts something at a path.
type Put<'a> = dyn Fn(&Path) + 'a;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn files_are_closed_to_others_whatever_the_umask() {
    alone("hostile::state::files_are_closed_to_others_whatever_the_umask", || {
        // SAFETY: nothing else runs in this process.
        unsafe { libc::umask(0) };
        let name = bucket("umask", &[Log::new("a.json", 0, 3)]);
        let folder = tempfile::tempdir().unwrap();
        let credentials = folder.path().join("credentials");
        fs::write(&credentials, "[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = s\n").unwrap();
        let state = folder.path().join("deep/state");
        let aws = json!({"endpointUrl": server().url(), "region": "us-east-1", "credentials": credentials});
        let plugin = Library::load().init(&json!({"aws": aws, "stateDir": state}).to_string()).unwrap();
        let mut source = plugin.try_open(format!("s3://{name}").as_bytes()).unwrap();
        let deadline = Instant::now() + PATIENCE;
        while !matches!(source.next(), Answer::End) {
            assert!(Instant::now() < deadline);
        }
        drop(source);
        let files: Vec<PathBuf> = fs::read_dir(&state).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(files.len() >= 4, "{files:?}");
        assert!(files.iter().all(|file| mode(file) == 0o600), "{files:?}");
        assert_eq!(mode(&state), 0o700);
    });
}

#[test]
fn what_stands_in_the_way_is_set_aside_or_named() {
    let name = bucket("obstacle", &[Log::new("a.json", 0, 3)]);
    let ids: Vec<String> = (0..3).map(event_id).collect();
    let target = tempfile::NamedTempFile::new().unwrap();
    fs::write(target.path(), "not yours").unwrap();
    let link = |path: &Path| symlink(target.path(), path).unwrap();
    let fifo = |path: &Path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    let folder = |path: &Path| fs::create_dir(path).unwrap();
    let sparse = |path: &Path| File::create(path).unwrap().set_len(1 << 40).unwrap();
    let put: [(&Put<'_>, &str); 4] = [(&link, "link"), (&fifo, "fifo"), (&folder, "folder"), (&sparse, "sparse")];
    let source = Source::s3(&name);
    assert_eq!(source.read(), ids);
    let mut files = fs::read_dir(source.state()).unwrap().map(|entry| entry.unwrap().path());
    let state = files.find(|file| file.extension().is_some_and(|ending| ending == "state")).unwrap();
    for (put, what) in put {
        for ending in ["state", "ids", "state.tmp", "ids.lock"] {
            let path = state.with_extension(ending);
            let _ = fs::remove_file(&path);
            put(&path);
            let begun = Instant::now();
            let (read, log) = source.read_with_logs();
            assert_eq!(read, ids, "{what} {ending}");
            assert!(begun.elapsed() < PATIENCE / 8, "{what} {ending}: {:?}", begun.elapsed());
            assert_eq!(fs::read_to_string(target.path()).unwrap(), "not yours", "{what} {ending}");
            if ["state", "ids"].contains(&ending) {
                let told = log.iter().any(|line| line.contains("is not usable") && line.contains("set-aside"));
                assert!(told, "{what} {ending}: {log:#?}");
            }
            let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir(&path));
        }
    }
}
