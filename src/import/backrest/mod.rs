//! A Backrest 1.x installation as a configuration and a history of holdfast.
//!
//! ```text
//!  config.json ──json──► settings ──repos, plans, hooks──► Document ──settle──► text that parses
//!                           │                                  │
//!                           └──────────► Report ◄──────────────┘
//!  oplog.sqlite ──history──► operations of this instance, with ids that stay the same
//! ```
//! It neither writes a file nor opens a store of holdfast: [`Translation`] and [`history`] hand out
//! what is to be written.
//!
//! 1. The text of a [`Translation`] is a valid configuration.
//! 2. Each setting that says something has a [`Remark`]; none of them holds a secret.
//! 3. Input of any form ends in a translation or in an error that names the place.

mod deeds;
mod document;
mod draft;
mod flags;
pub mod history;
mod hooks;
mod ids;
mod json;
mod plans;
mod report;
mod repos;
mod schedules;
mod secrets;
mod shoutrrr;
mod sync;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub use ids::Names;
pub use json::Problem;
pub use report::{Fate, Remark, Report};
pub use secrets::SecretFile;

use crate::config::{Problems, instance_of_this_host};
use crate::model::{IdError, InstanceId, PlanId, RepoId};
use document::{Block, Document, list};
use draft::Draft;
use json::{Findings, Object};
use report::RemarkId;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// No `config.json` is larger.
pub const MAX_FILE: usize = 16 << 20;
/// The format that these facts are about; the oldest and the newest.
const VERSIONS: std::ops::RangeInclusive<i64> = 2..=6;

/// Why a file could not be translated.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It is larger than any config.
    #[error(
        "the file has more than {MAX_FILE} bytes, which no config.json has; name the right file"
    )]
    TooLarge,
    /// It is no JSON.
    #[error("the file is not JSON: {0}; name Backrest's config.json")]
    NotJson(String),
    /// It is JSON of something else.
    #[error("the file has no {0}, so it is not Backrest's config.json; name that one")]
    NotBackrest(&'static str),
    /// Values that are not what they have to be.
    #[error("{}; mend them in the file, or remove them", said(.0))]
    Malformed(Vec<Problem>),
    /// What came out is no valid configuration.
    #[error("the result is no valid configuration: {0}; please report this")]
    Invalid(Problems),
    /// This machine has no name.
    #[error(transparent)]
    NoName(#[from] IdError),
}

fn said(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// What a `config.json` is in holdfast.
#[derive(Debug)]
pub struct Translation {
    /// The config file.
    pub text: String,
    /// The files that it names, to be written before it.
    pub secrets: Vec<SecretFile>,
    /// What became of each setting.
    pub report: Report,
    /// What everything is called now.
    pub names: Names,
}

/// Translates a `config.json`; secrets get files in `secrets`, an absolute path.
///
/// # Errors
/// The file is not what it should be.
pub fn translate(json: &[u8], secrets: &Path) -> Result<Translation, ImportError> {
    let (document, names, mut draft) = read(json, secrets)?;
    let text = document.settle(&mut draft.report).map_err(ImportError::Invalid)?;
    // Of a table that is not in use nothing is needed.
    let is_named = |file: &SecretFile| {
        let path = secrets::literal(&file.path.to_string_lossy()).to_string();
        text.lines().any(|line| !line.starts_with('#') && line.contains(path.trim()))
    };
    let secrets = draft.secrets.files.into_iter().filter(is_named).collect();
    Ok(Translation { text, secrets, report: draft.report, names })
}

/// Everything but the rounds with the parser.
fn read(json: &[u8], secrets: &Path) -> Result<(Document, Names, Draft), ImportError> {
    if json.len() > MAX_FILE {
        return Err(ImportError::TooLarge);
    }
    let parsed = serde_json::from_slice(json);
    let value: Value = parsed.map_err(|error| ImportError::NotJson(error.to_string()))?;
    let map = value.as_object().ok_or(ImportError::NotBackrest("settings"))?;
    let findings = Findings::default();
    let root = Object::root(&findings, map);
    if !["repos", "plans", "instance", "auth"].iter().any(|key| root.has(key)) {
        return Err(ImportError::NotBackrest("repos, plans and instance"));
    }
    let mut draft = Draft::new(secrets);
    let (document, names) = whole(&root, &mut draft)?;
    let problems = findings.problems();
    if !problems.is_empty() {
        return Err(ImportError::Malformed(problems));
    }
    for path in findings.unread(map) {
        draft.report.left_out(path, None, "holdfast has nothing like it, or does not know it");
    }
    Ok((document, names, draft))
}

fn whole(root: &Object<'_>, draft: &mut Draft) -> Result<(Document, Names), ImportError> {
    let mut top = Block::default();
    top.comment("Made from Backrest's config.json by `holdfast config import-backrest`.");
    top.comment("Every key is explained in docs/configuration.md; check the file with `holdfast config check`.");
    // The counter of changes says nothing by itself.
    root.integer("modno");
    version(root, draft);
    let (formerly, instance) = name(root, draft, &mut top)?;
    let (repo_objects, plan_objects) = (root.objects("repos"), root.objects("plans"));
    let repos: BTreeMap<String, RepoId> = ids::renamed(&old_ids(&repo_objects), "repo");
    let plans: BTreeMap<String, PlanId> = ids::renamed(&old_ids(&plan_objects), "plan");
    let names = Names { formerly, instance, repos, plans };
    let mut blocks = vec![top];
    for repo in &repo_objects {
        blocks.extend(repos::repo(repo, &names, draft));
    }
    for plan in &plan_objects {
        blocks.extend(plans::plan(plan, &names, draft));
    }
    sync::users(root, draft);
    sync::peers(root, &names, draft);
    Ok((Document { blocks }, names))
}

fn version(root: &Object<'_>, draft: &mut Draft) {
    let version = root.integer("version");
    if !VERSIONS.contains(&version) {
        let why = format!(
            "only versions {} to {} are known here; look at what became of each setting",
            VERSIONS.start(),
            VERSIONS.end()
        );
        draft.report.changed(root.at("version"), Some(&version.to_string()), None, why);
    }
}

fn old_ids<'a>(objects: &[Object<'a>]) -> Vec<&'a str> {
    objects.iter().filter_map(|object| object.text("id")).collect()
}

/// The instance id, and the old one where that was another.
fn name(
    root: &Object<'_>,
    draft: &mut Draft,
    top: &mut Block,
) -> Result<(Option<String>, InstanceId), ImportError> {
    let old = root.text("instance");
    let new = match old.and_then(ids::instance) {
        Some(new) => new,
        None => instance_of_this_host()?,
    };
    let what = root.at("instance");
    let to = Some(format!("instance = {:?}", new.as_str()));
    let remark = match old {
        Some(old) if old == new.as_str() => draft.same(what, old, to),
        Some(old) => {
            let why = "not a valid name here; formerly has the old one, so that its snapshots count as this instance's";
            draft.report.changed(what, Some(old), to, why)
        }
        None => draft.report.changed(what, None, to, "it had none; it is this machine's host name"),
    };
    top.put("instance", new.as_str(), remark);
    let formerly = old.filter(|old| *old != new.as_str());
    if let Some(old) = formerly {
        top.put("formerly", list([old]), remark);
    }
    top.set("listen", list(["127.0.0.1:9898"]));
    Ok((old.map(str::to_owned), new))
}

impl Draft {
    fn same(&mut self, what: String, from: &str, to: Option<String>) -> RemarkId {
        let from = Some(report::short(from));
        self.report.add(Remark { what, from, to, kind: Fate::Translated, why: None })
    }
}
