//! Makes an `.rpm` of the tree that `dpkg-deb` makes a `.deb` of, so that both hold the same files, and the list of them
//! and what the package is are written once. What fills the tree is `scripts/dist`.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use rpm::{BuildConfig, CompressionType, Dependency, FileOptions, PackageBuilder};
use walkdir::WalkDir;

#[derive(Parser)]
#[command(about = "Makes an .rpm of the tree that a .deb is made of")]
struct Args {
    /// The tree, with DEBIAN/control, DEBIAN/conffiles and DEBIAN/prerm in it
    tree: PathBuf,
    /// The .rpm to write
    output: PathBuf,
    /// The processor as RPM names it
    #[arg(long)]
    arch: String,
    /// The licence, which a .deb keeps elsewhere
    #[arg(long)]
    license: String,
    /// The time of the package and of all its files, in seconds
    #[arg(long)]
    time: u32,
    /// What the package needs, as RPM names it
    #[arg(long)]
    requires: Vec<String>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let read = |file: &str| {
        let path = args.tree.join("DEBIAN").join(file);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let control = read("control")?;
    let (fields, description) = fields(&control);
    let field = |name: &str| fields.get(name).copied().with_context(|| format!("the control file has no {name}"));
    let mut package =
        PackageBuilder::new(field("Package")?, field("Version")?, &args.license, &args.arch, field("Description")?);
    package
        .using_config(BuildConfig::v4().compression(CompressionType::Gzip).source_date(args.time))
        .url(field("Homepage")?)
        .packager(field("Maintainer")?)
        .description(description)
        .default_file_attrs(Some(0o644), None, None);
    for name in &args.requires {
        package.requires(Dependency::any(name));
    }
    let recommended = field("Recommends")?;
    let (name, version) = recommended.split_once(" (>= ").context("Recommends is not NAME (>= VERSION)")?;
    package.recommends(Dependency::greater_eq(name, version.trim_end_matches(')')));
    let (name, version) = field("Breaks")?.split_once(" (<< ").context("Breaks is not NAME (<< VERSION)")?;
    package.conflicts(Dependency::less(name, version.trim_end_matches(')')));
    package.pre_uninstall_script(read("prerm")?);

    let conffiles = read("conffiles")?;
    let files =
        WalkDir::new(&args.tree).sort_by_file_name().into_iter().filter_entry(|entry| entry.file_name() != "DEBIAN");
    for entry in files {
        let entry = entry?;
        if entry.file_type().is_dir() {
            continue;
        }
        let path = format!("/{}", entry.path().strip_prefix(&args.tree)?.display());
        let options = FileOptions::new(&path);
        let options = if conffiles.lines().any(|conffile| conffile == path) {
            options.config().noreplace()
        } else if path.starts_with("/usr/share/doc/") {
            options.doc()
        } else {
            options
        };
        package.with_file(entry.path(), options)?;
    }
    package.build()?.write_file(&args.output).with_context(|| format!("cannot write {}", args.output.display()))
}

/// Returns the fields of a control file, each on a line of its own, and the description's further lines as one text.
fn fields(control: &str) -> (HashMap<&str, &str>, String) {
    let fields = control.lines().filter(|line| !line.starts_with(' ')).filter_map(|line| line.split_once(": "));
    let description: Vec<_> = control.lines().filter_map(|line| line.strip_prefix(' ')).collect();
    (fields.collect(), description.join("\n"))
}
