//! `[[channel]]` and `hook`: who is told what, as the owner wrote it.
//!
//! The settings of each action are a table of `notify`; here they are read, shown and resolved by it.
//! X1: hooks are read from the owner's file only; what a peer sends has no place for one.

mod reading;
mod showing;

#[cfg(test)]
pub(super) use reading::HOOK;
pub(super) use reading::{CHANNEL, channel, hooks};
pub(super) use showing::{show_channel, show_hooks};

use super::secret::{SecretError, SecretSource, Template};
use super::units::Span;
use crate::model::{PlanId, RepoId, words};
use crate::notify::policy::{Quiet, Repeat, Rule, TimeOfDay};
use crate::notify::{Action, Event, Given, Settings, Severity, Wording};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

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

    /// Every hook with where it is written: the top ones first, then those of repos and of plans.
    pub fn hooks_by_level(&self) -> impl Iterator<Item = (Level, &Hook)> {
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
