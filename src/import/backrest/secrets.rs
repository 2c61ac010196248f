//! Secrets that get files of their own beside the new config.

use super::document::inline;
use crate::config::Template;
use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};
use toml_edit::Value;
use zeroize::Zeroizing;

/// A file to be written for its owner alone.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretFile {
    /// Where.
    pub path: PathBuf,
    /// What; a last line break is added when it is written and left out when it is read.
    pub content: Zeroizing<String>,
}

impl fmt::Debug for SecretFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretFile({:?})", self.path)
    }
}

/// The files so far.
#[derive(Debug)]
pub(super) struct Secrets {
    folder: PathBuf,
    pub(super) files: Vec<SecretFile>,
    names: HashSet<String>,
}

impl Secrets {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), files: Vec::new(), names: HashSet::new() }
    }

    /// Keeps a secret; the path of its file, as the config says it. Equal ones share a file.
    pub(super) fn keep(&mut self, name: &str, content: &str) -> Value {
        let known = self.files.iter().find(|file| *file.content == content);
        let path = match known {
            Some(file) => file.path.clone(),
            None => self.add(name, content),
        };
        literal(&path.to_string_lossy())
    }

    fn add(&mut self, name: &str, content: &str) -> PathBuf {
        // Some file systems take `Vault` and `vault` for one name.
        let lower = name.to_lowercase();
        let mut candidates =
            std::iter::once(lower.clone()).chain((2..).map(|n| format!("{lower}-{n}")));
        let name = candidates.find(|name| self.names.insert(name.clone())).unwrap_or(lower);
        let path = self.folder.join(name);
        let content = Zeroizing::new(content.to_owned());
        self.files.push(SecretFile { path: path.clone(), content });
        path
    }
}

/// A text in which nothing is expanded.
pub(super) fn literal(text: &str) -> Value {
    Value::from(Template::literal(text).as_written())
}

/// A text in which `${NAME}` stands for a variable of the environment, where it can be read so.
pub(super) fn template(text: &str) -> Value {
    match text.parse::<Template>() {
        Ok(template) => Value::from(template.as_written()),
        Err(_) => literal(text),
    }
}

/// `{ KEY = "value" }` of templates.
pub(super) fn environment(pairs: impl IntoIterator<Item = (String, String)>) -> Value {
    inline(pairs.into_iter().map(|(name, value)| (name, template(&value))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_secrets_share_a_file_and_names_differ_also_without_case() {
        let mut secrets = Secrets::new(Path::new("/etc/${x}/secrets"));
        let first = secrets.keep("Vault.password", "one").to_string();
        assert_eq!(first, "\"/etc/$${x}/secrets/vault.password\"");
        assert_eq!(secrets.keep("other", "one").to_string(), first);
        assert!(secrets.keep("vault.password", "two").to_string().ends_with("password-2\""));
        assert_eq!(secrets.files.len(), 2);
        assert!(!format!("{secrets:?}").contains("one"));
    }

    #[test]
    fn variables_stay_and_what_is_none_is_a_text() {
        assert_eq!(template("a-${KEY}").to_string(), "\"a-${KEY}\"");
        assert_eq!(template("a-${KEY").to_string(), "\"a-$${KEY\"");
    }
}
