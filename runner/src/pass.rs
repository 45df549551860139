//! One run of the host with many filters. Each becomes a chisel, a small Lua script of the host that holds a filter and
//! a format, so that the host compiles, matches and prints. What is printed, and what is made of it, is left to
//! [`evaluate`](crate::evaluate).

use std::collections::hash_map::RandomState;
use std::fmt::Write as _;
use std::hash::BuildHasher;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::host::Session;

/// Parts the values of one alert; the mark makes it unforgeable.
const UNIT: char = '\u{1f}';

/// How a chisel prints the fields of its format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// In the words of the format.
    Text,
    /// As one JSON object on a line. The host makes JSON of all chisels that come after one with this form.
    Json,
}

/// The chisels of a run. What belongs to a filter is marked by a word that no log can know.
#[derive(Debug)]
pub(crate) struct Pass {
    folder: tempfile::TempDir,
    mark: String,
    chisels: usize,
}

impl Pass {
    pub(crate) fn new() -> Result<Self> {
        let mark = format!("{UNIT}{:016x}", RandomState::new().hash_one(std::process::id()));
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        Ok(Self { folder, mark, chisels: 0 })
    }

    /// The mark, for formats and for what is made of them.
    pub(crate) fn mark(&self) -> &str {
        &self.mark
    }

    /// Adds a chisel. `functions` is Lua that may hold an `on_event` of its own, and is empty otherwise.
    pub(crate) fn add(&mut self, filter: &str, form: Form, format: &str, functions: &str) -> Result<()> {
        let form = match form {
            Form::Text => "",
            Form::Json => "sysdig.set_output_format('json')\n",
        };
        let chisel = format!(
            "description = '' short_description = '' category = '' args = {{}}\n\
             function on_init()\n\
             chisel.set_filter({})\n\
             {form}\
             chisel.set_event_formatter({})\n\
             return true end\n{functions}",
            lua(filter),
            lua(format),
        );
        std::fs::write(self.path(self.chisels), chisel).context("cannot write to the temporary folder")?;
        self.chisels += 1;
        Ok(())
    }

    /// A start of the host with the chisels, which are there as long as this is.
    pub(crate) fn session(&self, session: Session) -> Session {
        (0..self.chisels).fold(session, |session, index| session.arg("-c").arg(self.path(index)))
    }

    fn path(&self, index: usize) -> PathBuf {
        Path::new(self.folder.path()).join(format!("rule{index}.lua"))
    }
}

/// A string literal of Lua, in ASCII.
pub(crate) fn lua(text: &str) -> String {
    let mut literal = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' | 0..0x20 | 0x7f.. => _ = write!(literal, "\\{byte:03}"),
            _ => literal.push(char::from(byte)),
        }
    }
    literal.push('"');
    literal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lua_literals_are_ascii_and_closed() {
        assert_eq!(lua("a \"b\"\\\né"), r#""a \034b\034\092\010\195\169""#);
    }
}
