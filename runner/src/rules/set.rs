//! What the entries of all rule files mean together: definitions, redefinitions, appends and overrides in the order
//! of the files, and the filter of each rule. The order rules are Falco's: a macro sees the macros that were first
//! defined before it was last changed, a list takes in lists that were, and a rule sees everything.

use anyhow::{Context, Result, anyhow, bail};

use super::condition::{expand_list, expand_macros};
use super::entry::{self, Entry, ListEntry, MacroEntry, Mode, Override, PluginVersion, Requirement, RuleEntry, Scalar};
use super::exception::Exception;
use super::{Rule, SOURCE};

/// The definitions of one or more rule files.
#[derive(Clone, Debug, Default)]
pub struct RuleSet {
    lists: Vec<Definition<Vec<String>>>,
    macros: Vec<Definition<String>>,
    rules: Vec<Rule>,
    requirements: Vec<Requirement>,
    entries: usize,
}

/// A list or macro, with the numbers of the entries that defined it first and changed it last.
#[derive(Clone, Debug)]
struct Definition<T> {
    name: String,
    body: T,
    first: usize,
    last: usize,
}

impl RuleSet {
    /// Adds the entries of a rule file's text.
    pub(super) fn add(&mut self, text: &str) -> Result<()> {
        for entry in entry::read(text)? {
            self.entries += 1;
            match entry {
                Entry::EngineVersion => {}
                Entry::PluginVersions(requirements) => self.requirements.extend(requirements),
                Entry::List(list) => {
                    let context = format!("list `{}`", list.name);
                    self.add_list(list).context(context)?;
                }
                Entry::Macro(definition) => {
                    let context = format!("macro `{}`", definition.name);
                    self.add_macro(definition).context(context)?;
                }
                Entry::Rule(rule) => {
                    let context = format!("rule `{}`", rule.name);
                    self.add_rule(*rule).context(context)?;
                }
            }
        }
        Ok(())
    }

    /// Every rule, in the order of definition.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The enabled rules of the source `aws_cloudtrail`, each with its filter.
    ///
    /// # Errors
    /// Those of [`RuleSet::filter`], with the rule's name.
    pub fn filters(&self) -> Result<Vec<(&Rule, String)>> {
        let rules = self.rules.iter().filter(|rule| rule.enabled && rule.source == SOURCE);
        rules.map(|rule| Ok((rule, self.filter(rule).with_context(|| format!("rule `{}`", rule.name))?))).collect()
    }

    /// The one filter that a rule comes to.
    ///
    /// # Errors
    /// When a macro is unknown or contains itself, or an exception does not fit its fields.
    pub fn filter(&self, rule: &Rule) -> Result<String> {
        let mut condition = rule.condition.trim().to_owned();
        if !rule.exceptions.is_empty() {
            condition = format!("({condition})");
            for exception in &rule.exceptions {
                if let Some(exempt) = exception.condition()? {
                    condition.push_str(&format!(" and not {exempt}"));
                }
            }
        }
        self.resolve(&condition, usize::MAX, &mut Vec::new())
    }

    /// Checks the loaded plugins, by name and version, against what the rule files need.
    ///
    /// # Errors
    /// When a needed plugin is missing or of another major or a lower version; the error names it.
    pub fn check_plugins(&self, loaded: &[(String, String)]) -> Result<()> {
        for Requirement { name, version, alternatives } in &self.requirements {
            let wanted = PluginVersion { name: name.clone(), version: version.clone() };
            let any_of: Vec<&PluginVersion> = std::iter::once(&wanted).chain(alternatives).collect();
            if !any_of.iter().any(|wanted| loaded.iter().any(|plugin| serves(wanted, plugin))) {
                let names: Vec<_> =
                    any_of.iter().map(|wanted| format!("{} {}", wanted.name, wanted.version.0)).collect();
                bail!("the rule files need the plugin {}: load it with --plugin", names.join(" or "));
            }
        }
        Ok(())
    }

    /// Resolves lists, then macros, of a condition that sees the macros first defined before entry `before`.
    fn resolve(&self, condition: &str, before: usize, within: &mut Vec<String>) -> Result<String> {
        let mut condition = condition.to_owned();
        for list in &self.lists {
            condition = expand_list(&condition, &list.name, &self.items(list))?;
        }
        expand_macros(&condition, |name| {
            let known = self.macros.iter().find(|known| known.name == name && known.first < before);
            let known = known.ok_or_else(|| anyhow!("undefined macro `{name}`"))?;
            if within.iter().any(|outer| outer == name) {
                bail!("macro `{name}` contains itself");
            }
            within.push(name.to_owned());
            let body = self.resolve(&known.body, known.last, within).with_context(|| format!("macro `{name}`"))?;
            within.pop();
            Ok(body)
        })
    }

    /// The items of a list, with those that name an earlier list replaced by that list's own items.
    fn items(&self, list: &Definition<Vec<String>>) -> Vec<String> {
        let mut items = Vec::new();
        for item in &list.body {
            match self.lists.iter().find(|other| other.name == *item && other.first < list.last) {
                Some(other) => items.extend(other.body.iter().cloned()),
                None => items.push(item.clone()),
            }
        }
        items
    }

    fn add_list(&mut self, list: ListEntry) -> Result<()> {
        let items = list.items.into_iter().map(|Scalar(item)| item).collect();
        let append = appends(list.append, &list.overrides, "items")?;
        define(&mut self.lists, self.entries, list.name, items, append, |body, items| body.extend(items))
    }

    fn add_macro(&mut self, definition: MacroEntry) -> Result<()> {
        let append = appends(definition.append, &definition.overrides, "condition")?;
        define(&mut self.macros, self.entries, definition.name, definition.condition, append, |body, condition| {
            body.push(' ');
            body.push_str(&condition);
        })
    }

    fn add_rule(&mut self, entry: RuleEntry) -> Result<()> {
        if entry.skip_if_unknown_filter {
            bail!("skip-if-unknown-filter is not supported: here a rule with an unknown field is always an error");
        }
        let known = self.rules.iter_mut().find(|rule| rule.name == entry.name);
        if entry.append || !entry.overrides.is_empty() {
            let known = known.context("there is no earlier rule of this name to change")?;
            return if entry.overrides.is_empty() { append_rule(known, entry) } else { override_rule(known, entry) };
        }
        if entry.condition.is_none() && entry.output.is_none() && entry.desc.is_none() && entry.priority.is_none() {
            let enabled = entry.enabled.context("it has neither a condition nor `enabled`")?;
            known.context("there is no earlier rule of this name to enable or disable")?.enabled = enabled;
            return Ok(());
        }
        let rule = new_rule(entry)?;
        match known {
            Some(known) if known.source != rule.source => bail!("it is defined again with another source"),
            Some(known) => *known = rule,
            None => self.rules.push(rule),
        }
        Ok(())
    }
}

/// Whether a loaded plugin, by name and version, is what a rule file needs.
fn serves(wanted: &PluginVersion, (name, version): &(String, String)) -> bool {
    match (entry::numbers(&wanted.version.0), entry::numbers(version)) {
        (Some(wanted_version), Some(version)) => {
            wanted.name == *name && wanted_version[0] == version[0] && wanted_version <= version
        }
        _ => false,
    }
}

/// Whether an entry with one body appends to the earlier one of its name.
fn appends(append: bool, overrides: &Override, key: &str) -> Result<bool> {
    match (append, overrides.get(key), overrides.len()) {
        (append, None, 0) => Ok(append),
        (false, Some(mode), 1) => Ok(*mode == Mode::Append),
        (true, ..) => bail!("use either `append` or `override`"),
        _ => bail!("only `{key}` can be overridden"),
    }
}

fn define<T>(
    definitions: &mut Vec<Definition<T>>,
    number: usize,
    name: String,
    body: T,
    append: bool,
    join: impl FnOnce(&mut T, T),
) -> Result<()> {
    match definitions.iter_mut().find(|known| known.name == name) {
        Some(known) => {
            known.last = number;
            if append { join(&mut known.body, body) } else { known.body = body }
        }
        None if append => bail!("there is no earlier one of this name to append to"),
        None => definitions.push(Definition { name, body, first: number, last: number }),
    }
    Ok(())
}

fn new_rule(entry: RuleEntry) -> Result<Rule> {
    let mut rule = Rule {
        name: entry.name,
        desc: entry.desc.context("it has no desc")?,
        condition: entry.condition.context("it has no condition")?,
        output: entry.output.context("it has no output")?.trim().to_owned(),
        priority: entry.priority.context("it has no priority")?,
        source: entry.source.unwrap_or_else(|| "syscall".to_owned()),
        tags: Vec::new(),
        enabled: entry.enabled.unwrap_or(true),
        exceptions: Vec::new(),
    };
    add_tags(&mut rule.tags, entry.tags);
    Exception::append_new(&mut rule.exceptions, entry.exceptions.unwrap_or_default())?;
    Ok(rule)
}

fn append_rule(rule: &mut Rule, entry: RuleEntry) -> Result<()> {
    if entry.output.is_some() || entry.desc.is_some() || entry.tags.is_some() || entry.priority.is_some() {
        bail!("`append: true` adds condition and exceptions only: use `override` for the rest");
    }
    if let Some(condition) = entry.condition {
        rule.condition.push_str(&format!(" {condition}"));
    }
    Exception::append(&mut rule.exceptions, entry.exceptions.unwrap_or_default())
}

fn override_rule(rule: &mut Rule, entry: RuleEntry) -> Result<()> {
    if entry.append {
        bail!("use either `append` or `override`");
    }
    let RuleEntry { desc, condition, output, priority, tags, enabled, exceptions, overrides, .. } = entry;
    let given = [
        ("condition", condition.is_some()),
        ("desc", desc.is_some()),
        ("enabled", enabled.is_some()),
        ("exceptions", exceptions.is_some()),
        ("output", output.is_some()),
        ("priority", priority.is_some()),
        ("tags", tags.is_some()),
    ];
    for (key, is_given) in given {
        match (is_given, overrides.contains_key(key)) {
            (true, false) => bail!("`{key}` is given, but `override` does not say whether to append or to replace it"),
            (false, true) => bail!("`override` names `{key}`, but the entry has none"),
            _ => {}
        }
    }
    if let Some(key) = overrides.keys().find(|key| given.iter().all(|(known, _)| known != *key)) {
        bail!("`override` of `{key}` is not supported");
    }
    let appends = |key| overrides.get(key) == Some(&Mode::Append);
    for (text, new, key) in [
        (&mut rule.condition, condition, "condition"),
        (&mut rule.output, output, "output"),
        (&mut rule.desc, desc, "desc"),
    ] {
        match new {
            Some(new) if appends(key) => text.push_str(&format!(" {new}")),
            Some(new) => *text = new,
            None => {}
        }
    }
    if tags.is_some() && !appends("tags") {
        rule.tags.clear();
    }
    add_tags(&mut rule.tags, tags);
    match exceptions {
        Some(new) if appends("exceptions") => Exception::append(&mut rule.exceptions, new)?,
        Some(new) => {
            rule.exceptions.clear();
            Exception::append_new(&mut rule.exceptions, new)?;
        }
        None => {}
    }
    if (priority.is_some() && appends("priority")) || (enabled.is_some() && appends("enabled")) {
        bail!("`priority` and `enabled` can only be replaced");
    }
    rule.priority = priority.unwrap_or(rule.priority);
    rule.enabled = enabled.unwrap_or(rule.enabled);
    Ok(())
}

fn add_tags(tags: &mut Vec<String>, new: Option<Vec<Scalar>>) {
    tags.extend(new.unwrap_or_default().into_iter().map(|Scalar(tag)| tag));
    tags.sort();
    tags.dedup();
}
