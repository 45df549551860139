//! The pictures in `docs/` show what is so: the terminal has what the demo prints, the architecture and the text about it
//! name what exists.

use crate::docs::{hold, with_table};
use crate::engine;
use crate::layers::LAYERS;
use anstyle_svg::Term;
use runner::alert::Alert;
use runner::evaluate::{Input, evaluate};
use runner::rules;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

fn read(file: &str) -> String {
    fs::read_to_string(path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// How wide the terminal is, and how many rows of it the fields of an alert take at most.
const COLUMNS: usize = 100;
const ROWS: usize = 2;

/// What a row of fields begins with.
const INDENT: &str = "    ";

/// Returns an alert in its colours, its fields in rows of their own. Those that have no room are left out.
fn folded(alert: &Alert) -> String {
    let styled = alert.styled();
    let (message, fields) = styled.split_once(" (").unwrap();
    let mut folded = format!("{message}\n{INDENT}(");
    let (mut rows, mut column) = (1, INDENT.len() + 1);
    for field in fields.split_inclusive(", ") {
        let width = field.trim_end().chars().count();
        // One column is kept for the sign of what is left out.
        if column + width >= COLUMNS {
            if rows == ROWS {
                folded.push('…');
                break;
            }
            folded.truncate(folded.trim_end().len());
            folded += "\n";
            folded += INDENT;
            (rows, column) = (rows + 1, INDENT.len());
        }
        folded += field;
        column += field.chars().count();
    }
    folded
}

/// Draws a terminal's window round what a terminal shows.
fn window(title: &str, screen: &str) -> String {
    let screen = Term::new().background(false).render_svg(screen);
    let size = |name: &str| -> usize {
        let (_, rest) = screen.split_once(&format!("{name}=\"")).unwrap();
        rest.split_once("px").unwrap().0.parse().unwrap()
    };
    let (width, bar, margin) = (size("width"), 24, 6);
    let height = bar + size("height") + margin;
    // The crate's own colours are too dark to be read on a dark ground.
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img">
<title>{title}</title>
<rect x="0.5" y="0.5" width="{inner_width}" height="{inner_height}" rx="8" fill="#0d1117" stroke="#6e7681"/>
<g fill="#6e7681"><circle cx="18" cy="16" r="5"/><circle cx="36" cy="16" r="5"/><circle cx="54" cy="16" r="5"/></g>
<svg y="{bar}">
{screen}</svg>
<style>
  .fg {{ fill: #e6edf3 }}
  .fg-red {{ fill: #ff7b72 }}
  .fg-green {{ fill: #56d364 }}
  .fg-yellow {{ fill: #e3b341 }}
  .fg-cyan {{ fill: #56d4dd }}
  .fg-magenta {{ fill: #d2a8ff }}
  .dimmed {{ opacity: 1; fill-opacity: 0.6 }}
</style>
</svg>
"##,
        inner_width = width - 1,
        inner_height = height - 1,
    )
}

#[test]
fn the_terminal_shows_what_the_demo_prints() {
    let rules = rules::load(&[path("rules/aws_cloudtrail_rules.yaml")]).unwrap();
    let (plugins, examples) = ([engine::plugin("")], path("examples"));
    let input = Input { plugins: &plugins, params: examples.to_str().unwrap(), with_fields: false };
    let alerts = evaluate(&rules, input).unwrap().alerts;
    let demo = read("scripts/demo");
    let heading = demo.lines().find_map(|line| line.strip_prefix(r"printf '\n")?.strip_suffix(r"\n\n'")).unwrap();
    let mut screen = vec!["\u{1b}[32m$\u{1b}[0m \u{1b}[1mmake demo\u{1b}[0m\n".to_owned(), format!("{heading}\n")];
    // A sign stands for alerts without a colour, and the last one for all that comes behind, too.
    let is_shown = |alert: &Alert| alert.priority != "Informational";
    for alerts in alerts.chunk_by(|one, next| is_shown(one) == is_shown(next)) {
        screen.extend(alerts.iter().filter(|alert| is_shown(alert)).map(folded));
        screen.extend((!is_shown(&alerts[0])).then(|| "…".to_owned()));
    }
    hold(
        "docs/demo.svg",
        &window("What make demo prints: alerts of Falco rules on example events", &screen.join("\n")),
    );
}

/// The crates that the libraries are made of, beside the modules of the one in `src/`.
const CRATES: [&str; 4] = ["extraction", "faults", "json", "jsontext"];

/// Returns the crates of this repository that a crate is made with.
fn known_to(name: &str) -> Vec<String> {
    let manifest = read(&format!("{name}/Cargo.toml"));
    let (_, dependencies) = manifest.split_once("\n[dependencies]\n").unwrap();
    let lines = dependencies.lines().take_while(|line| !line.starts_with('['));
    let ours = lines.filter_map(|line| line.split_once(" = { path = ")).map(|(name, _)| name.to_owned());
    ours.collect()
}

/// Returns who may know whom as the text shows it.
fn layers() -> String {
    let list = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let mut table = String::from("| module | knows | and these, which not all may know |\n|---|---|---|\n");
    for (module, modules, crates) in LAYERS {
        table += &format!("| `{module}` | {} | {} |\n", list(modules), list(crates));
    }
    table += "\n| crate | knows |\n|---|---|\n";
    for name in CRATES {
        let known = known_to(name);
        table += &format!("| `{name}` | {} |\n", list(&known.iter().map(String::as_str).collect::<Vec<_>>()));
    }
    table
}

#[test]
fn the_text_shows_who_may_know_whom() {
    hold("docs/architecture.md", &with_table(&read("docs/architecture.md"), "layers", &layers()));
}

/// Returns the texts of a class in a picture.
fn texts<'a>(picture: &'a str, class: &str) -> BTreeSet<&'a str> {
    let mark = format!("class=\"{class}\"");
    let elements = picture.split(mark.as_str()).skip(1);
    elements.map(|rest| rest.split(['<', '>']).nth(1).unwrap()).collect()
}

#[test]
fn the_architecture_shows_every_module_and_thread() {
    let picture = read("docs/architecture.svg");
    let expected: BTreeSet<&str> = LAYERS.iter().map(|(module, ..)| *module).chain(CRATES).collect();
    assert_eq!(texts(&picture, "module"), expected);
    let (sources, threads) = (sources(), texts(&picture, "thread"));
    assert_eq!(threads.len(), 3, "{threads:?}");
    for thread in threads {
        assert!(sources.contains(&format!("\"{thread}\"")), "no thread is called {thread}");
    }
}

/// Returns the code that the libraries are made of.
fn sources() -> String {
    let folders = ["src".to_owned()].into_iter().chain(CRATES.map(|name| format!("{name}/src")));
    let files = folders.flat_map(|folder| WalkDir::new(path(&folder))).map(|entry| entry.unwrap().into_path());
    files.filter(|file| file.is_file()).map(|file| fs::read_to_string(file).unwrap()).collect()
}

#[test]
fn the_text_names_what_exists() {
    let text = read("docs/architecture.md");
    let sources = sources();
    let words: BTreeSet<&str> = sources.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let names: Vec<&str> = text.split('`').skip(1).step_by(2).collect();
    assert!(names.len() > 100, "{names:?}");
    for name in names {
        let exists = if name.contains(['/', '.']) {
            path(name).exists() || name.ends_with(".so")
        } else if name.contains('-') {
            sources.contains(&format!("\"{name}\""))
        } else {
            name.split("::").all(|word| words.contains(word))
        };
        assert!(exists, "docs/architecture.md names {name}");
    }
}
