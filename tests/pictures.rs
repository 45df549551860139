//! The pictures in `docs/` show what is so: the terminal has what the demo prints, the architecture names what exists.

use crate::engine;
use anstyle_svg::Term;
use runner::alert::Alert;
use runner::evaluate::{Input, evaluate};
use runner::rules;
use std::fs;
use std::path::{Path, PathBuf};

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

fn read(file: &str) -> String {
    fs::read_to_string(path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Holds a file to what it should be, or writes it.
fn hold(file: &str, expected: &str) {
    if std::env::var_os("UPDATE_DOCS").is_some() {
        return fs::write(path(file), expected).unwrap();
    }
    let is = fs::read_to_string(path(file)).unwrap_or_default();
    let stale = is.lines().zip(expected.lines()).find(|(is, should)| is != should);
    assert!(
        is == expected,
        "{file} is stale, write it anew with: UPDATE_DOCS=1 cargo test --test tests pictures\n{stale:#?}"
    );
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
    // A colour of the terminal's own for each that it has, since those of the crate are too dark to be read.
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
    // What is only for information has no colour: a sign stands for it and for all that comes behind.
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
