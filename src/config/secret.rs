//! Secrets as the owner wrote them, and their content at the moment of use.

use crate::model::Secret;
use std::fmt;
use std::path::PathBuf;
use std::process::Stdio;
use std::str::FromStr;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use zeroize::Zeroizing;

/// No secret is longer.
const MAX_SECRET: u64 = 64 * 1024;
const COMMAND_TIME: Duration = Duration::from_secs(60);

/// Why a secret could not be had. Never says anything of its content.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The daemon's environment has no such variable.
    #[error("environment variable {name} is not set (or is not UTF-8); set it for the daemon")]
    NoVariable {
        /// Its name.
        name: String,
    },
    /// A secret's file cannot be read.
    #[error("the secret in {path:?} cannot be read: {reason}; give the daemon's user read access")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        reason: std::io::Error,
    },
    /// Nothing is in it.
    #[error("the secret from {from} is empty; write it there")]
    Empty {
        /// Where it should have come from.
        from: String,
    },
    /// Larger than any secret, or not text.
    #[error("the secret from {from} is longer than 64 KiB or not UTF-8; check what is there")]
    NotASecret {
        /// Where it came from.
        from: String,
    },
    /// A secret's command did not end well.
    #[error("the command for a secret {reason}; run it by hand as the daemon's user to see why")]
    Command {
        /// How it ended.
        reason: String,
    },
}

/// Not a text with `${NAME}` in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("${{ is not followed by a variable name and }}; for the characters themselves write $${{")]
pub struct TemplateError;

/// A string of the owner's file, in which `${NAME}` stands for a variable of the environment and
/// `$${` for the characters `${`.
#[derive(Clone, PartialEq, Eq)]
pub struct Template(Zeroizing<String>);

enum Part<'a> {
    Literal(&'a str),
    Variable(&'a str),
}

impl Template {
    /// A template that stands for exactly this text: for what did not come from the owner (X1).
    #[must_use]
    pub fn literal(text: &str) -> Self {
        Self(Zeroizing::new(text.replace("${", "$${")))
    }

    /// As written in the file, for the file.
    #[must_use]
    pub fn as_written(&self) -> &str {
        &self.0
    }

    /// Whether it names variables, and so holds no whole secret itself.
    #[must_use]
    pub fn has_variables(&self) -> bool {
        self.parts().any(|part| matches!(part, Ok(Part::Variable(_))))
    }

    /// Whether it is one variable and nothing else.
    pub(super) fn is_one_variable(&self) -> bool {
        let mut parts = self.parts();
        matches!((parts.next(), parts.next()), (Some(Ok(Part::Variable(_))), None))
    }

    /// With a text in place of another one; `by` must have no `$` in it.
    pub(super) fn replacing(&self, placeholder: &str, by: &str) -> Self {
        Self(Zeroizing::new(self.0.replace(placeholder, by)))
    }

    /// Its content now.
    ///
    /// # Errors
    /// A variable that is not set.
    pub fn resolve(&self) -> Result<Secret, SecretError> {
        self.resolve_with(|name| std::env::var(name).ok())
    }

    fn resolve_with(
        &self,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Secret, SecretError> {
        let mut text = String::new();
        for part in self.parts() {
            match part {
                Ok(Part::Literal(literal)) => text.push_str(literal),
                Ok(Part::Variable(name)) => text.push_str(
                    &variable(name).ok_or_else(|| SecretError::NoVariable { name: name.into() })?,
                ),
                // A template that exists has been checked.
                Err(TemplateError) => {}
            }
        }
        Ok(Secret::new(text))
    }

    fn parts(&self) -> Parts<'_> {
        Parts { rest: &self.0 }
    }
}

struct Parts<'a> {
    rest: &'a str,
}

impl<'a> Parts<'a> {
    fn cut(&mut self, at: usize) -> &'a str {
        let (cut, rest) = self.rest.split_at(at);
        self.rest = rest;
        cut
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Result<Part<'a>, TemplateError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        if self.rest.starts_with("$${") {
            self.cut(1);
            return Some(Ok(Part::Literal(self.cut(2))));
        }
        let Some(name) = self.rest.strip_prefix("${") else {
            let special =
                |at: &usize| ["${", "$${"].iter().any(|s| self.rest[*at..].starts_with(s));
            let end = self.rest.match_indices('$').map(|(at, _)| at).find(special);
            return Some(Ok(Part::Literal(self.cut(end.unwrap_or(self.rest.len())))));
        };
        let end = name.find('}').filter(|end| is_variable(&name[..*end]));
        let Some(end) = end else {
            self.rest = "";
            return Some(Err(TemplateError));
        };
        self.rest = &name[end + 1..];
        Some(Ok(Part::Variable(&name[..end])))
    }
}

/// A name that an environment variable can have (POSIX, "Environment Variable Definition").
pub(super) fn is_variable(name: &str) -> bool {
    let mut bytes = name.bytes();
    let first = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    first && name.len() <= 128 && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let template = Self(Zeroizing::new(text.to_owned()));
        match template.parts().all(|part| part.is_ok()) {
            true => Ok(template),
            false => Err(TemplateError),
        }
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Template(..)")
    }
}

/// Where a secret comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// Written in the file itself, or in the environment.
    Inline(Template),
    /// The content of a file, without its final line break.
    File(Template),
    /// What a command of the owner prints (run by `sh -c`), without its final line break.
    Command(String),
}

impl SecretSource {
    /// Its content now.
    ///
    /// # Errors
    /// Whatever keeps it from being read; it does not tell any of its content.
    pub async fn resolve(&self) -> Result<Secret, SecretError> {
        let (from, bytes) = match self {
            Self::Inline(template) => return template.resolve(),
            Self::File(path) => {
                let path = PathBuf::from(path.resolve()?.expose());
                (format!("{path:?}"), read_file(path).await?)
            }
            Self::Command(command) => ("its command".to_owned(), run(command).await?),
        };
        let too_long = bytes.len() as u64 > MAX_SECRET;
        let text = std::str::from_utf8(&bytes).ok().filter(|_| !too_long);
        match text.map(without_line_break) {
            None => Err(SecretError::NotASecret { from }),
            Some("") => Err(SecretError::Empty { from }),
            Some(text) => Ok(Secret::new(text.to_owned())),
        }
    }
}

fn without_line_break(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

async fn read_file(path: PathBuf) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let mut bytes = Zeroizing::new(Vec::new());
    let read = async {
        let file = tokio::fs::File::open(&path).await?;
        file.take(MAX_SECRET + 1).read_to_end(&mut bytes).await
    };
    match read.await {
        Ok(_) => Ok(bytes),
        Err(reason) => Err(SecretError::Unreadable { path, reason }),
    }
}

async fn run(command: &str) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let failed = |reason: String| SecretError::Command { reason };
    match tokio::time::timeout(COMMAND_TIME, run_to_end(command)).await {
        Ok(Ok((bytes, status))) if status.success() => Ok(bytes),
        Ok(Ok((_, status))) => Err(failed(format!("failed ({status})"))),
        Ok(Err(reason)) => Err(failed(format!("could not be run ({reason})"))),
        Err(_) => Err(failed(format!("did not end within {} s", COMMAND_TIME.as_secs()))),
    }
}

async fn run_to_end(
    command: &str,
) -> std::io::Result<(Zeroizing<Vec<u8>>, std::process::ExitStatus)> {
    let mut child = tokio::process::Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // What it says on stderr may contain the secret as well.
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let mut bytes = Zeroizing::new(Vec::new());
    if let Some(stdout) = child.stdout.take() {
        stdout.take(MAX_SECRET + 1).read_to_end(&mut bytes).await?;
    }
    Ok((bytes, child.wait().await?))
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inline(_) => "Inline(..)",
            Self::File(_) => "File(..)",
            Self::Command(_) => "Command(..)",
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn template(text: &str) -> Template {
        text.parse().unwrap()
    }

    fn expanded(text: &str) -> Result<String, SecretError> {
        let variable = |name: &str| (name == "KEY").then(|| "${x}".to_owned());
        template(text).resolve_with(variable).map(|secret| secret.expose().to_owned())
    }

    #[test]
    fn variables_are_expanded_once() {
        assert_eq!(expanded("a-${KEY}-$b-$").unwrap(), "a-${x}-$b-$");
        assert_eq!(expanded("$${KEY}").unwrap(), "${KEY}");
        assert_eq!(expanded("$$$${KEY}").unwrap(), "$$${KEY}");
        assert!(matches!(expanded("${NO}"), Err(SecretError::NoVariable { name }) if name == "NO"));
        for bad in ["${", "${}", "${a b}", "x${1}"] {
            assert_eq!(bad.parse::<Template>(), Err(TemplateError), "{bad}");
        }
        assert!(template("${KEY}").has_variables() && !template("$${KEY}").has_variables());
    }

    #[tokio::test]
    async fn files_and_commands_are_read_when_used() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pass");
        let file = SecretSource::File(Template::literal(path.to_str().unwrap()));
        assert!(matches!(file.resolve().await, Err(SecretError::Unreadable { .. })));
        std::fs::write(&path, "").unwrap();
        assert!(matches!(file.resolve().await, Err(SecretError::Empty { .. })));
        std::fs::write(&path, "pw \r\n").unwrap();
        assert!(file.resolve().await.is_ok_and(|pw| pw.expose() == "pw "));
        std::fs::write(&path, vec![b'x'; 70_000]).unwrap();
        assert!(matches!(file.resolve().await, Err(SecretError::NotASecret { .. })));
        let command = |text: &str| SecretSource::Command(text.to_owned());
        assert!(command("printf 'a b\\n'").resolve().await.is_ok_and(|pw| pw.expose() == "a b"));
        let failed = command("echo top-secret; exit 3").resolve().await;
        assert!(
            matches!(&failed, Err(e @ SecretError::Command { .. }) if !e.to_string().contains("top"))
        );
    }

    #[test]
    fn c2_debug_shows_nothing() {
        let sources =
            [SecretSource::Inline(template("hunter2")), SecretSource::Command("hunter2".into())];
        assert!(!format!("{sources:?}").contains("hunter2"));
    }

    proptest! {
        #[test]
        fn x1_a_literal_resolves_to_itself(text in "(\\$|\\{|\\}|[A-Z]){0,20}") {
            let resolved = Template::literal(&text).resolve_with(|_| Some("leaked".into()));
            prop_assert!(resolved.is_ok_and(|secret| secret.expose() == text));
            let written = Template::literal(&text).as_written().to_owned();
            prop_assert!(written.parse::<Template>().is_ok());
        }

        #[test]
        fn never_panics(text in "(\\$|\\{|\\}|\\PC){0,30}") {
            if let Ok(template) = text.parse::<Template>() {
                let _ = template.resolve_with(|_| None);
            }
        }
    }
}
