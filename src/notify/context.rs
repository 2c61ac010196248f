//! What a template and a command are told of an event. Kept in the outbox, so it has no secret.

use super::{Event, Severity};
use crate::model::{Operation, Stats, Timestamp, what_and_remedy};
use serde::{Deserialize, Serialize};

/// The fields of an event, by the names that templates use.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Context {
    /// The word of the event.
    pub event: String,
    /// `info`, `warning` or `error`.
    pub severity: String,
    /// Whose it is: an instance id.
    pub instance: String,
    /// The key id (or name) of that instance, where it is a peer; `None`: it is this one.
    pub peer: Option<String>,
    /// The plan.
    pub plan: Option<String>,
    /// The repo.
    pub repo: Option<String>,
    /// How an operation ended, or the state of a plan or link.
    pub state: String,
    /// What happened, for a person.
    pub message: String,
    /// What to do.
    pub remedy: Option<String>,
    /// When, in RFC 3339.
    pub at: String,
    /// Which operation.
    pub operation: Option<String>,
    /// Its flow.
    pub flow: Option<String>,
    /// Its kind.
    pub kind: Option<String>,
    /// The snapshot made or used.
    pub snapshot: Option<String>,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<u64>,
    /// What a backup did.
    pub stats: Option<StatsContext>,
    /// Since when the state holds, in a reminder.
    pub since: Option<String>,
    /// Whether it was told before and still holds.
    pub reminder: bool,
    /// Whether it is a test.
    pub test: bool,
}

/// What a backup did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StatsContext {
    /// Files that the parent snapshot did not have.
    pub files_new: u64,
    /// Files that differ from the parent snapshot.
    pub files_changed: u64,
    /// Files that do not differ.
    pub files_unmodified: u64,
    /// Bytes read or known to be unmodified.
    pub bytes_processed: u64,
    /// Bytes added to the repository.
    pub bytes_added: u64,
    /// Files or folders that could not be read.
    pub item_errors: u64,
}

impl From<Stats> for StatsContext {
    fn from(stats: Stats) -> Self {
        Self {
            files_new: stats.files_new,
            files_changed: stats.files_changed,
            files_unmodified: stats.files_unmodified,
            bytes_processed: stats.bytes_processed,
            bytes_added: stats.bytes_added,
            item_errors: stats.item_errors,
        }
    }
}

impl StatsContext {
    /// The same for a person.
    pub(super) fn sentence(&self) -> String {
        let files = self.files_new + self.files_changed + self.files_unmodified;
        let (added, processed) = (size(self.bytes_added), size(self.bytes_processed));
        format!("{files} files, {processed} looked at, {added} added")
    }
}

/// Bytes as a person reads them.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut value = bytes as f64;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// No sentence of an event is longer here: what is longer is in the operation's log.
const MAX_MESSAGE: usize = 4_000;

impl Context {
    /// Of an event at a time, with nothing else said yet.
    #[must_use]
    pub fn new(event: Event, instance: impl ToString, at: Timestamp) -> Self {
        Self {
            event: event.to_string(),
            severity: event.severity().to_string(),
            instance: instance.to_string(),
            at: at.to_string(),
            ..Self::default()
        }
    }

    /// Of an operation: as it begins, or at its end.
    #[must_use]
    pub fn of_operation(event: Event, operation: &Operation) -> Self {
        let at = operation.ended_at.unwrap_or(operation.started_at);
        let took = operation.ended_at.map(|end| end.since(operation.started_at));
        let message: String = operation.message.chars().take(MAX_MESSAGE).collect();
        let (what, remedy) = what_and_remedy(&message);
        Self {
            plan: operation.plan.as_ref().map(ToString::to_string),
            repo: operation.repo.as_ref().map(ToString::to_string),
            state: operation.status.to_string(),
            remedy: remedy.map(str::to_owned),
            message: what.to_owned(),
            operation: Some(operation.id.to_string()),
            flow: Some(operation.flow.to_string()),
            kind: Some(operation.kind.to_string()),
            snapshot: operation.snapshot.clone(),
            duration_ms: took.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
            stats: operation.stats.map(StatsContext::from),
            ..Self::new(event, &operation.instance, at)
        }
    }

    /// The event; `None` if the word is not known here (it was kept by a newer program).
    #[must_use]
    pub fn event(&self) -> Option<Event> {
        self.event.parse().ok()
    }

    /// How bad it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.severity.parse().unwrap_or(Severity::Error)
    }

    /// What it is about: one thing in one place, whose states replace each other.
    #[must_use]
    pub fn subject(&self) -> String {
        let part = |text: &Option<String>| text.clone().unwrap_or_default();
        // Ids have no slash.
        let whose = self.peer.as_ref().unwrap_or(&self.instance);
        format!("{whose}/{}/{}", part(&self.repo), part(&self.plan))
    }

    /// The same in the words of a sentence: `plan home of nas`.
    #[must_use]
    pub fn about(&self) -> String {
        match (&self.plan, &self.repo) {
            (Some(plan), _) => format!("plan {plan} of {}", self.instance),
            (None, Some(repo)) => format!("repo {repo} of {}", self.instance),
            (None, None) => self.instance.clone(),
        }
    }

    /// The environment of a command: each field that is there, `HOLDFAST_` before its name. Texts
    /// have no NUL, which no environment can carry.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let mut all = Vec::new();
        if let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(self) {
            for (name, value) in fields {
                flatten(&mut all, format!("HOLDFAST_{}", name.to_uppercase()), &value);
            }
        }
        all
    }

    /// What happened: of what has no message, such as a good backup, what it did.
    #[must_use]
    pub(super) fn sentence(&self) -> String {
        match &self.stats {
            Some(stats) if self.message.is_empty() => stats.sentence(),
            Some(_) | None => self.message.clone(),
        }
    }

    /// The document that a webhook is sent by default.
    #[must_use]
    pub fn document(&self) -> serde_json::Value {
        serde_json::json!({
            "event": self.event, "instance": self.instance, "plan": self.plan, "repo": self.repo,
            "state": self.state, "message": self.sentence(), "remedy": self.remedy, "at": self.at,
            "operation": self.operation,
        })
    }
}

fn flatten(all: &mut Vec<(String, String)>, name: String, value: &serde_json::Value) {
    use serde_json::Value::{Array, Bool, Null, Number, Object, String as Text};
    match value {
        Null | Array(_) => {}
        Bool(flag) => all.push((name, flag.to_string())),
        Number(number) => all.push((name, number.to_string())),
        Text(text) => all.push((name, text.replace('\0', ""))),
        Object(fields) => {
            for (field, value) in fields {
                // HOLDFAST_STATS_BYTES_ADDED
                flatten(all, format!("{name}_{}", field.to_uppercase()), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_told_every_field_that_is_there_and_nothing_that_is_not() {
        let mut context = Context::new(Event::BackupFailed, "nas", Timestamp::EPOCH);
        context.message = "no\0 space $(id)".to_owned();
        context.stats = Some(StatsContext { bytes_added: 7, ..StatsContext::default() });
        let all = context.environment();
        let of = |name: &str| all.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        assert_eq!(of("HOLDFAST_EVENT"), Some("backup-failed"));
        assert_eq!(of("HOLDFAST_SEVERITY"), Some("error"));
        assert_eq!(of("HOLDFAST_MESSAGE"), Some("no space $(id)"));
        assert_eq!(of("HOLDFAST_STATS_BYTES_ADDED"), Some("7"));
        assert_eq!(of("HOLDFAST_PLAN"), None);
    }

    #[test]
    fn the_document_of_a_webhook_has_the_fields_of_the_contract() {
        let document = Context::new(Event::Late, "nas", Timestamp::EPOCH).document();
        let fields: Vec<_> = document.as_object().unwrap().keys().map(String::as_str).collect();
        let contract =
            ["at", "event", "instance", "message", "operation", "plan", "remedy", "repo", "state"];
        assert_eq!(fields, contract);
        assert!(document["plan"].is_null());
    }

    #[test]
    fn a_good_backup_says_in_the_document_what_people_are_told() {
        let mut good = Context::new(Event::BackupSucceeded, "nas", Timestamp::EPOCH);
        good.stats = Some(StatsContext { files_new: 2, bytes_added: 1536, ..Default::default() });
        let said = crate::notify::Message::new(good.clone(), &Default::default(), "1").unwrap();
        assert_eq!(good.document()["message"], "2 files, 0 B looked at, 1.5 KiB added");
        assert_eq!(good.document()["message"], said.body);
        good.message = "one file could not be read".to_owned();
        assert_eq!(good.document()["message"], good.message);
    }

    #[test]
    fn what_was_kept_reads_back_also_with_fields_of_a_newer_program() {
        let context = Context::new(Event::Stale, "nas", Timestamp::EPOCH);
        let text = serde_json::to_string(&context).unwrap().replacen('{', "{\"new\":1,", 1);
        assert_eq!(serde_json::from_str::<Context>(&text).unwrap(), context);
    }
}
