//! Exceptions of a rule and the text that they add to its condition, as Falco builds it.

use anyhow::{Result, bail};

use super::entry::{ExceptionEntry, Nested, OneOrMany, Scalar};

/// Operators whose right side is a list; the others take one value.
const LIST_OPERATORS: [&str; 3] = ["in", "intersects", "pmatch"];

/// One exception: events with these values in these fields raise no alert.
#[derive(Clone, Debug)]
pub struct Exception {
    name: String,
    fields: Fields,
    values: Vec<Nested>,
}

#[derive(Clone, Debug)]
enum Fields {
    /// One field, compared with all values at once.
    One { field: String, comp: String },
    /// Several fields, of which each row of values gives one value each.
    Row(Vec<(String, String)>),
}

impl Exception {
    fn new(entry: ExceptionEntry) -> Result<Self> {
        let name = entry.name;
        let fields = match (entry.fields, entry.comps) {
            (None, _) => bail!("exception `{name}` names no fields"),
            (Some(OneOrMany::One(field)), None) => Fields::One { field, comp: "in".to_owned() },
            (Some(OneOrMany::One(field)), Some(OneOrMany::One(comp))) => {
                if !LIST_OPERATORS.contains(&comp.as_str()) {
                    bail!("exception `{name}` has one field, so that its comps is one of in, intersects, pmatch");
                }
                Fields::One { field, comp }
            }
            (Some(OneOrMany::Many(fields)), comps) => {
                let comps = match comps {
                    None => vec!["=".to_owned(); fields.len()],
                    Some(OneOrMany::Many(comps)) if comps.len() == fields.len() => comps,
                    Some(_) => bail!("exception `{name}` needs as many comps as fields"),
                };
                Fields::Row(fields.into_iter().zip(comps).collect())
            }
            (Some(OneOrMany::One(_)), Some(OneOrMany::Many(_))) => {
                bail!("exception `{name}` has one field, so that its comps is one word")
            }
        };
        Ok(Self { name, fields, values: entry.values })
    }

    /// Reads the exceptions of an entry that defines them.
    pub(super) fn all(entries: Option<Vec<ExceptionEntry>>) -> Result<Vec<Self>> {
        entries.unwrap_or_default().into_iter().map(Self::new).collect()
    }

    /// Adds the exceptions of a later entry: values to those of the same name, the rest as new ones.
    pub(super) fn append(exceptions: &mut Vec<Self>, entries: Vec<ExceptionEntry>) -> Result<()> {
        for entry in entries {
            match exceptions.iter_mut().find(|known| known.name == entry.name) {
                Some(known) if entry.fields.is_none() && entry.comps.is_none() => known.values.extend(entry.values),
                Some(_) => bail!("exception `{}` exists already: only values can be appended to it", entry.name),
                None if entry.values.is_empty() => bail!("exception `{}` has no values to append", entry.name),
                None => exceptions.push(Self::new(entry)?),
            }
        }
        Ok(())
    }

    /// The condition for which the exception holds; nothing when it has no values.
    pub(super) fn condition(&self) -> Result<Option<String>> {
        if self.values.is_empty() {
            return Ok(None);
        }
        Ok(Some(match &self.fields {
            Fields::One { field, comp } => format!("({field} {comp} ({}))", self.list(&self.values)?),
            Fields::Row(columns) => {
                let rows = self.values.iter().map(|row| self.row(columns, row)).collect::<Result<Vec<_>>>()?;
                format!("({})", rows.join(" or "))
            }
        }))
    }

    fn row(&self, columns: &[(String, String)], row: &Nested) -> Result<String> {
        let Nested::Many(values) = row else {
            bail!("exception `{}` has several fields, so that each of its values is a list", self.name);
        };
        if values.len() != columns.len() {
            bail!("exception `{}` has {} fields but a row of {} values", self.name, columns.len(), values.len());
        }
        let mut terms = Vec::new();
        for ((field, comp), value) in columns.iter().zip(values) {
            let value = match value {
                Nested::Many(values) => format!("({})", self.list(values)?),
                Nested::One(Scalar(value)) if !LIST_OPERATORS.contains(&comp.as_str()) => quoted(value),
                Nested::One(Scalar(value)) if value.starts_with('(') => value.clone(),
                Nested::One(Scalar(value)) => format!("({value})"),
            };
            terms.push(format!("{field} {comp} {value}"));
        }
        Ok(format!("({})", terms.join(" and ")))
    }

    fn list(&self, values: &[Nested]) -> Result<String> {
        let mut items = Vec::new();
        for value in values {
            let Nested::One(Scalar(value)) = value else {
                bail!("exception `{}` has a list where one value belongs", self.name);
            };
            items.push(quoted(value));
        }
        Ok(items.join(", "))
    }
}

/// Puts a value in quotes when it holds a blank and has none yet, as Falco does with list items too.
pub(super) fn quoted(value: &str) -> String {
    if value.contains(' ') && !value.starts_with(['"', '\'']) { format!("\"{value}\"") } else { value.to_owned() }
}
