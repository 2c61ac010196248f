//! What of a pushed repo may be taken (invariant X1): nothing in it becomes a command, an option or
//! a path that its receiver did not allow.
//!
//! Pure: decides over values; who may push at all is `grant`'s, what is stored is the store's.
//!
//! 1. Every string is literal data: nothing is expanded, run or read from a file.
//! 2. A repository is reached by one of the schemes in [`Scheme`], its host and user being plain
//!    names; by a local path only below the peer's allowed paths; by rclone only where the peer is
//!    allowed remote commands.
//! 3. Environment names come from [`ENVIRONMENT`]; what else was sent is listed as dropped.
//! 4. An owner sends only the variables of the storage that the location names.

mod uri;

pub use uri::{Scheme, UriRefused};

use crate::model::{Dropped, SharedRepo};
use std::path::PathBuf;

/// The environment that may cross with a repo: credentials and regions of the storages above. None
/// of them names a file or a command.
pub const ENVIRONMENT: [&str; 30] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_DEFAULT_REGION",
    "AZURE_ACCOUNT_NAME",
    "AZURE_ACCOUNT_KEY",
    "AZURE_ACCOUNT_SAS",
    "AZURE_ENDPOINT_SUFFIX",
    "B2_ACCOUNT_ID",
    "B2_ACCOUNT_KEY",
    "GOOGLE_PROJECT_ID",
    "GOOGLE_ACCESS_TOKEN",
    "OS_AUTH_URL",
    "OS_REGION_NAME",
    "OS_USERNAME",
    "OS_USER_ID",
    "OS_PASSWORD",
    "OS_TENANT_ID",
    "OS_TENANT_NAME",
    "OS_USER_DOMAIN_NAME",
    "OS_USER_DOMAIN_ID",
    "OS_PROJECT_NAME",
    "OS_PROJECT_DOMAIN_NAME",
    "OS_PROJECT_DOMAIN_ID",
    "OS_TRUST_ID",
    "ST_AUTH",
    "ST_USER",
    "ST_KEY",
    "RESTIC_REST_USERNAME",
    "RESTIC_REST_PASSWORD",
];

/// What this instance allows the peer that pushes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Allowance {
    /// Folders below which it may point a local repository.
    pub paths: Vec<PathBuf>,
    /// Whether it may name an rclone remote (which can name a command).
    pub remote_commands: bool,
}

/// A pushed repo as it may be used here, and what was left out.
#[derive(Clone)]
pub struct Screened {
    /// The repo, without what was left out.
    pub repo: SharedRepo,
    /// What was left out, and why.
    pub dropped: Vec<Dropped>,
}

/// Why an owner does not send a variable to a member whose location is this one; `None` if it does.
#[must_use]
pub fn held_back(uri: &str, name: &str) -> Option<&'static str> {
    if !ENVIRONMENT.contains(&name) {
        return Some("no peer takes this variable from another");
    }
    // Credentials of another storage would be a gift: nothing there asks for them.
    (!uri::has_variable(uri, name)).then_some("it is no variable of the storage that is shared")
}

/// Takes what may be taken of a pushed repo.
///
/// # Errors
/// [`UriRefused`] where its uri may not be used here at all.
pub fn screen(repo: SharedRepo, allowance: &Allowance) -> Result<Screened, UriRefused> {
    uri::check(repo.uri.expose(), allowance)?;
    let (env, foreign): (Vec<_>, Vec<_>) =
        repo.env.into_iter().partition(|(name, _)| ENVIRONMENT.contains(&name.as_str()));
    let dropped = foreign
        .into_iter()
        .map(|(name, _)| Dropped {
            field: format!("env {name}"),
            reason: "this variable may not come from a peer".to_owned(),
        })
        .collect();
    Ok(Screened { repo: SharedRepo { env, ..repo }, dropped })
}

/// What a member keeps when its owner pushes a repo again.
///
/// A changed uri drops every kept secret, so that a secret never follows to another place; an
/// absent secret with an unchanged uri means "keep".
#[must_use]
pub fn update(kept: Option<&SharedRepo>, pushed: SharedRepo) -> SharedRepo {
    match kept {
        Some(kept) if kept.uri == pushed.uri => {
            SharedRepo { password: pushed.password.or_else(|| kept.password.clone()), ..pushed }
        }
        _ => pushed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Secret;

    fn repo(uri: &str, env: &[&str]) -> SharedRepo {
        SharedRepo {
            id: "vault".parse().unwrap(),
            guid: "a".repeat(64).parse().unwrap(),
            uri: Secret::new(uri.to_owned()),
            password: Some(Secret::new("pw".to_owned())),
            env: env
                .iter()
                .map(|name| ((*name).to_owned(), Secret::new("value".to_owned())))
                .collect(),
        }
    }

    #[test]
    fn x1_environment_that_could_run_something_is_dropped_and_listed() {
        let pushed = repo(
            "s3:s3.example.com/bucket",
            &["AWS_ACCESS_KEY_ID", "RESTIC_PASSWORD_COMMAND", "LD_PRELOAD", "PATH", "GOGC"],
        );
        let screened = screen(pushed, &Allowance::default()).unwrap();
        assert_eq!(screened.repo.env.len(), 1);
        let fields: Vec<_> = screened.dropped.iter().map(|d| d.field.as_str()).collect();
        assert_eq!(
            fields,
            ["env RESTIC_PASSWORD_COMMAND", "env LD_PRELOAD", "env PATH", "env GOGC"]
        );
    }

    #[test]
    fn an_owner_sends_only_the_variables_of_the_storage_that_it_shares() {
        let sent = |uri: &str| {
            let names = ENVIRONMENT.into_iter().chain(["LD_PRELOAD", "AWS_PROFILE"]);
            names.filter(|name| held_back(uri, name).is_none()).collect::<Vec<_>>()
        };
        let of_rest = ["RESTIC_REST_USERNAME", "RESTIC_REST_PASSWORD"];
        assert_eq!(sent("rest:https://vault.example/x"), of_rest);
        assert_eq!(sent("b2:bucket:x"), ["B2_ACCOUNT_ID", "B2_ACCOUNT_KEY"]);
        for uri in ["/srv/restic", "local:/srv/restic", "sftp:nas:/srv", "rclone:remote:x"] {
            assert!(sent(uri).is_empty(), "{uri}");
        }
        let schemes = ["rest:", "s3:", "b2:", "azure:", "gs:", "swift:"];
        let sent: usize = schemes.into_iter().map(|uri| sent(uri).len()).sum();
        assert_eq!(sent, ENVIRONMENT.len(), "each variable belongs to one storage");
    }

    #[test]
    fn x1_no_name_of_the_table_is_a_file_or_a_command() {
        for name in ENVIRONMENT {
            assert!(!["FILE", "COMMAND", "CREDENTIALS", "PATH"].iter().any(|w| name.ends_with(w)));
        }
    }

    #[test]
    fn x1_a_changed_uri_drops_the_kept_secret() {
        let kept = repo("rest:https://a.example/x", &[]);
        let silent = |uri: &str| SharedRepo { password: None, ..repo(uri, &[]) };
        let same = update(Some(&kept), silent("rest:https://a.example/x"));
        assert!(same.password == kept.password);
        let moved = update(Some(&kept), silent("rest:https://b.example/x"));
        assert!(moved.password.is_none());
    }
}
