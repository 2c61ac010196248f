//! Backrest's config, brought into the file that is there: all of it, or nothing.

use super::super::asker::Asker;
use super::refuse;
use crate::api::ImportReport;
use crate::clock;
use crate::config::{self, Edit, EditError, Editor, TopLevel};
use crate::daemon::Node;
use crate::import::backrest::{Fate, Remark, Report, SecretFile, Translation, translate};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tonic::Status;

pub(super) async fn import(
    node: &Arc<Node>,
    asker: &Asker,
    file: Vec<u8>,
    apply: bool,
) -> Result<ImportReport, Status> {
    let (node, asker) = (Arc::clone(node), asker.clone());
    let work = move || {
        let made = translated(&node, &file)?;
        if apply {
            asker.names_no_command("command", has_command(&made.text))?;
        }
        let edits = edits(&node, &made);
        let editor = Editor::new(node.config.path().to_owned());
        // What cannot be done is said before anything of it is.
        editor.rehearse(&edits).map_err(refuse::edit)?;
        let kept = match apply {
            true => Some(applied(&node, &editor, &edits, &made.secrets)?),
            false => None,
        };
        Ok(report(&made, kept))
    };
    super::super::blocking(work).await
}

/// Puts the file back as it was before the import of that name. Secrets that came with it stay in
/// files of their own, which nothing reads then.
pub(super) async fn undo(node: &Arc<Node>, name: String) -> Result<(), Status> {
    let node = Arc::clone(node);
    super::super::blocking(move || put_back(&node, &name)).await
}

fn put_back(node: &Node, name: &str) -> Result<(), Status> {
    let unknown = || refuse::not_found(format!("undo {name:?}: there is no such import"), "");
    let (at, mark) = name.split_once('-').ok_or_else(unknown)?;
    let at: i64 = at.parse().map_err(|_| unknown())?;
    let kept = kept_at(node.config.path(), at);
    let before = std::fs::read_to_string(&kept).map_err(|_| unknown())?;
    let is_still = |now: &str| hex::encode(node.identity.mark(now)) == mark;
    let editor = Editor::new(node.config.path().to_owned());
    if !editor.put_back(&before, is_still).map_err(refuse::edit)? {
        let message = "the configuration was changed since the import";
        let remedy =
            format!("take back by hand what you do not want; as it was: {}", kept.display());
        return Err(refuse::not_now("conflict", message, &remedy));
    }
    node.config.reload();
    Ok(())
}

/// The file as it was before an import.
fn kept_at(config: &Path, at: i64) -> PathBuf {
    let mut kept = config.as_os_str().to_owned();
    kept.push(format!(".before-import-{at}"));
    PathBuf::from(kept)
}

/// The file before an import that was done, and what undoes it.
struct Kept {
    path: PathBuf,
    undo: String,
}

fn translated(node: &Node, file: &[u8]) -> Result<Translation, Status> {
    let beside = node.config.path().parent().unwrap_or(Path::new("/"));
    let secrets = beside.join("secrets");
    translate(file, &secrets).map_err(|error| refuse::invalid(format!("config: {error}"), ""))
}

/// Whether any of it would run something.
fn has_command(text: &str) -> bool {
    fn names(value: &toml::Value) -> bool {
        match value {
            toml::Value::Table(table) => {
                table.iter().any(|(key, value)| key.ends_with("command") || names(value))
            }
            toml::Value::Array(values) => values.iter().any(names),
            _ => false,
        }
    }
    text.parse::<toml::Table>().map_or(true, |table| names(&toml::Value::Table(table)))
}

/// Name and addresses stay this machine's; the old name's snapshots become its own.
fn edits(node: &Node, made: &Translation) -> Vec<Edit> {
    let config = node.config.current();
    let mut formerly = config.formerly.clone();
    let names = [made.names.formerly.clone(), Some(made.names.instance.to_string())];
    for name in names.into_iter().flatten() {
        if name != config.instance.as_str() && !formerly.contains(&name) {
            formerly.push(name);
        }
    }
    let mut edits = vec![Edit::Merge(made.text.clone())];
    if formerly != config.formerly {
        edits.push(Edit::Set(TopLevel::Formerly(formerly)));
    }
    edits
}

fn applied(
    node: &Node,
    editor: &Editor,
    edits: &[Edit],
    secrets: &[SecretFile],
) -> Result<Kept, Status> {
    let path = node.config.path();
    let failed = |path: &Path, error: &io::Error| {
        refuse::not_now("file", format!("{}: {error}", path.display()), "nothing was imported")
    };
    let before = std::fs::read_to_string(path).map_err(|error| failed(path, &error))?;
    let at = clock::now().as_millis();
    let kept = kept_at(path, at);
    config::write_new(&kept, &before).map_err(|error| failed(&kept, &error))?;
    for file in secrets {
        write_secret(file).map_err(|error| failed(&file.path, &error))?;
    }
    editor.apply(edits).map_err(|error: EditError| refuse::edit(error))?;
    node.config.reload();
    let after = std::fs::read_to_string(path).map_err(|error| failed(path, &error))?;
    Ok(Kept { path: kept, undo: format!("{at}-{}", hex::encode(node.identity.mark(&after))) })
}

/// Over no other secret.
fn write_secret(file: &SecretFile) -> io::Result<()> {
    let text = zeroize::Zeroizing::new(format!("{}\n", *file.content));
    match config::write_new(&file.path, &text) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let there = zeroize::Zeroizing::new(std::fs::read_to_string(&file.path)?);
            let is_same = there.strip_suffix('\n').unwrap_or(&there) == *file.content;
            if is_same { Ok(()) } else { Err(error) }
        }
        other => other,
    }
}

fn report(made: &Translation, kept: Option<Kept>) -> ImportReport {
    let lines = |fate| made.report.of(fate).map(line).collect::<Vec<_>>();
    let (translated, changed) = (lines(Fate::Translated), lines(Fate::Changed));
    let dropped = lines(Fate::LeftOut);
    ImportReport {
        report: told(&made.report, kept.as_ref().map(|kept| &*kept.path)),
        toml: made.text.clone(),
        applied: kept.is_some(),
        translated,
        changed,
        dropped,
        undo: kept.map(|kept| kept.undo),
    }
}

fn told(report: &Report, kept: Option<&Path>) -> String {
    let count = |fate| report.of(fate).count();
    let counts = format!(
        "{} settings are taken as they are, {} changed, {} left out.",
        count(Fate::Translated),
        count(Fate::Changed),
        count(Fate::LeftOut)
    );
    match kept {
        None => counts,
        Some(kept) => format!(
            "{counts} The configuration as it was is in {}; copy it back to undo this.",
            kept.display()
        ),
    }
}

fn line(remark: &Remark) -> String {
    let from = remark.from.as_ref().map(|from| format!(" {from}")).unwrap_or_default();
    let to = remark.to.as_ref().map(|to| format!(" → {to}")).unwrap_or_default();
    let why = remark.why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
    format!("{}:{from}{to}{why}", remark.what)
}
