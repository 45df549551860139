//! What `make dist` made: the packages hold what they should and work where they are installed. `make test` makes them
//! first; this file looks at that folder and makes nothing but a second one, to compare.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![allow(clippy::indexing_slicing, clippy::string_slice, reason = "a fault fails the test")]

mod installed;

use flate2::Crc;
use rpm::{FileFlags, Package};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::env::consts::ARCH;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const VERSION: &str = env!("CARGO_PKG_VERSION");
const LIBRARIES: [&str; 2] = ["libcloudtrail.so", "libjson.so"];
/// What a library may have, in bytes.
const LARGEST: u64 = 15 << 20;
/// What the packages install.
const FILES: [&str; 11] = [
    "etc/falco/aws_cloudtrail_noisy_rules.yaml",
    "etc/falco/aws_cloudtrail_rules.yaml",
    "etc/falco/cloudtrail.yaml.example",
    "etc/falco/config.d/cloudtrail.yaml",
    "usr/share/doc/falco-cloudtrail/CHANGELOG.md",
    "usr/share/doc/falco-cloudtrail/README.md",
    "usr/share/doc/falco-cloudtrail/copyright",
    "usr/share/doc/falco-cloudtrail/examples/cloudconnector_style.yaml",
    "usr/share/doc/falco-cloudtrail/examples/tuning.yaml",
    "usr/share/falco/plugins/libcloudtrail.so",
    "usr/share/falco/plugins/libjson.so",
];

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The target folder of this build.
fn target() -> PathBuf {
    std::env::current_exe().unwrap().ancestors().nth(3).unwrap().to_owned()
}

/// The folder that `make dist` filled.
fn dist() -> PathBuf {
    let folder = target().join("dist");
    assert!(folder.join("SHA256SUMS").is_file(), "nothing in {}: make dist", folder.display());
    folder
}

/// The names of the files in it.
fn names() -> BTreeSet<String> {
    fs::read_dir(dist()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The one file in it whose name starts and ends so.
fn made(start: &str, end: &str) -> PathBuf {
    let names: Vec<_> = names().into_iter().filter(|name| name.starts_with(start) && name.ends_with(end)).collect();
    let [name] = &names[..] else { panic!("{start}…{end}: {names:?}") };
    dist().join(name)
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {stdout}{stderr}");
    stdout.into_owned()
}

/// The files below a folder, by their paths from there, with what is in them.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap);
    let files = entries.filter(|entry| entry.file_type().is_file());
    files
        .map(|file| {
            let path = file.path().strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            (path, fs::read(file.path()).unwrap())
        })
        .collect()
}

/// What the .deb holds, unpacked without installing it.
fn unpacked() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    run(Command::new("dpkg-deb").arg("-x").arg(made("", ".deb")).arg(folder.path()));
    folder
}

#[test]
fn the_rpm_holds_the_files_of_the_deb() {
    let rpm = Package::open(made("", ".rpm")).unwrap();
    rpm.verify_digests().unwrap();
    let deb = unpacked();
    let expected = files(deb.path());
    assert_eq!(expected.keys().collect::<Vec<_>>(), FILES.iter().collect::<Vec<_>>());

    let listed: BTreeMap<String, FileFlags> = rpm
        .metadata
        .get_file_entries()
        .unwrap()
        .iter()
        .map(|entry| (entry.path().to_str().unwrap()[1..].to_owned(), entry.flags()))
        .collect();
    assert_eq!(listed.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    let conffiles = run(Command::new("dpkg-deb").arg("-I").arg(made("", ".deb")).arg("conffiles"));
    let conffiles: Vec<_> = conffiles.lines().map(|line| &line[1..]).collect();
    for (path, flags) in listed {
        assert_eq!(conffiles.contains(&path.as_str()), path.starts_with("etc/"), "{path}");
        assert_eq!(flags.contains(FileFlags::CONFIG | FileFlags::NOREPLACE), path.starts_with("etc/"), "{path}");
    }
    let mut held = BTreeMap::new();
    for file in rpm.files().unwrap() {
        let file = file.unwrap();
        held.insert(file.metadata.path().to_str().unwrap()[1..].to_owned(), file.content().unwrap().to_vec());
    }
    assert!(held == expected, "the .rpm has other contents than the .deb");
}

/// The newest glibc whose symbols a library needs.
fn glibc(library: &Path) -> Vec<u32> {
    let versions = run(Command::new("readelf").arg("--version-info").arg(library));
    let versions = versions.split_whitespace().filter_map(|word| word.strip_prefix("GLIBC_"));
    versions.map(numbers).max().unwrap()
}

fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map(|number| number.parse().unwrap()).collect()
}

#[test]
fn the_packages_ask_for_the_glibc_that_the_libraries_need() {
    let deb = unpacked();
    let needed = LIBRARIES.map(|name| glibc(&deb.path().join("usr/share/falco/plugins").join(name)));
    let needed = needed.into_iter().max().unwrap();
    let depends = run(Command::new("dpkg-deb").arg("-f").arg(made("", ".deb")).arg("Depends"));
    let (_, asked) = depends.split_once("libc6 (>= ").unwrap();
    assert_eq!(numbers(asked.split_once(')').unwrap().0), needed);
    let requires = Package::open(made("", ".rpm")).unwrap().metadata.get_requires().unwrap();
    let asked = requires.iter().find_map(|need| need.name.strip_prefix("libc.so.6(GLIBC_")).unwrap();
    assert_eq!(numbers(asked.split_once(')').unwrap().0), needed);
    // Falco's Debian image has 2.36.
    assert!(needed <= vec![2, 36], "{needed:?}");
}

#[test]
fn libraries_are_small_and_find_their_symbols() {
    let deb = unpacked();
    let symbols = tempfile::tempdir().unwrap();
    let debug = made("falco-cloudtrail-debug-", ".tar.gz");
    run(Command::new("tar").arg("-xzf").arg(debug).arg("-C").arg(symbols.path()));
    let sections = |file: &Path| run(Command::new("readelf").args(["--sections", "--wide"]).arg(file));
    let build = |file: &Path| {
        let notes = run(Command::new("readelf").arg("--notes").arg(file));
        notes.lines().find_map(|line| line.trim().strip_prefix("Build ID: ").map(str::to_owned))
    };
    for name in LIBRARIES {
        let library = deb.path().join("usr/share/falco/plugins").join(name);
        let size = fs::metadata(&library).unwrap().len();
        assert!(size < LARGEST, "{name} has {size} bytes");
        let own = sections(&library);
        assert!(!own.contains(".symtab") && !own.contains(".debug_"), "{own}");

        let debug = symbols.path().join(format!("usr/lib/debug/usr/share/falco/plugins/{name}.debug"));
        assert!(sections(&debug).contains(".debug_line"));
        assert_eq!(build(&library), build(&debug));
        let link = symbols.path().join("link");
        let section = format!(".gnu_debuglink={}", link.display());
        run(Command::new("objcopy").args(["--dump-section", &section]).arg(&library).arg("/dev/null"));
        let mut crc = Crc::new();
        crc.update(&fs::read(&debug).unwrap());
        let link = fs::read(link).unwrap();
        assert!(link.starts_with(format!("{name}.debug\0").as_bytes()));
        assert_eq!(link[link.len() - 4..], crc.sum().to_le_bytes());
    }
}

#[test]
fn archives_are_what_falcoctl_unpacks() {
    let deb = unpacked();
    for (name, folder, file) in [
        ("cloudtrail", "usr/share/falco/plugins", "libcloudtrail.so"),
        ("json", "usr/share/falco/plugins", "libjson.so"),
        ("cloudtrail-rules", "etc/falco", "aws_cloudtrail_rules.yaml"),
        ("cloudtrail-noisy-rules", "etc/falco", "aws_cloudtrail_noisy_rules.yaml"),
    ] {
        let version = if name == "json" { "0.8.0" } else { VERSION };
        let platform = if file.ends_with(".so") { format!("-linux-{ARCH}") } else { String::new() };
        let archive = dist().join(format!("{name}-{version}{platform}.tar.gz"));
        // falcoctl puts a file where its name in the archive says.
        let listed = run(Command::new("tar").arg("-tvzf").arg(&archive));
        assert_eq!(listed.lines().count(), 1, "{listed}");
        assert!(listed.starts_with("-rw-r--r-- 0/0") && listed.trim_end().ends_with(&format!(" {file}")), "{listed}");
        let content = tempfile::tempdir().unwrap();
        run(Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(content.path()));
        let expected = fs::read(deb.path().join(folder).join(file)).unwrap();
        assert!(fs::read(content.path().join(file)).unwrap() == expected, "{}", archive.display());
    }
}

#[test]
fn the_index_has_the_form_that_falcoctl_reads() {
    let index = fs::read_to_string(made("", "index.yaml")).unwrap();
    let entries: Vec<Value> = yaml_serde::from_str(&index).unwrap();
    // As in falcoctl's pkg/index/index/index.go.
    let keys = ["name", "type", "registry", "repository", "description", "home", "keywords", "license"];
    let keys: BTreeSet<_> = keys.into_iter().chain(["maintainers", "sources"]).collect();
    for entry in &entries {
        assert_eq!(entry.as_object().unwrap().keys().map(String::as_str).collect::<BTreeSet<_>>(), keys);
        let (name, kind) = (entry["name"].as_str().unwrap(), entry["type"].as_str().unwrap());
        assert_eq!(kind, if name.ends_with("-rules") { "rulesfile" } else { "plugin" });
        assert!(names().iter().any(|file| file.starts_with(&format!("{name}-{VERSION}"))), "no archive of {name}");
        // The guide pushes each one to where the index says.
        let place =
            format!("{}/{}:{VERSION}", entry["registry"].as_str().unwrap(), entry["repository"].as_str().unwrap());
        assert!(guide().contains(&place), "docs/packages.md does not name {place}");
    }
}

fn guide() -> String {
    fs::read_to_string(repository("docs/packages.md")).unwrap()
}

#[test]
fn the_guide_names_files_that_are_made() {
    let names = names();
    let guide = guide();
    let words = guide.split(|c: char| !c.is_ascii_alphanumeric() && !"._-".contains(c));
    let ends = [".deb", ".rpm", ".tar.gz", ".cdx.json"];
    let named: BTreeSet<_> =
        words.filter(|word| ends.iter().any(|end| word.len() > end.len() && word.ends_with(end))).collect();
    assert!(named.len() >= 8, "{named:?}");
    for name in named {
        // The guide is written for one of the two kinds of processors.
        let here = name.replace("x86_64", ARCH).replace("amd64", if ARCH == "x86_64" { "amd64" } else { "arm64" });
        assert!(names.contains(&here), "docs/packages.md names {name}");
    }
}

#[test]
fn the_sums_are_those_of_all_files() {
    let sums = fs::read_to_string(made("", "SHA256SUMS")).unwrap();
    let sums: BTreeMap<_, _> =
        sums.lines().map(|line| line.split_once("  ").unwrap()).map(|(sum, name)| (name, sum)).collect();
    let mut expected = names();
    expected.remove("SHA256SUMS");
    assert!(sums.keys().copied().eq(expected.iter().map(String::as_str)), "{sums:?}");
    for (name, sum) in sums {
        let digest = Sha256::digest(fs::read(dist().join(name)).unwrap());
        assert_eq!(digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), sum, "{name}");
    }
    let command = "sha256sum --check --ignore-missing SHA256SUMS";
    assert!(guide().contains(command));
    run(Command::new("sh").args(["-c", command]).current_dir(dist()));
}

#[test]
fn the_same_commit_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let mut dist_again = Command::new(repository("scripts/dist"));
    // What cargo tells a test would have it build some crates anew, which look at it when they are built.
    let told = |name: &str| ["CARGO_MANIFEST_", "CARGO_PKG_", "OUT_DIR"].iter().any(|start| name.starts_with(start));
    for (name, _) in std::env::vars().filter(|(name, _)| told(name)) {
        dist_again.env_remove(name);
    }
    run(dist_again.arg(folder.path().join("dist")).env("CARGO_TARGET_DIR", target()));
    let sums = |folder: &Path| fs::read_to_string(folder.join("SHA256SUMS")).unwrap();
    assert_eq!(sums(&folder.path().join("dist")), sums(&dist()));
}

#[test]
fn sboms_name_every_crate_of_the_libraries() {
    for (package, name) in [("falco-cloudtrail", "cloudtrail"), ("falco-json", "json")] {
        let sbom: Value = serde_json::from_slice(&fs::read(made(&format!("{name}-"), ".cdx.json")).unwrap()).unwrap();
        assert_eq!((&sbom["bomFormat"], &sbom["specVersion"]), (&"CycloneDX".into(), &"1.5".into()));
        let named: BTreeSet<String> = sbom["components"]
            .as_array()
            .unwrap()
            .iter()
            .map(|part| format!("{} v{}", part["name"].as_str().unwrap(), part["version"].as_str().unwrap()))
            .collect();
        let mut tree = Command::new(env!("CARGO"));
        tree.args(["tree", "--locked", "--edges", "normal,no-proc-macro", "--prefix", "none", "--package", package]);
        let tree = run(tree.current_dir(repository("")));
        // The first one is the library's own.
        let used = tree.lines().skip(1).map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" "));
        let missing: Vec<_> = used.filter(|part| !part.is_empty() && !named.contains(part)).collect();
        assert!(missing.is_empty(), "the SBOM of {package} lacks {missing:?}");
        assert!(!sbom.to_string().contains(env!("CARGO_MANIFEST_DIR")) && !sbom.to_string().contains("/tmp/"));
    }
}
