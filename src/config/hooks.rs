//! `[[channel]]` and `hook`: who is told what, as the owner wrote it.
//!
//! The settings of each action are a table of `notify`; here they are read, shown and resolved by it.
//! X1: hooks are read from the owner's file only; what a peer sends has no place for one.

use super::encode::{Fields, hidden, text as shown_text};
use super::secret::{SecretError, SecretSource, Template};
use super::units::Span;
use super::values::{absolute, label, within};
use super::written::{Field, Keys, Place, Section};
use crate::model::{PlanId, RepoId, words};
use crate::notify::policy::{Quiet, Repeat, Rule, TimeOfDay};
use crate::notify::{
    Action, Event, Given, Need, Setting, Settings, Severity, Shape, Wording, check_template,
};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;
use toml_edit::{Array, InlineTable, Value};

/// Someone to be told, named once.
#[derive(Debug, Clone, PartialEq)]
pub struct Channel {
    /// The name that hooks use.
    pub id: String,
    /// What is done.
    pub deed: Deed,
    /// When and in which words, where the hook does not say.
    pub manner: Manner,
}

/// Who is told of which events.
#[derive(Debug, Clone, PartialEq)]
pub struct Hook {
    /// Of these.
    pub on: Vec<Event>,
    /// What is done.
    pub target: Recipient,
    /// When and in which words.
    pub manner: Manner,
    /// What becomes of a run whose command failed before it.
    pub on_error: OnError,
}

/// What a hook does.
#[derive(Debug, Clone, PartialEq)]
pub enum Recipient {
    /// What that channel does.
    Channel(String),
    /// This.
    Inline(Deed),
}

/// An action and its settings, secrets as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Deed {
    /// What is done.
    pub action: Action,
    /// The settings that are given.
    pub settings: BTreeMap<&'static str, Written>,
}

/// The value of a setting as written.
#[derive(Clone, PartialEq, Eq)]
pub enum Written {
    /// A text, word, number, path or secret.
    Text(SecretSource),
    /// A text of the owner in which nothing is expanded: a script or a template.
    Literal(String),
    /// Several.
    List(Vec<Template>),
    /// Several, by name.
    Table(Vec<(String, Template)>),
}

/// When and in which words somebody is told; what is not given is left to the channel, then to the
/// action.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Manner {
    /// Every event, or changes.
    pub repeat: Option<Repeat>,
    /// After what time a state that is not good is told again.
    pub remind: Option<Span>,
    /// When what came in a day is told as one.
    pub digest: Option<TimeOfDay>,
    /// When nothing is told.
    pub quiet: Option<Quiet>,
    /// What is told at once all the same.
    pub wake: Option<Severity>,
    /// How long it may take.
    pub timeout: Option<Span>,
    /// The words.
    pub wording: Wording,
}

words!(
    /// What becomes of a run whose command failed before it; after a run only `retry` says more than
    /// `ignore`.
    OnError, "on-error", {
        /// The run goes on as if nothing had been.
        Ignore = "ignore",
        /// The run goes on and ends with a warning.
        Warn = "warn",
        /// The run is cancelled.
        Cancel = "cancel",
        /// The run fails.
        Fail = "fail",
        /// The command is tried again, later and later, then the run fails.
        Retry = "retry",
    }
);

/// Where a hook is written, which is what it hears of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// At the top: everything here, and what peers tell.
    Instance,
    /// In a repo.
    Repo(RepoId),
    /// In a plan.
    Plan(PlanId),
}

/// A hook with all that it needs, by a name that it keeps while it is not rewritten.
#[derive(Debug, Clone, PartialEq)]
pub struct Listener {
    /// Its name.
    pub key: String,
    /// Where it is written.
    pub level: Level,
    /// Of which events.
    pub on: Vec<Event>,
    /// What is done.
    pub deed: Deed,
    /// The channel that it names.
    pub channel: Option<String>,
    /// When it is told.
    pub rule: Rule,
    /// In which words.
    pub wording: Wording,
    /// How long it may take.
    pub timeout: Duration,
    /// What becomes of a run whose command failed before it.
    pub on_error: OnError,
}

const MESSAGE_TIME: Duration = Duration::from_secs(30);
const COMMAND_TIME: Duration = Duration::from_secs(10 * 60);

impl Deed {
    /// The settings, every secret resolved now.
    ///
    /// # Errors
    /// A secret that cannot be had.
    pub async fn resolve(&self) -> Result<Settings, SecretError> {
        let mut settings = Settings::default();
        for (name, written) in &self.settings {
            let given = match written {
                Written::Text(source) => Given::Text(source.resolve().await?),
                Written::Literal(text) => Given::Text(crate::model::Secret::new(text.clone())),
                Written::List(list) => {
                    Given::List(list.iter().map(Template::resolve).collect::<Result<_, _>>()?)
                }
                Written::Table(table) => Given::Table(
                    table
                        .iter()
                        .map(|(name, value)| Ok((name.clone(), value.resolve()?)))
                        .collect::<Result<_, SecretError>>()?,
                ),
            };
            settings.insert(name, given);
        }
        Ok(settings)
    }
}

impl Manner {
    /// This manner, and where it says nothing, the other.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            repeat: self.repeat.or(other.repeat),
            remind: self.remind.or(other.remind),
            digest: self.digest.or(other.digest),
            quiet: self.quiet.or(other.quiet),
            wake: self.wake.or(other.wake),
            timeout: self.timeout.or(other.timeout),
            wording: Wording {
                title: self.wording.title.or(other.wording.title),
                body: self.wording.body.or(other.wording.body),
            },
        }
    }

    const fn rule(&self, action: Action) -> Rule {
        let repeat = match (self.repeat, action.is_for_people()) {
            (Some(repeat), _) => repeat,
            (None, true) => Repeat::Changes,
            (None, false) => Repeat::Always,
        };
        let remind = match self.remind {
            Some(span) => Some(span.0),
            None => None,
        };
        Rule { repeat, remind, digest: self.digest, quiet: self.quiet, wake: self.wake }
    }
}

impl super::Config {
    /// The channel of that name.
    #[must_use]
    pub fn channel(&self, id: &str) -> Option<&Channel> {
        self.channels.iter().find(|channel| channel.id == id)
    }

    /// Every hook, complete.
    #[must_use]
    pub fn listeners(&self) -> Vec<Listener> {
        let mut names = BTreeMap::new();
        self.hooks_by_level()
            .filter_map(|(level, hook)| self.listener(level, hook, &mut names))
            .collect()
    }

    /// A hook on one event that a channel would be, to try it.
    #[must_use]
    pub fn listener_of_channel(&self, id: &str, event: Event) -> Option<Listener> {
        let target = Recipient::Channel(id.to_owned());
        let (manner, on_error) = (Manner::default(), OnError::Ignore);
        let hook = Hook { on: vec![event], target, manner, on_error };
        let listener = self.listener(Level::Instance, &hook, &mut BTreeMap::new())?;
        Some(Listener { key: format!("test/{id}/{event}"), ..listener })
    }

    fn hooks_by_level(&self) -> impl Iterator<Item = (Level, &Hook)> {
        let top = self.hooks.iter().map(|hook| (Level::Instance, hook));
        let of_repo = self
            .repos
            .iter()
            .flat_map(|repo| repo.hooks.iter().map(|hook| (Level::Repo(repo.id.clone()), hook)));
        let of_plan = self
            .plans
            .iter()
            .flat_map(|plan| plan.hooks.iter().map(|hook| (Level::Plan(plan.id.clone()), hook)));
        top.chain(of_repo).chain(of_plan)
    }

    fn listener(
        &self,
        level: Level,
        hook: &Hook,
        names: &mut BTreeMap<String, usize>,
    ) -> Option<Listener> {
        let (deed, channel, manner) = match &hook.target {
            Recipient::Inline(deed) => (deed.clone(), None, hook.manner.clone()),
            Recipient::Channel(id) => {
                let channel = self.channel(id)?;
                let manner = hook.manner.clone().or(channel.manner.clone());
                (channel.deed.clone(), Some(id.clone()), manner)
            }
        };
        let on: Vec<_> = hook.on.iter().map(|event| event.as_str()).collect();
        let target = channel.as_deref().unwrap_or(deed.action.as_str());
        let name = format!("{level}/{target}/{}", on.join(","));
        let count = names.entry(name.clone()).or_default();
        *count += 1;
        let key = if *count == 1 { name } else { format!("{name}#{count}") };
        let is_command = deed.action == Action::Command;
        let usual = if is_command { COMMAND_TIME } else { MESSAGE_TIME };
        Some(Listener {
            key,
            level,
            on: hook.on.clone(),
            rule: manner.rule(deed.action),
            timeout: manner.timeout.map_or(usual, |span| span.0),
            wording: manner.wording,
            on_error: hook.on_error,
            deed,
            channel,
        })
    }
}

impl Listener {
    /// Whether it hears of what happens on this repo and plan of this instance.
    #[must_use]
    pub fn hears(&self, repo: Option<&RepoId>, plan: Option<&PlanId>) -> bool {
        match &self.level {
            Level::Instance => true,
            Level::Repo(own) => repo == Some(own),
            Level::Plan(own) => plan == Some(own),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instance => f.write_str("top"),
            Self::Repo(id) => write!(f, "repo:{id}"),
            Self::Plan(id) => write!(f, "plan:{id}"),
        }
    }
}

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Written(..)")
    }
}

// ------------------------------------------------------------------------------------- reading

macro_rules! keys {
    ($($more:literal),*) => {
        &[
            "repeat", "remind", "digest", "quiet", "wake", "timeout", "title", "body", "command",
            "webhook", "slack", "discord", "telegram", "gotify", "ntfy", "pushover", "matrix",
            "healthchecks", "uptime-kuma", "email", $($more),*
        ]
    };
}

pub(super) const CHANNEL: Keys = Keys { known: keys!("id"), later: &[] };
pub(super) const HOOK: Keys = Keys { known: keys!("on", "channel", "on-error"), later: &[] };

pub(super) fn channel(section: Section<'_>, place: &mut Place) -> Option<Channel> {
    let id = section.required("id", "\"NAME\"").and_then(|field| {
        place.span = field.place.span.clone();
        let id = label(&field)?;
        section.findings.channels.borrow_mut().push(id.clone());
        Some(id)
    });
    let deed = only_deed(&section);
    Some(Channel { id: id?, deed: deed?, manner: manner(&section) })
}

/// The hooks of a table that may have some.
pub(super) fn hooks(section: &Section<'_>) -> Vec<Hook> {
    section.field("hook").map(|field| field.list(hook)).unwrap_or_default()
}

fn hook(field: &Field<'_>) -> Option<Hook> {
    let section = field.table(&HOOK)?;
    let on = section.required("on", "[\"any-failure\"]").map(|on| {
        super::values::at_least_one(&on, "[\"any-failure\"]");
        on.list(|item| item.word(Event::ALL))
    });
    let target = match section.field("channel") {
        Some(field) => {
            let others = deeds(&section);
            if let Some((_, other)) = others.first() {
                other.report("a hook has a channel or an action, not both", None);
            }
            known_channel(&section, &field).map(Recipient::Channel)
        }
        None => only_deed(&section).map(Recipient::Inline),
    };
    let on_error = section.field("on-error").and_then(|field| field.word(OnError::ALL));
    let hook = Hook {
        on: on?,
        target: target?,
        manner: manner(&section),
        on_error: on_error.unwrap_or(OnError::Ignore),
    };
    check_on_error(&section, &hook);
    Some(hook)
}

/// What it says of a run has a meaning only before there is one.
fn check_on_error(section: &Section<'_>, hook: &Hook) {
    let Some(field) = section.field("on-error") else { return };
    let is_before = hook.on == [Event::BackupStarted];
    let may_be_command = match &hook.target {
        Recipient::Inline(deed) => deed.action == Action::Command,
        Recipient::Channel(_) => true,
    };
    let stops = matches!(hook.on_error, OnError::Warn | OnError::Cancel | OnError::Fail);
    if !may_be_command {
        let cure = "messages are tried again by themselves; remove the key".to_owned();
        field.report("on-error is for commands", Some(cure));
    } else if stops && !is_before {
        let cure = "write on = [\"backup-started\"], or \"ignore\" or \"retry\" here".to_owned();
        field.report("what has ended cannot be changed by a hook", Some(cure));
    }
}

/// The channel that a hook names has to be there.
fn known_channel(section: &Section<'_>, field: &Field<'_>) -> Option<String> {
    let id = field.text()?;
    let ids = section.findings.channels.borrow();
    if ids.iter().any(|known| known == id) {
        return Some(id.to_owned());
    }
    let near = super::problem::nearest(id, ids.iter().map(String::as_str));
    let cure = near.map_or_else(
        || "write a [[channel]] with that id".to_owned(),
        |near| format!("did you mean {near:?}?"),
    );
    field.report(format!("there is no channel {}", super::problem::quoted(id)), Some(cure));
    None
}

fn deeds<'a>(section: &Section<'a>) -> Vec<(Action, Field<'a>)> {
    let all = Action::ALL.iter();
    all.filter_map(|action| Some((*action, section.field(action.as_str())?))).collect()
}

fn only_deed(section: &Section<'_>) -> Option<Deed> {
    let deeds = deeds(section);
    let [(action, field)] = &deeds[..] else {
        let words: Vec<_> = Action::ALL.iter().map(|action| action.as_str()).collect();
        let cure = format!("write one of {}", words.join(", "));
        section.report(
            format!("{} actions are given, exactly one is needed", deeds.len()),
            Some(cure),
        );
        return None;
    };
    deed(*action, field)
}

fn deed(action: Action, field: &Field<'_>) -> Option<Deed> {
    // The shortest way to say a script.
    if action == Action::Command && field.is_string() {
        let script = Written::Literal(field.text()?.to_owned());
        return Some(Deed { action, settings: BTreeMap::from([("script", script)]) });
    }
    let section = field.open_table()?;
    check_keys(action, &section);
    let mut settings = BTreeMap::new();
    let mut whole = true;
    for setting in action.settings() {
        match read(&section, setting) {
            Ok(Some(written)) => drop(settings.insert(setting.name, written)),
            Ok(None) if setting.need == Need::Optional => {}
            Ok(None) => {
                let name = setting.name;
                section.required(name, &example(setting));
                whole = false;
            }
            Err(()) => whole = false,
        }
    }
    let deed = Deed { action, settings };
    (whole & check_together(&section, &deed)).then_some(deed)
}

fn example(setting: &Setting) -> String {
    match setting.shape {
        Shape::List => "[\"…\"]".to_owned(),
        Shape::Table => "{ NAME = \"…\" }".to_owned(),
        Shape::Secret => format!("\"…\" (or {}-file, {}-command)", setting.name, setting.name),
        Shape::Text | Shape::Word(_) | Shape::Path | Shape::Template | Shape::Script => {
            "\"…\"".to_owned()
        }
        Shape::Number(least, _) => least.to_string(),
    }
}

fn check_keys(action: Action, section: &Section<'_>) {
    let mut known = Vec::new();
    for setting in action.settings() {
        known.push(setting.name.to_owned());
        if setting.shape == Shape::Secret {
            known.extend(["file", "command"].map(|how| format!("{}-{how}", setting.name)));
        }
    }
    section.check_names(&known);
}

/// What more than one setting says.
fn check_together(section: &Section<'_>, deed: &Deed) -> bool {
    let has = |name: &str| deed.settings.contains_key(name);
    let literal = |name: &str| match deed.settings.get(name) {
        Some(Written::Text(SecretSource::Inline(text))) => Some(text.as_written()),
        _ => None,
    };
    let problem = match deed.action {
        Action::Command => {
            let given = ["script", "file", "argv"].into_iter().filter(|name| has(name)).count();
            (given != 1).then_some("give exactly one of script, file and argv")
        }
        Action::Ntfy if has("user") != has("password") => Some("user and password go together"),
        Action::Ntfy if has("user") && has("token") => Some("give a token or a user, not both"),
        Action::Email if has("password") && !has("user") => Some("a password needs a user"),
        Action::Email if has("user") && literal("security") == Some("none") => Some(
            "without TLS a password would be sent in clear; write security = \"starttls\" or \"tls\"",
        ),
        _ => None,
    };
    if let Some(problem) = problem {
        section.report(problem, None);
    }
    problem.is_none()
}

/// The value of a setting; an error has been reported.
fn read(section: &Section<'_>, setting: &Setting) -> Result<Option<Written>, ()> {
    if setting.shape == Shape::Secret {
        return secret(section, setting.name);
    }
    let Some(field) = section.field(setting.name) else { return Ok(None) };
    let text = |template: Option<Template>| {
        template.map(|template| Written::Text(SecretSource::Inline(template)))
    };
    let literal =
        |literal: &str| Some(Written::Text(SecretSource::Inline(Template::literal(literal))));
    let written = match setting.shape {
        Shape::Script => field.text().map(|text| Written::Literal(text.to_owned())),
        Shape::Secret | Shape::Text => text(field.parse()),
        Shape::Word(words) => field.word(words).and_then(literal),
        Shape::Number(least, most) => {
            field.number(least, most).and_then(|number| literal(&number.to_string()))
        }
        Shape::Path => absolute(&field).and_then(|_| text(field.parse())),
        Shape::Template => template(&field).map(Written::Literal),
        Shape::List if field.is_string() => field.parse().map(|one| Written::List(vec![one])),
        Shape::List => {
            super::values::at_least_one(&field, "[\"…\"]");
            Some(Written::List(field.list(Field::parse)))
        }
        Shape::Table => field.open_table().map(|table| {
            Written::Table(
                table
                    .entries()
                    .filter_map(|(name, value)| Some((name.to_owned(), value.parse()?)))
                    .collect(),
            )
        }),
    };
    written.map(Some).ok_or(())
}

fn secret(section: &Section<'_>, name: &str) -> Result<Option<Written>, ()> {
    let (file, command) = (format!("{name}-file"), format!("{name}-command"));
    let fields = [name, &file, &command].map(|key| section.field(key));
    if fields.iter().flatten().count() > 1 {
        section.report(format!("give one of {name}, {file} and {command}"), None);
        return Err(());
    }
    let source = match fields {
        [None, None, None] => return Ok(None),
        [Some(inline), ..] => inline.parse().map(SecretSource::Inline),
        [_, Some(file), _] => super::tables::secret_file(&file),
        [_, _, Some(command)] => command.text().map(|text| SecretSource::Command(text.into())),
    };
    source.map(|source| Some(Written::Text(source))).ok_or(())
}

fn template(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    match check_template(text) {
        Ok(()) => Some(text.to_owned()),
        Err(error) => {
            field.report(error.to_string(), None);
            None
        }
    }
}

fn manner(section: &Section<'_>) -> Manner {
    let text = |key| section.field(key).and_then(|field| template(&field));
    let span = |key, least, most| {
        section.field(key).and_then(|field| within(&field, least, most)).map(Span)
    };
    let day = Duration::from_secs(24 * 3600);
    Manner {
        repeat: section.field("repeat").and_then(|field| field.word(Repeat::ALL)),
        remind: span("remind", Duration::from_secs(60), 365 * day),
        digest: parsed(section, "digest"),
        quiet: parsed(section, "quiet"),
        wake: section.field("wake").and_then(|field| field.word(Severity::ALL)),
        timeout: span("timeout", Duration::from_secs(1), day),
        wording: Wording { title: text("title"), body: text("body") },
    }
}

fn parsed<T: FromStr<Err: fmt::Display>>(section: &Section<'_>, key: &str) -> Option<T> {
    section.field(key)?.parse()
}

// ------------------------------------------------------------------------------------- showing

pub(super) fn show_channel(channel: &Channel) -> Fields {
    let mut fields: Fields = vec![("id", Some(shown_text(&channel.id)))];
    fields.extend(show_manner(&channel.manner));
    fields.push((channel.deed.action.as_str(), Some(show_deed(&channel.deed))));
    fields
}

/// The hooks of a table, without their secrets. `None` where there are none.
pub(super) fn show_hooks(hooks: &[Hook]) -> Option<Value> {
    let one = |hook: &Hook| {
        let mut table = InlineTable::new();
        let on: Array = hook.on.iter().map(|event| event.as_str()).collect();
        table.insert("on", Value::Array(on));
        match &hook.target {
            Recipient::Channel(id) => table.insert("channel", shown_text(id)),
            Recipient::Inline(deed) => table.insert(deed.action.as_str(), show_deed(deed)),
        };
        if hook.on_error != OnError::Ignore {
            table.insert("on-error", shown_text(hook.on_error));
        }
        for (key, value) in show_manner(&hook.manner) {
            if let Some(value) = value {
                table.insert(key, value);
            }
        }
        Value::InlineTable(table)
    };
    (!hooks.is_empty()).then(|| Value::Array(hooks.iter().map(one).collect()))
}

fn show_manner(manner: &Manner) -> Fields {
    let Manner { repeat, remind, digest, quiet, wake, timeout, wording } = manner;
    vec![
        ("repeat", repeat.map(shown_text)),
        ("remind", remind.map(shown_text)),
        ("digest", digest.map(shown_text)),
        ("quiet", quiet.map(shown_text)),
        ("wake", wake.map(shown_text)),
        ("timeout", timeout.map(shown_text)),
        ("title", wording.title.as_ref().map(shown_text)),
        ("body", wording.body.as_ref().map(shown_text)),
    ]
}

fn show_deed(deed: &Deed) -> Value {
    let mut table = InlineTable::new();
    for setting in deed.action.settings() {
        let Some(written) = deed.settings.get(setting.name) else { continue };
        let (key, value) = show_setting(setting, written);
        table.insert(&key, value);
    }
    Value::InlineTable(table)
}

fn show_setting(setting: &Setting, written: &Written) -> (String, Value) {
    let is_secret = matches!(setting.shape, Shape::Secret | Shape::Table);
    let one = |template: &Template| {
        let shown = if is_secret { hidden(template) } else { template.clone() };
        Value::from(shown.as_written())
    };
    let name = setting.name.to_owned();
    match written {
        Written::Text(SecretSource::Inline(text)) if matches!(setting.shape, Shape::Number(..)) => {
            let number = text.as_written().parse::<i64>();
            (name, number.map_or_else(|_| one(text), Value::from))
        }
        Written::Text(SecretSource::Inline(template)) => (name, one(template)),
        Written::Text(SecretSource::File(path)) => {
            (format!("{name}-file"), Value::from(path.as_written()))
        }
        Written::Text(SecretSource::Command(command)) => {
            (format!("{name}-command"), Value::from(command.as_str()))
        }
        Written::Literal(text) => (name, Value::from(text.as_str())),
        Written::List(list) => (name, Value::Array(list.iter().map(one).collect())),
        Written::Table(table) => {
            let pairs = table.iter().map(|(name, value)| (name.as_str(), one(value)));
            (name, Value::InlineTable(pairs.collect::<InlineTable>()))
        }
    }
}
