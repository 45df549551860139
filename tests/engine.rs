//! Loads the shared object that these tests were built with into the real engine.

use runner::host::Plugin;
use std::path::PathBuf;

/// The library beside this test's executable. The one a folder above may be stale: `cargo test` does not renew it.
pub fn library() -> PathBuf {
    let library = std::env::current_exe().unwrap().parent().unwrap().join("libcloudtrail.so");
    assert!(library.is_file(), "{} has not been built", library.display());
    library
}

/// The plugin with a configuration, JSON text.
pub fn plugin(config: &str) -> Plugin {
    Plugin::new(library()).unwrap().with_config(config)
}
