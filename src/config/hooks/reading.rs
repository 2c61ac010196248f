//! The readers of `[[channel]]` and `hook`.

use super::super::encode::HIDDEN;
use super::super::problem::{nearest, quoted};
use super::super::secret::{SecretSource, Template};
use super::super::tables::secret_file;
use super::super::units::Span;
use super::super::values::{absolute, at_least_one, label, within};
use super::super::written::{Field, Keys, Place, Section};
use super::{Channel, Deed, Hook, Manner, OnError, Recipient, Written};
use crate::notify::policy::Repeat;
use crate::notify::{Action, Event, Need, Setting, Severity, Shape, Wording, check_template};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

macro_rules! keys {
    ($($more:literal),*) => {
        &[
            "repeat", "remind", "digest", "quiet", "wake", "timeout", "title", "body", "command",
            "webhook", "slack", "discord", "telegram", "gotify", "ntfy", "pushover", "matrix",
            "healthchecks", "uptime-kuma", "email", $($more),*
        ]
    };
}

pub(in crate::config) const CHANNEL: Keys = Keys { known: keys!("id") };
pub(in crate::config) const HOOK: Keys = Keys { known: keys!("on", "channel", "on-error") };

pub(in crate::config) fn channel(section: Section<'_>, place: &mut Place) -> Option<Channel> {
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
pub(in crate::config) fn hooks(section: &Section<'_>) -> Vec<Hook> {
    section.field("hook").map(|field| field.list(hook)).unwrap_or_default()
}

fn hook(field: &Field<'_>) -> Option<Hook> {
    let section = field.table(&HOOK)?;
    let on = section.required("on", "[\"any-failure\"]").map(|on| {
        at_least_one(&on, "[\"any-failure\"]");
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
    let near = nearest(id, ids.iter().map(String::as_str));
    let cure = near.map_or_else(
        || "write a [[channel]] with that id".to_owned(),
        |near| format!("did you mean {near:?}?"),
    );
    field.report(format!("there is no channel {}", quoted(id)), Some(cure));
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
    let problem = if deed.action == Action::Command {
        let given = ["script", "file", "argv"].into_iter().filter(|name| has(name)).count();
        (given != 1).then_some("give exactly one of script, file and argv")
    } else if deed.action == Action::Ntfy && has("user") != has("password") {
        Some("user and password go together")
    } else if deed.action == Action::Ntfy && has("user") && has("token") {
        Some("give a token or a user, not both")
    } else if deed.action == Action::Email && has("password") && !has("user") {
        Some("a password needs a user")
    } else if has("user") && literal("security") == Some("none") {
        let said = "without TLS a password would be sent in clear; \
                    write security = \"starttls\" or \"tls\"";
        Some(said)
    } else if literal("url").is_some_and(is_no_web_address) {
        Some("the url begins with neither http:// nor https://")
    } else {
        None
    };
    if let Some(problem) = problem {
        section.report(problem, None);
    }
    problem.is_none()
}

/// What begins with a variable is known only once there is a message, and a config as it is shown reads
/// back.
fn is_no_web_address(url: &str) -> bool {
    let begins = |with: &str| url.get(..with.len()).is_some_and(|b| b.eq_ignore_ascii_case(with));
    url != HIDDEN && !["http://", "https://", "${"].into_iter().any(begins)
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
            field.whole_number(least, most).and_then(|number| literal(&number.to_string()))
        }
        Shape::Path => absolute(&field).and_then(|_| text(field.parse())),
        Shape::Template => template(&field).map(Written::Literal),
        Shape::List if field.is_string() => field.parse().map(|one| Written::List(vec![one])),
        Shape::List => {
            at_least_one(&field, "[\"…\"]");
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
        [_, Some(file), _] => secret_file(&file),
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
