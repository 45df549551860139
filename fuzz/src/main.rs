//! The program that runs one target, named by `FUZZ_TARGET`, under libFuzzer, whose command line it has. `scripts/fuzz`
//! starts it.

#![no_main]
#![allow(clippy::exit, reason = "the engine has no other way to end with an error")]

use std::ffi::{c_uint, c_void};
use std::sync::LazyLock;

static RUN: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let Some(target) = fuzz::target(&name) else {
        let names: Vec<&str> = fuzz::TARGETS.iter().map(|target| target.name).collect();
        eprintln!("FUZZ_TARGET is {name:?}, the targets are {}", names.join(", "));
        std::process::exit(2);
    };
    if let Ok(folder) = std::env::var("FUZZ_SEEDS") {
        fuzz::seeds::write(target.name, folder.as_ref());
    }
    target.run
});

libfuzzer_sys::fuzz_target!(init: LazyLock::force(&RUN), |input: &[u8]| RUN(input));

/// Takes the place of libc's, which the standard library asks for the keys of its hash tables: with the same keys in each
/// run, the same inputs take the same ways.
///
/// # Safety
///
/// As for libc's: `buffer` has room for `length` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(buffer: *mut c_void, length: usize, _: c_uint) -> isize {
    // SAFETY: the caller has the room.
    unsafe { buffer.cast::<u8>().write_bytes(7, length) };
    length as isize
}
