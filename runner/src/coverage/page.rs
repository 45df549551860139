//! What was measured, as one HTML page for people who would rather look: the matrix of techniques, the attacks that
//! were caught, and the noise as a chart. The page loads nothing and runs no script.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use super::Coverage;
use crate::attack;
use crate::rules::{Priority, Rule};

const STYLE: &str = include_str!("page.css");

/// How many rules the chart of the noisiest shows.
const NOISIEST: usize = 15;

/// The page. `title` names the rules, `logs` what they were run over.
#[must_use]
pub fn page(title: &str, logs: &str, coverage: &Coverage, rules: &[&Rule]) -> String {
    let mut page = String::new();
    // Writing to a string does not fail.
    let _ = write(&mut page, title, logs, coverage, rules);
    page
}

fn write(page: &mut String, title: &str, logs: &str, coverage: &Coverage, rules: &[&Rule]) -> fmt::Result {
    let (title, logs) = (Escaped(title), Escaped(logs));
    let caught = coverage.techniques.values().filter(|technique| technique.is_caught()).count();
    let warned = coverage.benign_at(Priority::Warning);
    write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n<h1>{title}</h1>\n\
         <p>{} rules over {} events of <code>{logs}</code></p>\n<ul class=\"figures\">\n",
        rules.len(),
        coverage.events,
    )?;
    let share = format!("{:.2} %", coverage.per_thousand(warned) / 10.0);
    if !coverage.techniques.is_empty() {
        figure(page, &format!("{caught} of {}", coverage.techniques.len()), "techniques caught at Warning or above")?;
    }
    figure(page, &share, "of the benign events raise a Warning or more")?;
    figure(page, &techniques_named(rules).to_string(), "ATT&CK techniques that rules look for")?;
    page.push_str("</ul>\n</header>\n<main>\n");
    matrix(page, rules)?;
    attacks(page, coverage, rules)?;
    noise(page, coverage, rules)?;
    page.push_str("</main>\n</body>\n</html>\n");
    Ok(())
}

fn figure(page: &mut String, number: &str, meaning: &str) -> fmt::Result {
    writeln!(page, "<li><strong>{}</strong> {}</li>", Escaped(number), Escaped(meaning))
}

/// The rules of each technique, by tactic and ID.
fn by_tactic<'a>(rules: &[&'a Rule]) -> BTreeMap<usize, BTreeMap<&'static str, (&'static str, Vec<&'a Rule>)>> {
    let mut matrix: BTreeMap<usize, BTreeMap<_, (_, Vec<&Rule>)>> = BTreeMap::new();
    for rule in rules {
        for technique in attack::techniques(&rule.tags).filter_map(attack::technique) {
            for tactic in attack::places(technique, &rule.tags) {
                let column = attack::TACTICS.iter().position(|known| *known == tactic).unwrap_or_default();
                let cell = matrix.entry(column).or_default().entry(technique.0).or_insert((technique.1, Vec::new()));
                cell.1.push(rule);
            }
        }
    }
    matrix
}

fn techniques_named(rules: &[&Rule]) -> usize {
    let named = rules.iter().flat_map(|rule| attack::techniques(&rule.tags));
    named.collect::<std::collections::BTreeSet<_>>().len()
}

fn matrix(page: &mut String, rules: &[&Rule]) -> fmt::Result {
    page.push_str(
        "<section>\n<h2>What the rules look for</h2>\n<p>Techniques of MITRE ATT&amp;CK by tactic. The colour is that of \
         the most urgent rule, the number that of the rules; open a technique to read their names.</p>\n\
         <div class=\"matrix\">\n",
    );
    for (tactic, techniques) in by_tactic(rules) {
        writeln!(page, "<div class=\"tactic\">\n<h3>{}</h3>", Escaped(&attack::title(attack::TACTICS[tactic])))?;
        for (id, (name, mut rules)) in techniques {
            rules.sort_by_key(|rule| rule.priority);
            let urgent = rules.first().map_or(Priority::Debug, |rule| rule.priority);
            writeln!(
                page,
                "<details class=\"technique {}\">\n<summary><span class=\"id\">{id}</span> <span class=\"count\">{}</span> \
                 {}</summary>\n<ul>",
                class(urgent),
                rules.len(),
                // The ID says whose part it is.
                Escaped(name.rsplit(": ").next().unwrap_or(name)),
            )?;
            for rule in rules {
                writeln!(page, "<li>{} <span class=\"priority\">{}</span></li>", Escaped(&rule.name), rule.priority)?;
            }
            page.push_str("</ul>\n</details>\n");
        }
        page.push_str("</div>\n");
    }
    page.push_str("</div>\n<ul class=\"legend\">\n");
    for priority in [Priority::Critical, Priority::Warning, Priority::Notice, Priority::Informational] {
        writeln!(page, "<li class=\"{}\">{priority}</li>", class(priority))?;
    }
    page.push_str("</ul>\n</section>\n");
    Ok(())
}

fn attacks(page: &mut String, coverage: &Coverage, rules: &[&Rule]) -> fmt::Result {
    if coverage.techniques.is_empty() {
        return Ok(());
    }
    page.push_str(
        "<section>\n<h2>Attacks in these logs</h2>\n<div class=\"wide\">\n<table>\n<thead><tr><th>Technique</th><th>Events</th>\
         <th>Caught</th><th>Rules</th></tr></thead>\n<tbody>\n",
    );
    for (name, technique) in &coverage.techniques {
        let state = if technique.is_caught() { "caught" } else { "missed" };
        let mut matched: Vec<_> = technique.rules.keys().map(|place| rules[*place]).collect();
        matched.sort_by_key(|rule| rule.priority);
        let names = matched
            .iter()
            .map(|rule| format!("<span class=\"chip {}\">{}</span>", class(rule.priority), Escaped(&rule.name)))
            .collect::<Vec<_>>()
            .join(" ");
        writeln!(
            page,
            "<tr class=\"{state}\"><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{names}</td></tr>",
            Escaped(name),
            technique.events,
            if technique.is_caught() { technique.caught.to_string() } else { "not caught".to_owned() },
        )?;
    }
    page.push_str("</tbody>\n</table>\n</div>\n</section>\n");
    Ok(())
}

fn noise(page: &mut String, coverage: &Coverage, rules: &[&Rule]) -> fmt::Result {
    writeln!(
        page,
        "<section>\n<h2>Noise</h2>\n<p>Alerts on the {} events that carry no attack, per 1,000 of them, each event counted \
         once, by the most urgent rule that matches.</p>",
        coverage.benign()
    )?;
    let loudest: Vec<_> =
        coverage.loudest.iter().map(|(priority, count)| (priority.to_string(), *priority, *count)).collect();
    bars(page, coverage, &loudest)?;
    page.push_str("<h3>The noisiest rules</h3>\n");
    let noisy: Vec<_> = coverage
        .noisiest()
        .into_iter()
        .take(NOISIEST)
        .map(|(place, noise)| (rules[place].name.clone(), rules[place].priority, noise.matched))
        .collect();
    bars(page, coverage, &noisy)?;
    page.push_str("</section>\n");
    Ok(())
}

/// A chart of horizontal bars: name, colour, events. The longest bar is the whole width.
fn bars(page: &mut String, coverage: &Coverage, rows: &[(String, Priority, u64)]) -> fmt::Result {
    if rows.is_empty() {
        page.push_str("<p>None at all.</p>\n");
        return Ok(());
    }
    let most = rows.iter().map(|(_, _, count)| *count).max().unwrap_or(1).max(1);
    page.push_str("<table class=\"bars\">\n<tbody>\n");
    for (name, priority, count) in rows {
        writeln!(
            page,
            "<tr><th scope=\"row\">{}</th><td><span class=\"bar {}\" style=\"width:{:.2}%\"></span></td><td>{:.1}</td>\
             <td>{count} events</td></tr>",
            Escaped(name),
            class(*priority),
            *count as f64 * 100.0 / most as f64,
            coverage.per_thousand(*count),
        )?;
    }
    page.push_str("</tbody>\n</table>\n");
    Ok(())
}

fn class(priority: Priority) -> &'static str {
    match priority {
        Priority::Emergency | Priority::Alert | Priority::Critical => "critical",
        Priority::Error | Priority::Warning => "warning",
        Priority::Notice => "notice",
        Priority::Informational | Priority::Debug => "info",
    }
}

/// Text within HTML. Rules and logs are other people's.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for char in self.0.chars() {
            match char {
                '&' => formatter.write_str("&amp;")?,
                '<' => formatter.write_str("&lt;")?,
                '>' => formatter.write_str("&gt;")?,
                '"' => formatter.write_str("&quot;")?,
                _ => formatter.write_char(char)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coverage::Technique;

    fn rule(name: &str, priority: Priority, tags: &[&str]) -> Rule {
        Rule {
            name: name.to_owned(),
            desc: String::new(),
            condition: String::new(),
            output: String::new(),
            priority,
            source: String::new(),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            enabled: true,
            exceptions: Vec::new(),
        }
    }

    #[test]
    fn other_peoples_text_stays_text() {
        let bad = rule("<script>alert(\"x\")</script>", Priority::Critical, &["mitre_impact", "T1485"]);
        let mut coverage = Coverage { events: 2, attacks: 1, ..Coverage::default() };
        let technique = Technique { events: 1, caught: 1, rules: [(0, 1)].into() };
        coverage.techniques.insert("<b>".to_owned(), technique);
        coverage.noise.entry(0).or_default().matched = 1;
        let page = page("R & D", "<logs>", &coverage, &[&bad]);
        assert!(!page.contains("<script") && !page.contains("<b>") && !page.contains("<logs>"), "{page}");
        assert!(page.contains("<title>R &amp; D</title>") && page.contains("1 of 1"), "{page}");
        assert!(!page.contains("http"), "the page loads nothing");
    }

    #[test]
    fn every_technique_of_every_rule_has_its_place() {
        let rules = [
            rule("One", Priority::Warning, &["mitre_impact", "T1485"]),
            rule("Two", Priority::Critical, &["mitre_persistence", "T1078.004"]),
        ];
        let page = page("", "", &Coverage::default(), &[&rules[0], &rules[1]]);
        let impact = page.split_once("<h3>Impact</h3>").unwrap().1;
        assert!(impact.contains("technique warning") && impact.contains("One"), "{impact}");
        assert!(!impact.contains("Two") && page.contains("<h3>Persistence</h3>"), "{page}");
    }
}
