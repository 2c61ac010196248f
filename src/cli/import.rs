//! `holdfast config import-backrest`: works without a daemon, and overwrites nothing.

use super::{Context, Exit, Failure};
use crate::clock;
use crate::config::{self, DataDir};
use crate::import::backrest::history::{HistoryError, Imported, Oplog, Period, Tally};
use crate::import::backrest::{
    Fate, MAX_FILE, Names, Remark, Report, SecretFile, Translation, translate,
};
use crate::store::history::Owner;
use crate::store::{DataDirLock, History, StoreError};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// Turn Backrest's config.json into a config of holdfast, with a report of what became of everything
///
/// Prints the config, or writes it with --output or --write, never over another file. Passwords,
/// tokens and webhook URLs get files of their own (0600) in the folder `secrets` beside it, which
/// are written with it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  holdfast config import-backrest ~/.config/backrest/config.json\n  \
    holdfast config import-backrest ~/.config/backrest/config.json --write \
    --operations ~/.local/share/backrest/oplog.sqlite"
)]
pub(crate) struct Args {
    /// Backrest's config.json
    file: PathBuf,
    /// Write the config to this file
    #[arg(long, value_name = "FILE", conflicts_with = "write")]
    output: Option<PathBuf>,
    /// Write the config where holdfast looks for it
    #[arg(long)]
    write: bool,
    /// Bring the history along, from Backrest's oplog.sqlite into the data directory (stop the
    /// daemon first; what is there already is left as it is)
    #[arg(long, value_name = "FILE")]
    operations: Option<PathBuf>,
}

/// The document of the command.
#[derive(serde::Serialize)]
struct Document<'a> {
    /// Where the config was written; null: nowhere.
    path: Option<String>,
    /// The config, where it was not written.
    text: Option<&'a str>,
    secrets: Vec<String>,
    report: &'a Report,
    operations: Option<&'a Brought>,
}

/// What became of the history.
#[derive(Debug, Default, serde::Serialize)]
struct Brought {
    added: u64,
    known: u64,
    #[serde(flatten)]
    tally: Tally,
}

impl Args {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let target = match (self.output, self.write) {
            (Some(file), _) => Some(std::path::absolute(file)?),
            (None, true) => Some(context.config.clone()),
            (None, false) => None,
        };
        target.as_deref().map_or(Ok(()), refuse_existing)?;
        let beside = target.as_ref().unwrap_or(&context.config).parent();
        let secrets = beside.unwrap_or(Path::new("/")).join("secrets");
        let made = translate(&read(&self.file)?, &secrets)
            .map_err(|error| of_file(&self.file, "import", error))?;
        // Whatever can fail fails before anything is written.
        let oplog = self.operations.as_deref().map(Oplog::open).transpose()?;
        let source = oplog.map(|oplog| Store::open(context, &made).map(|store| (oplog, store)));
        let source = source.transpose()?;
        if let Some(target) = &target {
            write(target, &made)?;
        }
        let brought = match source {
            Some((oplog, store)) => Some(store.bring(oplog, made.names.clone()).await?),
            None => None,
        };
        tell(context, target.as_deref(), &made, brought.as_ref())?;
        Ok(Exit::Done)
    }
}

fn of_file(file: &Path, code: &str, error: impl std::fmt::Display) -> Failure {
    Failure::local(code, format!("{}: {error}", file.display()), "")
}

fn refuse_existing(target: &Path) -> Result<(), Failure> {
    // A broken link is something as well.
    if target.symlink_metadata().is_err() {
        return Ok(());
    }
    Err(Failure::local(
        "exists",
        format!("{} exists and is not overwritten", target.display()),
        "move it away, or give another file with --output",
    ))
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error: io::Error| Failure::file(file, &error);
    let mut bytes = Vec::new();
    let limit = MAX_FILE as u64 + 1;
    std::fs::File::open(file)
        .map_err(failed)?
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    Ok(bytes)
}

/// The secrets first: a config that names them must find them.
fn write(target: &Path, made: &Translation) -> Result<(), Failure> {
    for file in &made.secrets {
        if holds_other(file)? {
            let message = format!("{} exists and holds another secret", file.path.display());
            return Err(Failure::local("exists", message, "move it away, then try again"));
        }
    }
    for file in &made.secrets {
        let text = zeroize::Zeroizing::new(format!("{}\n", *file.content));
        match config::write_new(&file.path, &text) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(Failure::file(&file.path, &error));
            }
            Ok(()) | Err(_) => {}
        }
    }
    match config::write_new(target, &made.text) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => refuse_existing(target),
        other => other.map_err(|error| Failure::file(target, &error)),
    }
}

/// Whether there is a file that says something else.
fn holds_other(file: &SecretFile) -> Result<bool, Failure> {
    match std::fs::read_to_string(&file.path).map(zeroize::Zeroizing::new) {
        Ok(text) => Ok(text.strip_suffix('\n').unwrap_or(&text) != *file.content),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Failure::file(&file.path, &error)),
    }
}

/// The history of the instance whose data directory this is, for this process alone.
struct Store {
    _lock: DataDirLock,
    history: History,
    keep: std::time::Duration,
}

/// Operations that one step of the writer takes, unless their logs fill it first.
const STEP: usize = 256;
const STEP_BYTES: usize = 4 << 20;

impl Store {
    fn open(context: &Context, made: &Translation) -> Result<Self, Failure> {
        let data = DataDir::new(context.data_dir.clone());
        let lock = DataDirLock::take(data.path()).map_err(in_use)?;
        let identity = config::read_or_create_identity(&data.identity())
            .map_err(|error| Failure::local("identity", error.to_string(), ""))?;
        let owner = Owner { public_key: identity.public_key() };
        let history = History::open(data.path(), owner).map_err(of_store)?;
        let text = std::fs::read_to_string(&context.config).ok();
        let current = text.and_then(|text| config::parse(&text).ok());
        let current = current.or_else(|| config::parse(&made.text).ok());
        let kept = current.map(|config| config.history).unwrap_or_default();
        Ok(Self { _lock: lock, history, keep: kept.keep.0 })
    }

    async fn bring(self, oplog: Oplog, names: Names) -> Result<Brought, Failure> {
        let now = clock::now();
        let period = Period { oldest: now.minus(self.keep), now };
        let history = self.history.clone();
        let all = move || bring_all(&history, &oplog, &names, period);
        let brought = tokio::task::spawn_blocking(all).await;
        self.history.close().await;
        brought.map_err(|error| Failure::local("internal", error.to_string(), ""))?
    }
}

fn bring_all(
    history: &History,
    oplog: &Oplog,
    names: &Names,
    period: Period,
) -> Result<Brought, Failure> {
    let (mut step, mut bytes, mut brought) = (Vec::new(), 0, Brought::default());
    brought.tally = oplog.each(names, period, |imported| {
        bytes += imported.log.len();
        step.push(imported);
        if step.len() < STEP && bytes < STEP_BYTES {
            return Ok(());
        }
        bytes = 0;
        append(history, &mut step, &mut brought.added)
    })?;
    append(history, &mut step, &mut brought.added)?;
    brought.known = brought.tally.taken - brought.added;
    Ok(brought)
}

fn append(history: &History, step: &mut Vec<Imported>, added: &mut u64) -> Result<(), Failure> {
    let step = std::mem::take(step);
    let written = history.write_blocking(move |tx| {
        let mut added = 0;
        for Imported { operation, log } in step {
            if tx.own()?.append_once(&operation)? {
                tx.append_log(operation.id, log.as_bytes())?;
                added += 1;
            }
        }
        Ok(added)
    });
    *added += written.map_err(of_store)?;
    Ok(())
}

fn in_use(error: StoreError) -> Failure {
    let remedy = match error {
        StoreError::InUse { .. } => "stop the daemon while its history is written, then try again",
        _ => "",
    };
    Failure::local("store", error.to_string(), remedy)
}

fn of_store(error: StoreError) -> Failure {
    Failure::local("store", error.to_string(), "")
}

impl From<HistoryError> for Failure {
    fn from(error: HistoryError) -> Self {
        Self::local("operations", error.to_string(), "")
    }
}

fn tell(
    context: &Context,
    target: Option<&Path>,
    made: &Translation,
    brought: Option<&Brought>,
) -> Result<(), Failure> {
    let secrets = made.secrets.iter().map(|file| file.path.display().to_string()).collect();
    let document = Document {
        path: target.map(|path| path.display().to_string()),
        text: target.is_none().then_some(made.text.as_str()),
        secrets,
        report: &made.report,
        operations: brought,
    };
    let report = words(&document);
    if target.is_none() {
        // The config alone is the result, so that it can be sent to a file.
        context.output.note(&report);
    }
    context.output.show(&document, || match target {
        Some(_) => report.clone(),
        None => made.text.clone(),
    })
}

/// The report for a person.
fn words(document: &Document<'_>) -> String {
    let mut text = String::new();
    for (kind, title) in [
        (Fate::Translated, "Translated"),
        (Fate::Changed, "Changed: look at these"),
        (Fate::LeftOut, "Left out"),
    ] {
        let lines: Vec<_> = document.report.of(kind).map(line).collect();
        if !lines.is_empty() {
            text += &format!("{title}\n{}\n\n", lines.join("\n"));
        }
    }
    if let Some(brought) = document.operations {
        text += &history_words(brought);
    }
    text += &match &document.path {
        Some(path) => {
            let files = document.secrets.iter().map(|file| format!("\nsecret  {file}"));
            format!(
                "config  {path}{}\n\nnext: holdfast config check {path}",
                files.collect::<String>()
            )
        }
        None if document.secrets.is_empty() => "next: the same with --write".to_owned(),
        None => format!(
            "{} files with secrets were not written: they are with --output or --write",
            document.secrets.len()
        ),
    };
    text
}

fn line(remark: &Remark) -> String {
    let from = remark.from.as_ref().map(|from| format!(" {from}")).unwrap_or_default();
    let to = remark.to.as_ref().map(|to| format!(" → {to}")).unwrap_or_default();
    let why = remark.why.as_ref().map(|why| format!("\n      {why}")).unwrap_or_default();
    format!("  {}:{from}{to}{why}", remark.what)
}

fn history_words(brought: &Brought) -> String {
    let Brought { added, known, tally } = brought;
    let mut text = format!(
        "History: {added} operations added, {known} were here before, of {} in the file\n",
        tally.found
    );
    for (why, count) in &tally.left_out {
        text += &format!("  {count} left out: {why}\n");
    }
    text + "\n"
}
