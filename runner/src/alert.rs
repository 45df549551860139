//! An alert and its two forms, as Falco prints them: a line of text and a JSON object. Who raised it, and the values
//! in it, come from the engine.

use anstyle::{AnsiColor, Style};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::rules::Priority;

/// One alert, with the members of Falco's JSON alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// The machine that raised it.
    pub hostname: String,
    /// The line of text: time of day, priority, the rule's output.
    pub output: String,
    /// The values of the fields that the rule's output names, and `evt.time` in nanoseconds; empty unless asked for.
    #[serde(default)]
    pub output_fields: Map<String, Value>,
    /// The priority as Falco prints it, such as `Critical`.
    pub priority: String,
    /// The rule's name.
    pub rule: String,
    /// The event source.
    pub source: String,
    /// The rule's tags, sorted.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The event's time, RFC 3339 in UTC with nanoseconds.
    pub time: String,
}

impl Alert {
    /// The line of text with the time dimmed and the priority in its colour, and control characters from the logs
    /// made visible, so that no log can steer the terminal.
    #[must_use]
    pub fn styled(&self) -> String {
        let (time, message) = self.output.split_once(&self.priority).unwrap_or(("", &self.output));
        let (dim, style) = (Style::new().dimmed(), style(&self.priority));
        format!("{dim}{time}{dim:#}{style}{}{style:#}{}", self.priority, visible(message))
    }
}

/// The name of this machine, or the one that the environment gives it for Falco.
pub(crate) fn hostname() -> String {
    let named = std::env::var("FALCO_HOSTNAME").ok();
    let name = named.or_else(|| std::fs::read_to_string("/proc/sys/kernel/hostname").ok());
    name.unwrap_or_default().trim_end().to_owned()
}

fn style(priority: &str) -> Style {
    let colour = |colour: AnsiColor| Style::new().fg_color(Some(colour.into())).bold();
    match Priority::parse(priority) {
        Some(Priority::Emergency | Priority::Alert | Priority::Critical) => colour(AnsiColor::Red),
        Some(Priority::Error) => colour(AnsiColor::Magenta),
        Some(Priority::Warning) => colour(AnsiColor::Yellow),
        Some(Priority::Notice) => colour(AnsiColor::Cyan),
        Some(Priority::Informational | Priority::Debug) | None => Style::new().bold(),
    }
}

fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    for char in text.chars() {
        if char.is_control() { visible.extend(char.escape_default()) } else { visible.push(char) }
    }
    visible
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(message: &str) -> Alert {
        Alert {
            hostname: "sensor".to_owned(),
            output: format!("09:05:01.000000000: Critical {message}"),
            output_fields: Map::new(),
            priority: "Critical".to_owned(),
            rule: "A rule".to_owned(),
            source: "aws_cloudtrail".to_owned(),
            tags: vec!["aws".to_owned()],
            time: "2026-03-02T09:05:01.000000000Z".to_owned(),
        }
    }

    #[test]
    fn json_has_the_members_of_falco() {
        let json = serde_json::to_value(alert("gone")).unwrap();
        let members: Vec<&String> = json.as_object().unwrap().keys().collect();
        assert_eq!(members, ["hostname", "output", "output_fields", "priority", "rule", "source", "tags", "time"]);
        assert_eq!(json["output"], "09:05:01.000000000: Critical gone");
    }

    #[test]
    fn styling_adds_colour_only_and_disarms_the_terminal() {
        let styled = alert("bucket=a\u{1b}[2J").styled();
        assert!(styled.contains("\u{1b}[1m\u{1b}[31mCritical\u{1b}[0m"), "{styled:?}");
        assert_eq!(
            anstream::adapter::strip_str(&styled).to_string(),
            "09:05:01.000000000: Critical bucket=a\\u{1b}[2J"
        );
    }
}
