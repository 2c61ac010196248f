//! What a hook does, and which settings each action has: one table, for the file that is read, the
//! configuration that is shown and the request that is made.

use crate::model::{Secret, words};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

words!(
    /// What a hook does.
    Action, "action", {
        /// Runs a command of the owner.
        Command = "command",
        /// An HTTP request of the owner's making.
        Webhook = "webhook",
        /// A message by an incoming webhook of Slack.
        Slack = "slack",
        /// A message by a webhook of Discord.
        Discord = "discord",
        /// A message by a bot of Telegram.
        Telegram = "telegram",
        /// A message by a Gotify server.
        Gotify = "gotify",
        /// A message by an ntfy server.
        Ntfy = "ntfy",
        /// A message by Pushover.
        Pushover = "pushover",
        /// A message in a room of Matrix.
        Matrix = "matrix",
        /// A ping of a healthchecks server.
        Healthchecks = "healthchecks",
        /// A push monitor of Uptime Kuma.
        UptimeKuma = "uptime-kuma",
        /// A mail.
        Email = "email",
    }
);

/// Whether a setting has to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Always.
    Required,
    /// It may be left out.
    Optional,
}

/// How the value of a setting looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A text that must not be shown; also `KEY-file` and `KEY-command`.
    Secret,
    /// A text.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number from the first to the second.
    Number(i64, i64),
    /// An absolute path.
    Path,
    /// A list of texts; one text stands for a list of it.
    List,
    /// Texts by name, which must not be shown.
    Table,
    /// A template of `notify`.
    Template,
    /// A script, in which nothing is expanded.
    Script,
}

/// One setting of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Its key.
    pub name: &'static str,
    /// How its value looks.
    pub shape: Shape,
    /// Whether it has to be there.
    pub need: Need,
}

const fn required(name: &'static str, shape: Shape) -> Setting {
    Setting { name, shape, need: Need::Required }
}

const fn optional(name: &'static str, shape: Shape) -> Setting {
    Setting { name, shape, need: Need::Optional }
}

const METHODS: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];

impl Action {
    /// The settings that it has.
    #[must_use]
    pub const fn settings(self) -> &'static [Setting] {
        use Shape::{List, Number, Path, Script, Secret, Table, Template, Text, Word};
        match self {
            Self::Command => {
                &const {
                    [
                        optional("script", Script),
                        optional("file", Path),
                        optional("argv", List),
                        optional("shell", List),
                        optional("env", Table),
                    ]
                }
            }
            Self::Webhook => {
                &const {
                    [
                        required("url", Secret),
                        optional("method", Word(METHODS)),
                        optional("headers", Table),
                        optional("body", Template),
                    ]
                }
            }
            Self::Slack | Self::Discord | Self::Healthchecks | Self::UptimeKuma => {
                &const { [required("url", Secret)] }
            }
            Self::Telegram => {
                &const {
                    [
                        required("token", Secret),
                        required("chat-id", Text),
                        optional("thread-id", Number(0, i64::MAX)),
                        optional("url", Text),
                    ]
                }
            }
            Self::Gotify => {
                &const {
                    [
                        required("url", Text),
                        required("token", Secret),
                        optional("priority", Number(0, 10)),
                    ]
                }
            }
            Self::Ntfy => {
                &const {
                    [
                        required("url", Secret),
                        optional("token", Secret),
                        optional("user", Text),
                        optional("password", Secret),
                        optional("priority", Number(1, 5)),
                        optional("tags", List),
                    ]
                }
            }
            Self::Pushover => {
                &const {
                    [
                        required("token", Secret),
                        required("user-key", Secret),
                        optional("device", Text),
                        optional("sound", Text),
                        // 2 asks for an answer, which nobody here waits for.
                        optional("priority", Number(-2, 1)),
                        optional("url", Text),
                    ]
                }
            }
            Self::Matrix => {
                &const { [required("url", Text), required("token", Secret), required("room", Text)] }
            }
            Self::Email => {
                &const {
                    [
                        required("host", Text),
                        optional("port", Number(1, 65_535)),
                        optional("security", Word(&["tls", "starttls", "none"])),
                        optional("user", Text),
                        optional("password", Secret),
                        required("from", Text),
                        required("to", List),
                        optional("ca-file", Path),
                    ]
                }
            }
        }
    }

    /// Whether it takes several messages as one; to the others each event means something by itself.
    #[must_use]
    pub const fn takes_several(self) -> bool {
        match self {
            Self::Command | Self::Healthchecks | Self::UptimeKuma => false,
            Self::Webhook
            | Self::Slack
            | Self::Discord
            | Self::Telegram
            | Self::Gotify
            | Self::Ntfy
            | Self::Pushover
            | Self::Matrix
            | Self::Email => true,
        }
    }

    /// Whether it is for a person, who is told of changes; a program is told each time.
    #[must_use]
    pub const fn is_for_people(self) -> bool {
        match self {
            Self::Command | Self::Webhook | Self::Healthchecks | Self::UptimeKuma => false,
            Self::Slack
            | Self::Discord
            | Self::Telegram
            | Self::Gotify
            | Self::Ntfy
            | Self::Pushover
            | Self::Matrix
            | Self::Email => true,
        }
    }
}

/// The value of a setting, ready to be used.
#[derive(Clone)]
pub enum Given {
    /// A text, word or number.
    Text(Secret),
    /// Several.
    List(Vec<Secret>),
    /// Several, by name.
    Table(Vec<(String, Secret)>),
}

/// The settings of one action, every secret resolved. C2: there is no `Debug`.
#[derive(Clone, Default)]
pub struct Settings(BTreeMap<&'static str, Given>);

impl Settings {
    /// Keeps the value of a setting.
    pub fn insert(&mut self, name: &'static str, given: Given) {
        self.0.insert(name, given);
    }

    /// The text of a setting, if it is there.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        match self.0.get(name)? {
            Given::Text(text) => Some(text.expose()),
            Given::List(_) | Given::Table(_) => None,
        }
    }

    /// The text of a setting; empty where it is left out.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// The number of a setting, if it is there.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<i64> {
        self.get(name)?.parse().ok()
    }

    /// The texts of a setting.
    #[must_use]
    pub fn list(&self, name: &str) -> Vec<&str> {
        match self.0.get(name) {
            Some(Given::List(list)) => list.iter().map(Secret::expose).collect(),
            Some(Given::Text(text)) => vec![text.expose()],
            Some(Given::Table(_)) | None => Vec::new(),
        }
    }

    /// The texts of a setting by their names.
    #[must_use]
    pub fn table(&self, name: &str) -> Vec<(&str, &str)> {
        match self.0.get(name) {
            Some(Given::Table(table)) => {
                table.iter().map(|(name, value)| (name.as_str(), value.expose())).collect()
            }
            Some(Given::Text(_) | Given::List(_)) | None => Vec::new(),
        }
    }

    /// A text of somebody else without any of these secrets, should it repeat one.
    #[must_use]
    pub fn redact(&self, action: Action, text: &str) -> String {
        let mut shown = text.to_owned();
        for setting in action.settings() {
            let hidden: Vec<&str> = match setting.shape {
                Shape::Secret => self.get(setting.name).into_iter().collect(),
                Shape::Table => self.table(setting.name).into_iter().map(|(_, v)| v).collect(),
                Shape::Text
                | Shape::Word(_)
                | Shape::Number(..)
                | Shape::Path
                | Shape::List
                | Shape::Template
                | Shape::Script => Vec::new(),
            };
            // A short value is a word of any answer; striking it out would only garble that.
            for secret in hidden.into_iter().filter(|secret| secret.len() >= 4) {
                shown = shown.replace(secret, "***");
            }
        }
        shown
    }
}
