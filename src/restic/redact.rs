//! Strikes secrets out of what restic prints.

use super::argv::percent_encoded;
use crate::model::{RepoAccess, Secret};

/// The texts that must not be seen. Not `Debug`.
#[derive(Clone, Default)]
pub(super) struct Redaction(Vec<Secret>);

/// Shorter texts are too common to be struck out (and too short to be a secret worth the name).
const SHORTEST: usize = 4;

impl Redaction {
    pub(super) fn of(access: &RepoAccess) -> Self {
        let user = user_and_password(access.uri.expose());
        let password = user.and_then(|user| user.split_once(':')).map(|(_, password)| password);
        let mut secrets: Vec<Secret> = [user, password]
            .into_iter()
            .flatten()
            .map(|text| Secret::new(text.to_owned()))
            .collect();
        secrets.push(access.password.clone());
        secrets.extend(access.env.iter().map(|(_, value)| value.clone()));
        // As they stand in a location.
        let encoded = access.env.iter().map(|(_, value)| percent_encoded(value.expose()));
        secrets.extend(encoded.map(Secret::new));
        secrets.retain(|secret| secret.expose().len() >= SHORTEST);
        // The longest first: one secret may contain another.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.expose().len()));
        Self(secrets)
    }

    /// The text without the secrets. Nothing is read from it afterwards: a secret may be a word that
    /// restic says for itself.
    pub(super) fn apply(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        for secret in &self.0 {
            if clean.contains(secret.expose()) {
                clean = clean.replace(secret.expose(), "***");
            }
        }
        clean
    }
}

/// The line without control characters: restic clears lines of a terminal even where there is none.
pub(super) fn plain(line: &str) -> String {
    let mut plain = line.replace("\u{1b}[2K", "");
    plain.retain(|c| c == '\t' || !c.is_control());
    plain
}

/// `user:password` of a URI, if there is one.
fn user_and_password(uri: &str) -> Option<&str> {
    let authority = uri.split_once("://")?.1.split('/').next()?;
    let (user, _) = authority.rsplit_once('@')?;
    user.contains(':').then_some(user)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c2_secrets_are_struck_out_of_output() {
        let secret = |text: &str| Secret::new(text.to_owned());
        let redaction = Redaction::of(&RepoAccess {
            uri: secret("rest:https://nas:hunter22@vault.example/nas"),
            password: secret("swordfish"),
            env: vec![
                ("AWS_SECRET_ACCESS_KEY".to_owned(), secret("swordfish-long")),
                ("A".to_owned(), secret("eu")),
            ],
        });
        let env = vec![("RESTIC_REST_PASSWORD".to_owned(), secret("sword/fish"))];
        let access = RepoAccess { uri: secret("rest:http://v/"), password: secret("x"), env };
        assert_eq!(Redaction::of(&access).apply("http://nas:sword%2Ffish@v/"), "http://nas:***@v/");
        assert_eq!(redaction.apply("user nas, password hunter22"), "user nas, password ***");
        let said = "\u{1b}[2Kat https://nas:hunter22@vault.example/: swordfish-long swordfish eu";
        assert_eq!(redaction.apply(&plain(said)), "at https://***@vault.example/: *** *** eu");
    }
}
