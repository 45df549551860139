//! Stamps the revision that the plugin is built from. It never fails a build: a source archive has no revision.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // Written by every commit and checkout.
    println!("cargo:rerun-if-changed=.git/logs/HEAD");
    let revision = Command::new("git")
        .args(["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"])
        .output()
        .ok()
        .filter(|output| output.status.success())
        .and_then(|output| String::from_utf8(output.stdout).ok());
    let revision = revision.as_deref().map(str::trim).filter(|revision| !revision.is_empty()).unwrap_or("unknown");
    println!("cargo:rustc-env=CLOUDTRAIL_REVISION={revision}");
}
