//! Edits of the file that keep its comments and its order.

use super::edit_hooks::{self, ChannelDraft, HookDraft};
use super::encode::{self, Fields};
use super::hooks::Level;
use super::live::read_text;
use super::parse::parse;
use super::problem::Problems;
use super::units::{Span, TrustedProxy};
use super::valid::{Config, History, Plan, Repo, Tls};
use crate::model::{InstanceId, MachineClass, PlanId, RepoId};
use crate::pairing::PeerUrl;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, Value};

/// Why an edit did not happen. The file is as it was, always.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// Nothing of that id to replace or remove.
    #[error("there is no {kind} {id:?} in the configuration file")]
    Missing {
        /// `repo` or `plan`.
        kind: &'static str,
        /// Which.
        id: String,
    },
    /// Something of that id is there already.
    #[error("{kind} {id:?} is in the configuration file already; choose another id or edit it")]
    Exists {
        /// `repo` or `plan`.
        kind: &'static str,
        /// Which.
        id: String,
    },
    /// The file, before or after the edit, is not valid.
    #[error("the configuration would not be valid:\n{0}")]
    Invalid(#[from] Problems),
    /// Whoever manages the file does not want it edited here.
    #[error("configuration {path:?} is read-only; change it where it is managed")]
    ReadOnly {
        /// Which file.
        path: PathBuf,
    },
    /// The system did not let it be read or written.
    #[error("configuration {path:?} cannot be edited: {reason}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// It is not written by an edit.
    #[error("{what} is not written here; write it into the configuration file")]
    ByHand {
        /// What.
        what: &'static str,
    },
    /// It is not what the edit was based on.
    #[error(
        "{kind} {id:?} was changed meanwhile; look at it as it is now, and make the change again"
    )]
    Conflict {
        /// `repo` or `plan`.
        kind: &'static str,
        /// Which.
        id: String,
    },
    /// Somebody else saved the file at every attempt.
    #[error("configuration {path:?} was changed by somebody else meanwhile; try again")]
    Contended {
        /// Which file.
        path: PathBuf,
    },
}

/// One change. Several are made together or not at all.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    /// A new repo.
    AddRepo(Box<Repo>),
    /// All of a repo.
    ReplaceRepo(Box<Repo>),
    /// A repo out of the file; nothing of the repository is touched.
    RemoveRepo(RepoId),
    /// A new plan.
    AddPlan(Plan),
    /// All of a plan.
    ReplacePlan(Plan),
    /// A plan out of the file.
    RemovePlan(PlanId),
    /// A setting of the top level.
    Set(TopLevel),
    /// A channel, new or all of it but the secrets that stay.
    PutChannel(ChannelDraft),
    /// A channel out of the file.
    RemoveChannel(String),
    /// A hook, new or another.
    PutHook(HookDraft),
    /// A hook out of the file.
    RemoveHook(Level, usize),
    /// The repos, plans and channels of another text, all of them new.
    Merge(String),
    /// No change: the edits are made only if this is what the file says before them.
    If(Box<Same>),
}

/// What has to be as somebody read it.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "an edit has one, and not for long")]
pub enum Same {
    /// A repo.
    Repo(Repo),
    /// A plan.
    Plan(Plan),
}

impl Same {
    fn check(&self, config: &Config) -> Result<(), EditError> {
        let (kind, id, is_same) = match self {
            Self::Repo(repo) => ("repo", repo.id.as_str(), config.repo(&repo.id) == Some(repo)),
            Self::Plan(plan) => ("plan", plan.id.as_str(), config.plan(&plan.id) == Some(plan)),
        };
        let conflict = || EditError::Conflict { kind, id: id.to_owned() };
        is_same.then_some(()).ok_or_else(conflict)
    }
}

/// A setting of the top level with its value.
#[derive(Debug, Clone, PartialEq)]
pub enum TopLevel {
    /// This instance's name.
    Instance(InstanceId),
    /// What kind of machine this is.
    Class(MachineClass),
    /// Where UI, API and sync are served.
    Listen(Vec<SocketAddr>),
    /// How others reach this instance.
    Urls(Vec<PeerUrl>),
    /// Earlier names whose tags count as ours.
    Formerly(Vec<String>),
    /// How often a silent link is pinged.
    Heartbeat(Duration),
    /// After how long a silence a link is dead.
    DeadAfter(Duration),
    /// Where the sync path and nothing else is served.
    SyncListen(Vec<SocketAddr>),
    /// Whose `X-Forwarded-For` counts.
    TrustedProxies(Vec<TrustedProxy>),
    /// How much history is kept.
    History(History),
    /// TLS on the listening addresses.
    Tls(Tls),
    /// The restic binary; `None` for the one on PATH.
    Restic(Option<PathBuf>),
}

impl TopLevel {
    fn field(&self) -> (&'static str, Option<Value>) {
        let text = |value: &dyn std::fmt::Display| Some(Value::from(value.to_string()));
        match self {
            Self::Instance(id) => ("instance", text(id)),
            Self::Class(class) => ("class", text(class)),
            Self::Listen(addresses) => ("listen", encode::list(addresses)),
            Self::Urls(urls) => ("urls", encode::list(urls)),
            Self::Formerly(names) => ("formerly", encode::list(names)),
            Self::Heartbeat(every) => ("heartbeat", text(&Span(*every))),
            Self::DeadAfter(silence) => ("dead-after", text(&Span(*silence))),
            Self::SyncListen(addresses) => ("sync-listen", encode::list(addresses)),
            Self::TrustedProxies(proxies) => ("trusted-proxies", encode::list(proxies)),
            Self::History(history) => ("history", Some(encode::history(history))),
            Self::Tls(tls) => ("tls", encode::tls(tls)),
            Self::Restic(path) => ("restic", path.as_ref().and_then(|p| text(&p.display()))),
        }
    }
}

/// Edits one file.
#[derive(Debug, Clone)]
pub struct Editor {
    path: PathBuf,
}

impl Editor {
    const ATTEMPTS: usize = 5;

    /// Of the file at this path.
    #[must_use]
    pub const fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Makes the edits and puts the result, once it has been validated, in the place of the file.
    ///
    /// # Errors
    /// The file is as it was; the error says why.
    pub fn apply(&self, edits: &[Edit]) -> Result<Config, EditError> {
        // What a link points to is replaced, not the link.
        let path = self.path.canonicalize().map_err(|reason| self.io(reason))?;
        let folder = path.parent().unwrap_or(Path::new("/"));
        let _lock = lock(folder);
        for _ in 0..Self::ATTEMPTS {
            let before = read_text(&path).map_err(|reason| self.io(reason))?;
            let after = edited(&before, edits)?;
            let config = parse(&after)?;
            if self.replace(&path, &before, &after)? {
                return Ok(config);
            }
        }
        Err(EditError::Contended { path: self.path.clone() })
    }

    /// Puts a text in the place of the file, while `is_still` knows what is there. `false`: it is
    /// something else by now, and stays.
    ///
    /// # Errors
    /// The file is as it was; the error says why.
    pub fn put_back(&self, text: &str, is_still: impl Fn(&str) -> bool) -> Result<bool, EditError> {
        let path = self.path.canonicalize().map_err(|reason| self.io(reason))?;
        let _lock = lock(path.parent().unwrap_or(Path::new("/")));
        let now = read_text(&path).map_err(|reason| self.io(reason))?;
        parse(text)?;
        Ok(is_still(&now) && self.replace(&path, &now, text)?)
    }

    /// A `plan` or `repo` as the file has it, with its comments; `None` where it has none of that id.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn text_of(&self, kind: &str, id: &str) -> Result<Option<String>, EditError> {
        let text = read_text(&self.path).map_err(|reason| self.io(reason))?;
        Ok(edit_hooks::cut_out(&text, kind, id))
    }

    /// The configuration that the edits would make of the file, validated; nothing is written.
    ///
    /// # Errors
    /// Why [`Editor::apply`] would not make them.
    pub fn rehearse(&self, edits: &[Edit]) -> Result<Config, EditError> {
        let before = read_text(&self.path).map_err(|reason| self.io(reason))?;
        Ok(parse(&edited(&before, edits)?)?)
    }

    /// `false` if the file is not what it was when it was read.
    pub(super) fn replace(
        &self,
        path: &Path,
        before: &str,
        after: &str,
    ) -> Result<bool, EditError> {
        let permissions = std::fs::metadata(path).map_err(|reason| self.io(reason))?.permissions();
        // Asked for by itself: root may write, and rename replaces, what is marked read-only.
        if permissions.readonly() {
            return Err(EditError::ReadOnly { path: self.path.clone() });
        }
        let folder = path.parent().unwrap_or(Path::new("/"));
        let new = written(folder, after, permissions).map_err(|reason| self.io(reason))?;
        if read_text(path).map_err(|reason| self.io(reason))? != before {
            return Ok(false);
        }
        new.persist(path).map_err(|error| self.io(error.error))?;
        std::fs::File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|reason| self.io(reason))?;
        Ok(true)
    }

    fn io(&self, reason: io::Error) -> EditError {
        let path = self.path.clone();
        match reason.kind() {
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                EditError::ReadOnly { path }
            }
            _ => EditError::Io { path, reason },
        }
    }
}

/// Keeps two edits apart, also of two processes; where the file system has no locks, the comparison
/// before the rename has to do.
fn lock(folder: &Path) -> Option<std::fs::File> {
    let folder = std::fs::File::open(folder).ok()?;
    rustix::fs::flock(&folder, rustix::fs::FlockOperation::LockExclusive).ok()?;
    Some(folder)
}

fn written(
    folder: &Path,
    text: &str,
    permissions: std::fs::Permissions,
) -> io::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::Builder::new().prefix(".holdfast-").tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(permissions)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// The text with the edits made.
fn edited(text: &str, edits: &[Edit]) -> Result<String, EditError> {
    // A file with problems is not edited: the edit would be lost in them, or they in the edit.
    let config = parse(text)?;
    let Ok(mut document) = text.parse::<DocumentMut>() else {
        return Err(EditError::Invalid(Problems::default()));
    };
    let tail = document.trailing().as_str().unwrap_or_default().to_owned();
    for edit in edits {
        match edit {
            Edit::If(same) => same.check(&config)?,
            edit => make(&mut document, edit)?,
        }
    }
    Ok(behind(text, &tail, document.to_string()))
}

/// Tables that were added at the end go behind the comments that the file ended with: a setting of
/// the top level that one of these comments holds would be one of the table below it otherwise.
fn behind(before: &str, tail: &str, after: String) -> String {
    let head = before.strip_suffix(tail).filter(|_| !tail.trim().is_empty());
    let added = head.and_then(|head| after.strip_prefix(head)?.strip_suffix(tail));
    match added.filter(|added| !added.is_empty()) {
        Some(added) => format!("{before}{added}"),
        None => after,
    }
}

fn make(document: &mut DocumentMut, edit: &Edit) -> Result<(), EditError> {
    match edit {
        Edit::AddRepo(repo) => add(document, "repo", repo.id.as_str(), encode::repo(repo)),
        Edit::ReplaceRepo(repo) => replace(document, "repo", repo.id.as_str(), encode::repo(repo)),
        Edit::RemoveRepo(id) => remove(document, "repo", id.as_str()),
        Edit::AddPlan(plan) => add(document, "plan", plan.id.as_str(), encode::plan(plan)),
        Edit::ReplacePlan(plan) => replace(document, "plan", plan.id.as_str(), encode::plan(plan)),
        Edit::RemovePlan(id) => remove(document, "plan", id.as_str()),
        Edit::Set(setting) => {
            let (key, value) = setting.field();
            put(document.as_table_mut(), key, value);
            Ok(())
        }
        Edit::PutChannel(draft) => edit_hooks::put_channel(document, draft),
        Edit::RemoveChannel(id) => edit_hooks::remove_channel(document, id),
        Edit::PutHook(draft) => edit_hooks::put_hook(document, draft),
        Edit::RemoveHook(place, index) => edit_hooks::remove_hook(document, place, *index),
        Edit::Merge(text) => edit_hooks::merge(document, text),
        Edit::If(_) => Ok(()),
    }
}

fn add(
    document: &mut DocumentMut,
    kind: &'static str,
    id: &str,
    fields: Fields,
) -> Result<(), EditError> {
    with_tables(document, kind, |tables| {
        if position(tables, id).is_some() {
            return Err(EditError::Exists { kind, id: id.to_owned() });
        }
        tables.push(encode::filled(fields));
        Ok(())
    })
}

fn replace(
    document: &mut DocumentMut,
    kind: &'static str,
    id: &str,
    fields: Fields,
) -> Result<(), EditError> {
    with_tables(document, kind, |tables| {
        let table = position(tables, id).and_then(|at| tables.get_mut(at));
        let table = table.ok_or_else(|| EditError::Missing { kind, id: id.to_owned() })?;
        for (key, value) in fields {
            put(table, key, value);
        }
        Ok(())
    })
}

fn remove(document: &mut DocumentMut, kind: &'static str, id: &str) -> Result<(), EditError> {
    with_tables(document, kind, |tables| {
        let at = position(tables, id);
        tables.remove(at.ok_or_else(|| EditError::Missing { kind, id: id.to_owned() })?);
        Ok(())
    })
}

/// Works on `[[kind]]`, also where it was written `kind = [{ … }]` or not at all.
pub(super) fn with_tables(
    document: &mut DocumentMut,
    kind: &str,
    work: impl FnOnce(&mut ArrayOfTables) -> Result<(), EditError>,
) -> Result<(), EditError> {
    let item = document.entry(kind).or_insert(Item::None);
    if let Item::ArrayOfTables(tables) = item {
        return work(tables);
    }
    let mut tables = std::mem::take(item).into_array_of_tables().unwrap_or_default();
    let worked = work(&mut tables);
    *item = Item::ArrayOfTables(tables);
    worked
}

pub(super) fn position(tables: &ArrayOfTables, id: &str) -> Option<usize> {
    tables.iter().position(|table| table.get("id").and_then(Item::as_str) == Some(id))
}

/// A value in its place, with the comment beside it; `None` removes it.
fn put(table: &mut Table, key: &str, value: Option<Value>) {
    let Some(mut value) = value else {
        table.remove(key);
        return;
    };
    let as_table = table.get(key).filter(|item| item.is_table()).cloned();
    if as_table.and_then(|item| item.into_value().ok()).is_some_and(|old| same(&old, &value)) {
        return;
    }
    match table.get_mut(key).and_then(Item::as_value_mut) {
        Some(old) if same(old, &value) => {}
        Some(old) => {
            *value.decor_mut() = old.decor().clone();
            *old = value;
        }
        None => {
            table.insert(key, Item::Value(value));
        }
    }
}

/// Whether two values mean the same, however they are written.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::String(a), Value::String(b)) => a.value() == b.value(),
        (Value::Boolean(a), Value::Boolean(b)) => a.value() == b.value(),
        (Value::Integer(a), Value::Integer(b)) => a.value() == b.value(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::InlineTable(a), Value::InlineTable(b)) => {
            let equal = |(key, value): (&str, &Value)| b.get(key).is_some_and(|b| same(value, b));
            a.len() == b.len() && a.iter().all(equal)
        }
        _ => false,
    }
}
