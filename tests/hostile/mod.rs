//! Input made to do harm: files, messages, names, answers of servers. It costs itself only, and neither a line of the
//! log nor an error says more than it should.

mod bytes;
mod connects;
mod files;
mod lines;
mod messages;
mod network;
mod parrot;
mod secrets;
mod state;

/// Holds lines of a log, or errors, to what a terminal may be shown.
#[track_caller]
pub fn assert_printable<'a>(lines: impl IntoIterator<Item = &'a String>) {
    let is_hidden = |c: char| {
        c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
    };
    for line in lines {
        assert!(!line.contains(is_hidden), "{line:?}");
        assert!(line.chars().count() < 5000, "{line:?}");
    }
}
