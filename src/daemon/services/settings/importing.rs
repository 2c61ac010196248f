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
        let undo = match apply {
            true => Some(applied(&node, &editor, &edits, &made.secrets)?),
            false => None,
        };
        Ok(report(&made, undo))
    };
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Status::cancelled("the daemon stops")))
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

/// Where the file is kept as it was.
fn applied(
    node: &Node,
    editor: &Editor,
    edits: &[Edit],
    secrets: &[SecretFile],
) -> Result<PathBuf, Status> {
    let path = node.config.path();
    let failed = |path: &Path, error: &io::Error| {
        refuse::not_now("file", format!("{}: {error}", path.display()), "nothing was imported")
    };
    let before = std::fs::read_to_string(path).map_err(|error| failed(path, &error))?;
    let mut undo = path.as_os_str().to_owned();
    undo.push(format!(".before-import-{}", clock::now().as_millis()));
    let undo = PathBuf::from(undo);
    config::write_new(&undo, &before).map_err(|error| failed(&undo, &error))?;
    for file in secrets {
        write_secret(file).map_err(|error| failed(&file.path, &error))?;
    }
    editor.apply(edits).map_err(|error: EditError| refuse::edit(error))?;
    node.config.reload();
    Ok(undo)
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

fn report(made: &Translation, undo: Option<PathBuf>) -> ImportReport {
    let lines = |fate| made.report.of(fate).map(line).collect::<Vec<_>>();
    let (translated, changed) = (lines(Fate::Translated), lines(Fate::Changed));
    let dropped = lines(Fate::LeftOut);
    ImportReport {
        report: told(&made.report, undo.as_deref()),
        toml: made.text.clone(),
        applied: undo.is_some(),
        translated,
        changed,
        dropped,
    }
}

fn told(report: &Report, undo: Option<&Path>) -> String {
    let count = |fate| report.of(fate).count();
    let counts = format!(
        "{} settings are taken as they are, {} changed, {} left out.",
        count(Fate::Translated),
        count(Fate::Changed),
        count(Fate::LeftOut)
    );
    match undo {
        None => counts,
        Some(undo) => format!(
            "{counts} The configuration as it was is in {}; copy it back to undo this.",
            undo.display()
        ),
    }
}

fn line(remark: &Remark) -> String {
    let from = remark.from.as_ref().map(|from| format!(" {from}")).unwrap_or_default();
    let to = remark.to.as_ref().map(|to| format!(" → {to}")).unwrap_or_default();
    let why = remark.why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
    format!("{}:{from}{to}{why}", remark.what)
}
