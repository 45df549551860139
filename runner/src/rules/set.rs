//! What the entries of all rule files mean together: definitions, redefinitions, appends and overrides in the order
//! of the files, and the filter of each rule. The order rules are Falco's: a macro sees the macros that were first
//! defined before it was last changed, a list takes in lists that were, and a rule sees everything.

use std::collections::HashMap;

use anyhow::{Context, Result, anyhow, bail};

use super::condition::{self, expand_list, expand_macros};
use super::entry::{
    self, Entry, Flag, ListEntry, MacroEntry, Mode, Others, Override, PluginVersion, Requirement, RuleEntry, Scalar,
    WITHOUT_VERDICT,
};
use super::exception::{Exception, quoted};
use super::mutants::{self, Mutant};
use super::{Rule, SOURCE};

/// The definitions of one or more rule files.
#[derive(Clone, Debug, Default)]
pub struct RuleSet {
    lists: Vec<Definition<Vec<String>>>,
    macros: Vec<Definition<String>>,
    rules: Vec<Rule>,
    requirements: Vec<Requirement>,
    warnings: Vec<String>,
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

/// A macro that is broken in one way: its name, what was done, and the rules whose filters it changes.
pub type BrokenMacro<'a> = (&'a str, Mutant, Vec<(&'a Rule, String)>);

/// A list's name and its items, joined as they stand in conditions.
type List<'a> = (&'a str, String);

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
                    self.warn_of(&context, &list.others);
                    self.add_list(list).context(context)?;
                }
                Entry::Macro(definition) => {
                    let context = format!("macro `{}`", definition.name);
                    self.warn_of(&context, &definition.others);
                    self.add_macro(definition).context(context)?;
                }
                Entry::Rule(rule) => {
                    let context = format!("rule `{}`", rule.name);
                    self.warn_of(&context, &rule.others);
                    self.add_rule(*rule).context(context)?;
                }
                Entry::Unknown(keys) => self.warnings.push(format!("an entry with the keys {keys} is ignored")),
            }
        }
        Ok(())
    }

    fn warn_of(&mut self, place: &str, others: &Others) {
        let unknown = others.keys().filter(|key| !WITHOUT_VERDICT.contains(&key.as_str()));
        self.warnings.extend(unknown.map(|key| format!("{place}: the unknown key `{key}` is ignored")));
    }

    /// What the rule files say in vain: Falco ignores it too, and warns.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Every rule, in the order of definition.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The enabled rules of the source `aws_cloudtrail`, in the order of definition.
    #[must_use]
    pub fn enabled(&self) -> Vec<&Rule> {
        self.rules.iter().filter(|rule| rule.source == SOURCE && rule.enabled).collect()
    }

    /// The lists that decide about a rule, by itself or through macros, in the order of their definition.
    #[must_use]
    pub fn lists_of(&self, rule: &Rule) -> Vec<&str> {
        let mut conditions = vec![rule.condition.as_str()];
        let mut next = 0;
        while let Some(condition) = conditions.get(next).copied() {
            next += 1;
            let named = self.macros.iter().filter(|known| condition::names(condition, &known.name));
            for body in named.map(|known| known.body.as_str()) {
                if !conditions.contains(&body) {
                    conditions.push(body);
                }
            }
        }
        let names = |list: &&str| conditions.iter().any(|condition| condition::names(condition, list));
        self.lists.iter().map(|list| list.name.as_str()).filter(names).collect()
    }

    /// The enabled rules of the source `aws_cloudtrail`, each with its filter.
    ///
    /// # Errors
    /// When a macro is unknown or contains itself, or an exception does not fit its fields, also in a rule that is not
    /// enabled or a macro that no rule uses: Falco would not start.
    pub fn filters(&self) -> Result<Vec<(&Rule, String)>> {
        Ok(self.all_filters()?.into_iter().filter(|(rule, _)| rule.enabled).collect())
    }

    /// The rules of the source `aws_cloudtrail`, also those that are not enabled, each with its filter.
    pub(crate) fn all_filters(&self) -> Result<Vec<(&Rule, String)>> {
        let lists = self.lists();
        let rules = self.rules.iter().filter(|rule| rule.source == SOURCE);
        let filter = |rule| Ok((rule, self.filter(rule, &lists).with_context(|| format!("rule `{}`", rule.name))?));
        let filters = rules.map(filter).collect::<Result<_>>()?;
        for known in &self.macros {
            self.body(known, &lists, &mut Vec::new())?;
        }
        Ok(filters)
    }

    /// Breaks every rule of the source `aws_cloudtrail`: each mutant comes with the rule and the filter that the rule
    /// comes to with it. Items of named lists are left alone, since users fill those.
    ///
    /// # Errors
    /// Those of [`RuleSet::filters`].
    pub fn mutants(&self) -> Result<Vec<(&Rule, Mutant, String)>> {
        let lists = self.lists();
        let mut mutants = Vec::new();
        for rule in self.rules.iter().filter(|rule| rule.source == SOURCE) {
            for mutant in mutants::mutants(rule.condition.trim()) {
                let broken = Rule { condition: mutant.condition.clone(), ..rule.clone() };
                mutants.push((rule, mutant, self.filter(&broken, &lists)?));
            }
        }
        Ok(mutants)
    }

    /// Breaks every macro.
    ///
    /// # Errors
    /// Those of [`RuleSet::filters`].
    pub fn macro_mutants(&self) -> Result<Vec<BrokenMacro<'_>>> {
        let whole = self.all_filters()?;
        let mut all = Vec::new();
        for (index, known) in self.macros.iter().enumerate() {
            for mutant in mutants::mutants(known.body.trim()) {
                let mut broken = self.clone();
                broken.macros[index].body.clone_from(&mutant.condition);
                let lists = broken.lists();
                let mut changed = Vec::new();
                for (rule, filter) in &whole {
                    let new = broken.filter(rule, &lists)?;
                    if new != *filter {
                        changed.push((*rule, new));
                    }
                }
                all.push((known.name.as_str(), mutant, changed));
            }
        }
        Ok(all)
    }

    /// The one filter that a rule comes to.
    fn filter(&self, rule: &Rule, lists: &[List<'_>]) -> Result<String> {
        let mut condition = rule.condition.trim().to_owned();
        if !rule.exceptions.is_empty() {
            condition = format!("({condition})");
            for exception in &rule.exceptions {
                if let Some(exempt) = exception.condition()? {
                    condition.push_str(&format!(" and not {exempt}"));
                }
            }
        }
        self.resolve(&condition, usize::MAX, lists, &mut Vec::new())
    }

    /// Checks the loaded plugins, by name and version, against what the rule files need.
    ///
    /// # Errors
    /// When a needed plugin is missing or of another major or a lower version; the error names it.
    pub fn check_plugins(&self, loaded: &[(String, String)]) -> Result<()> {
        for Requirement { plugin, alternatives } in &self.requirements {
            let any_of: Vec<&PluginVersion> = std::iter::once(plugin).chain(alternatives).collect();
            if !any_of.iter().any(|wanted| loaded.iter().any(|plugin| serves(wanted, plugin))) {
                let names: Vec<_> =
                    any_of.iter().map(|wanted| format!("{} {}", wanted.name, wanted.version.0)).collect();
                bail!("the rule files need the plugin {}: load it with --plugin", names.join(" or "));
            }
        }
        Ok(())
    }

    /// Resolves lists, then macros, of a condition that sees the macros first defined before entry `before`.
    fn resolve(&self, condition: &str, before: usize, lists: &[List<'_>], within: &mut Vec<String>) -> Result<String> {
        let mut condition = condition.to_owned();
        for (name, items) in lists {
            condition = expand_list(&condition, name, items)?;
        }
        expand_macros(&condition, |name| {
            let known = self.macros.iter().find(|known| known.name == name && known.first < before);
            self.body(known.ok_or_else(|| anyhow!("undefined macro `{name}`"))?, lists, within)
        })
    }

    /// Resolves the condition of a macro that is named within other macros.
    fn body(&self, known: &Definition<String>, lists: &[List<'_>], within: &mut Vec<String>) -> Result<String> {
        let name = &known.name;
        if within.contains(name) {
            bail!("macro `{name}` contains itself");
        }
        within.push(name.clone());
        let body = self.resolve(&known.body, known.last, lists, within).with_context(|| format!("macro `{name}`"))?;
        within.pop();
        Ok(body)
    }

    /// Every list with its items, of which those that name an earlier list are replaced by that list's own items.
    fn lists(&self) -> Vec<List<'_>> {
        let known: HashMap<&str, _> = self.lists.iter().map(|list| (list.name.as_str(), list)).collect();
        let items = |list: &Definition<Vec<String>>| {
            let mut items = Vec::new();
            for item in &list.body {
                match known.get(item.as_str()).filter(|other| other.first < list.last) {
                    Some(other) => items.extend(other.body.iter().map(|item| quoted(item))),
                    None => items.push(quoted(item)),
                }
            }
            items.join(", ")
        };
        self.lists.iter().map(|list| (list.name.as_str(), items(list))).collect()
    }

    fn add_list(&mut self, list: ListEntry) -> Result<()> {
        let items = list.items.into_iter().map(|Scalar(item)| item).collect();
        let append = appends(list.append.0, &list.overrides, "items")?;
        define(&mut self.lists, self.entries, list.name, items, append, |body, items| body.extend(items))
    }

    fn add_macro(&mut self, definition: MacroEntry) -> Result<()> {
        let append = appends(definition.append.0, &definition.overrides, "condition")?;
        define(&mut self.macros, self.entries, definition.name, definition.condition, append, |body, condition| {
            body.push(' ');
            body.push_str(&condition);
        })
    }

    fn add_rule(&mut self, entry: RuleEntry) -> Result<()> {
        let known = self.rules.iter_mut().find(|rule| rule.name == entry.name);
        if entry.append.0 || !entry.overrides.is_empty() {
            let known = known.context("there is no earlier rule of this name to change")?;
            if entry.source.as_ref().is_some_and(|source| *source != known.source) {
                bail!("it is there already with another source");
            }
            if !entry.overrides.is_empty() {
                return override_rule(known, entry);
            }
            if entry.output.is_some() || entry.desc.is_some() || entry.tags.is_some() || entry.priority.is_some() {
                let name = &entry.name;
                self.warnings.push(format!(
                    "rule `{name}`: `append: true` adds condition and exceptions only, the rest is ignored: use `override`"
                ));
            }
            return append_rule(known, entry);
        }
        if entry.condition.is_none() && entry.output.is_none() && entry.desc.is_none() && entry.priority.is_none() {
            let Flag(enabled) = entry.enabled.context("it has neither a condition nor `enabled`")?;
            known.context("there is no earlier rule of this name to enable or disable")?.enabled = enabled;
            return Ok(());
        }
        let rule = new_rule(entry)?;
        match known {
            Some(known) if known.source != rule.source => bail!("it is there already with another source"),
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
        enabled: entry.enabled.is_none_or(|Flag(enabled)| enabled),
        exceptions: Exception::all(entry.exceptions)?,
    };
    add_tags(&mut rule.tags, entry.tags);
    Ok(rule)
}

fn append_rule(rule: &mut Rule, entry: RuleEntry) -> Result<()> {
    if entry.condition.is_none() && entry.exceptions.is_none() {
        bail!("`append: true` comes with a condition or with exceptions");
    }
    if let Some(condition) = entry.condition {
        rule.condition.push_str(&format!(" {condition}"));
    }
    Exception::append(&mut rule.exceptions, entry.exceptions.unwrap_or_default())
}

fn override_rule(rule: &mut Rule, entry: RuleEntry) -> Result<()> {
    if entry.append.0 {
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
    let is_known = |key: &str| given.iter().any(|(known, _)| *known == key) || WITHOUT_VERDICT.contains(&key);
    if let Some(key) = overrides.keys().find(|key| !is_known(key)) {
        bail!("`override` names `{key}`, which no entry can change");
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
        Some(new) => rule.exceptions = Exception::all(Some(new))?,
        None => {}
    }
    if (priority.is_some() && appends("priority")) || (enabled.is_some() && appends("enabled")) {
        bail!("`priority` and `enabled` can only be replaced");
    }
    rule.priority = priority.unwrap_or(rule.priority);
    rule.enabled = enabled.map_or(rule.enabled, |Flag(enabled)| enabled);
    Ok(())
}

fn add_tags(tags: &mut Vec<String>, new: Option<Vec<Scalar>>) {
    tags.extend(new.unwrap_or_default().into_iter().map(|Scalar(tag)| tag));
    tags.sort();
    tags.dedup();
}
