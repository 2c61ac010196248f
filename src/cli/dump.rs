//! `holdfast dump` and `holdfast download`: what a snapshot holds, out of it.
//!
//! Standard output of `dump` carries the bytes and nothing else, also under `--json`. What was not
//! read whole ends with exit 1, and a download leaves no file then.

use super::select::Whose;
use super::{Context, Exit, Failure, parse, words};
use crate::api::{DumpChunk, DumpRequest};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tonic::Streaming;

/// What to read.
#[derive(Debug, clap::Args)]
struct Named {
    /// Its id, a unique prefix of it, or latest
    snapshot: String,
    /// A file, or a folder, which comes as an archive
    path: String,
    #[command(flatten)]
    whose: Whose,
    /// How a folder is packed [default: tar]
    #[arg(long, value_name = "FORMAT", value_parser = ["tar", "zip"])]
    format: Option<String>,
}

/// Print a file of a snapshot, or a folder as an archive
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  \
    holdfast dump latest /home/ada/letter.txt --plan home\n  \
    holdfast dump 01234567 /home/ada | tar tf -\n  \
    holdfast dump 01234567 /home/ada --format zip > ada.zip")]
pub(crate) struct Dump {
    #[command(flatten)]
    named: Named,
    /// Also print what is no text to a terminal
    #[arg(long)]
    force: bool,
}

/// Save a file of a snapshot here, or a folder as an archive
///
/// It has its name once it is whole.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  \
    holdfast download latest /home/ada/letter.txt --plan home\n  \
    holdfast download 01234567 /home/ada --format zip --to /tmp/ada.zip")]
pub(crate) struct Download {
    #[command(flatten)]
    named: Named,
    /// The file, or the folder to put it into [default: its name, here]
    #[arg(long, value_name = "PATH", value_parser = parse::path)]
    to: Option<String>,
    /// Replace a file that is there
    #[arg(long)]
    force: bool,
}

/// A download that is there.
#[derive(serde::Serialize)]
struct Downloaded {
    path: String,
    format: String,
    bytes: u64,
}

/// The content on its way, and what it is.
struct Content {
    format: String,
    chunks: Streaming<DumpChunk>,
    bar: ProgressBar,
}

impl Content {
    async fn open(context: &Context, named: Named, shows: bool) -> Result<Self, Failure> {
        let bar = bar(&named.path, shows);
        let client = context.client().await?;
        let whose = named.whose.settled(&client, &[&named.snapshot]).await?;
        let request = DumpRequest {
            snapshot: Some(whose.name(named.snapshot)),
            path: named.path,
            format: named.format,
        };
        let mut chunks = client.snapshots().dump(request).await?.into_inner();
        let first = chunks.message().await?.unwrap_or_default();
        let format = first.format.unwrap_or_else(|| "file".to_owned());
        Ok(Self { format, chunks, bar })
    }

    async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let chunk = self.chunks.message().await?;
        let data = chunk.map(|chunk| chunk.data);
        self.bar.inc(data.as_ref().map_or(0, |data| data.len() as u64));
        Ok(data)
    }

    /// Writes what is left; how much that was.
    async fn pour(&mut self, into: &mut impl Write) -> Result<u64, Failure> {
        let mut bytes = 0;
        while let Some(data) = self.next().await? {
            into.write_all(&data)?;
            bytes += data.len() as u64;
        }
        into.flush()?;
        self.bar.finish_and_clear();
        Ok(bytes)
    }
}

fn bar(path: &str, shows: bool) -> ProgressBar {
    if !shows || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner().with_prefix(words::name(path));
    bar.enable_steady_tick(Duration::from_millis(120));
    match ProgressStyle::with_template("{spinner} {prefix}  {binary_bytes}, {binary_bytes_per_sec}")
    {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

impl Dump {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let mut out = std::io::stdout();
        let guarded = out.is_terminal() && !self.force;
        let shows = !context.output.is_json() && !out.is_terminal();
        let mut content = Content::open(context, self.named, shows).await?;
        if guarded && content.format != "file" {
            return Err(not_to_a_terminal(&format!("a {} archive", content.format)));
        }
        if guarded && let Some(first) = content.next().await? {
            if !is_text(&first) {
                return Err(not_to_a_terminal("this file, which is no text,"));
            }
            out.write_all(&first)?;
        }
        content.pour(&mut out).await?;
        Ok(Exit::Done)
    }
}

fn not_to_a_terminal(what: &str) -> Failure {
    let message = format!("{what} is not printed to a terminal");
    Failure::usage(message, "send it to a file or a program with > or |, or give --force")
}

/// What does no harm to a terminal; a letter may be cut at the end.
fn is_text(data: &[u8]) -> bool {
    let text = match std::str::from_utf8(data) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&data[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    text.chars().all(|letter| matches!(letter, '\n' | '\r' | '\t') || !letter.is_control())
}

impl Download {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let output = context.output;
        let path = self.named.path.clone();
        let mut content = Content::open(context, self.named, !output.is_json()).await?;
        let place = place(self.to.as_deref(), &path, &content.format)?;
        if !self.force && place.symlink_metadata().is_ok() {
            let message = format!("{} is there already", place.display());
            return Err(Failure::local(
                "exists",
                message,
                "name another with --to, or give --force",
            ));
        }
        let bytes = save(&mut content, &place).await?;
        let saved = Downloaded {
            path: place.to_string_lossy().into_owned(),
            format: content.format,
            bytes,
        };
        output.show(&saved, || format!("{}  {}", words::name(&saved.path), words::bytes(bytes)))?;
        Ok(Exit::Done)
    }
}

/// Into a file beside it first: what is cut short leaves nothing.
async fn save(content: &mut Content, place: &Path) -> Result<u64, Failure> {
    let failed = |error: std::io::Error| Failure::file(place, &error);
    let folder = place.parent().unwrap_or(Path::new("/"));
    let mut file =
        tempfile::Builder::new().prefix(".holdfast-").tempfile_in(folder).map_err(failed)?;
    let bytes = content.pour(&mut file).await?;
    file.persist(place).map_err(|error| failed(error.error))?;
    Ok(bytes)
}

/// `letter.txt`, or `ada.tar` of a folder.
fn place(to: Option<&str>, path: &str, format: &str) -> Result<PathBuf, Failure> {
    let last = path.rsplit('/').find(|part| !part.is_empty()).unwrap_or("snapshot");
    let name = match format {
        "file" => last.to_owned(),
        archive => format!("{last}.{archive}"),
    };
    let place = match to.map(PathBuf::from) {
        Some(folder) if folder.is_dir() => folder.join(name),
        Some(file) => file,
        None => PathBuf::from(name),
    };
    std::path::absolute(&place).map_err(|error| Failure::file(&place, &error))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_shown_text_and_nothing_else() {
        assert!(is_text("dear reader,\n\tä".as_bytes()));
        assert!(is_text(&"ä".as_bytes()[..1]), "the rest of the letter is in the next piece");
        for harmful in [b"\0".as_slice(), b"\x1b[2J", b"\xff\xfe", b"\x7fELF"] {
            assert!(!is_text(harmful), "{harmful:?}");
        }
    }

    #[test]
    fn a_download_is_named_after_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().to_str().unwrap();
        let named = |path: &str, format: &str| {
            let place = place(Some(to), path, format).unwrap();
            place.file_name().unwrap().to_str().unwrap().to_owned()
        };
        assert_eq!(named("/home/ada/letter.txt", "file"), "letter.txt");
        assert_eq!(named("/home/ada/", "zip"), "ada.zip");
        assert_eq!(named("/", "tar"), "snapshot.tar");
        let file = format!("{to}/other");
        assert_eq!(place(Some(&file), "/x", "file").unwrap(), PathBuf::from(&file));
    }
}
