//! `holdfast user`.

use super::{Context, Exit, Failure, Output, parse, words};
use crate::api::{
    AddUserRequest, CreateKeyRequest, CreatedKey, Key, ListKeysRequest, ListUsersRequest,
    RemoveUserRequest, RevokeKeyRequest, SetPasswordRequest, SetRoleRequest, User,
};
use crate::clock;
use crate::model::{Role, Timestamp, UserName};
use crate::pairing::Ttl;
use crate::web::password;
use std::path::PathBuf;

/// Who may use the web interface, and keys for programs
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Example:\n  holdfast user add anna\n  holdfast user list")]
pub(crate) enum Command {
    Add(Add),
    Passwd(Passwd),
    /// List all users
    #[command(after_help = "Example:\n  holdfast user list")]
    List,
    /// Give a user another role; they sign in anew
    #[command(after_help = "Example:\n  holdfast user role anna operator")]
    Role {
        /// The user
        user: UserName,
        /// viewer sees, operator also runs and restores, admin also changes
        role: Role,
    },
    /// Remove a user; their logins end
    #[command(after_help = "Example:\n  holdfast user remove anna")]
    Remove {
        /// The user
        user: UserName,
    },
    #[command(subcommand)]
    Key(KeyCommand),
}

/// Add a user; the first one is an admin
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  \
    holdfast user add anna\n  \
    holdfast user add bert --role operator --password-file /run/secrets/bert")]
pub(crate) struct Add {
    /// The user's name: lower-case letters, digits, '.', '_', '-', '@'
    user: UserName,
    /// viewer, operator or admin [default: admin for the first user, else viewer]
    #[arg(long, value_name = "ROLE")]
    role: Option<Role>,
    /// The password's file instead of being asked; `-` is standard input
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// Set a user's password; their logins end
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  \
    holdfast user passwd anna\n  \
    holdfast user passwd anna --password-file /run/secrets/anna")]
pub(crate) struct Passwd {
    /// The user
    user: UserName,
    /// The password's file instead of being asked; `-` is standard input
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// Keys by which programs use the API
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Example:\n  holdfast user key create --label grafana --ttl 365d")]
pub(crate) enum KeyCommand {
    Create(CreateKey),
    /// List all keys, without their secrets
    #[command(after_help = "Example:\n  holdfast user key list")]
    List,
    /// End a key
    #[command(after_help = "Example:\n  holdfast user key revoke 0a1b2c3d4e5f6071")]
    Revoke {
        /// Its id
        id: String,
    },
}

/// Make a key; its secret is shown once
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  holdfast user key create --label grafana --ttl 365d")]
pub(crate) struct CreateKey {
    /// What it is for
    #[arg(long, default_value = "")]
    label: String,
    /// viewer, operator or admin
    #[arg(long, value_name = "ROLE", default_value_t = Role::Viewer)]
    role: Role,
    /// How long it works: 30d, 365d, never
    #[arg(long, default_value = "365d")]
    ttl: Ttl,
}

impl Command {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let output = context.output;
        match self {
            Self::Add(add) => add.run(context).await?,
            Self::Passwd(passwd) => passwd.run(context).await?,
            Self::List => {
                let mut users = context.client().await?.users();
                let list = users.list(ListUsersRequest {}).await?.into_inner().users;
                output.show(&list, || listed(output, &list, clock::now()))?;
            }
            Self::Role { user, role } => {
                let mut users = context.client().await?.users();
                let request = SetRoleRequest { user: user.to_string(), role: role.to_string() };
                let user = users.set_role(request).await?.into_inner();
                output.show(&user, || format!("{} is {}", user.user, user.role))?;
            }
            Self::Remove { user } => {
                let mut users = context.client().await?.users();
                let request = RemoveUserRequest { user: user.to_string() };
                let left = users.remove(request).await?.into_inner().users;
                let document = Removed { user: user.to_string(), users_left: left.len() };
                output.show(&document, || removed(&document))?;
            }
            Self::Key(command) => command.run(context).await?,
        }
        Ok(Exit::Done)
    }
}

impl Add {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let output = context.output;
        let mut users = context.client().await?.users();
        let password = new_password(output, &self.user, self.password_file.as_ref())?;
        let role = self.role.map_or_else(String::new, |role| role.to_string());
        let request = AddUserRequest { user: self.user.to_string(), password, role };
        let user = users.add(request).await?.into_inner();
        output.show(&user, || format!("{} may sign in, as {}", user.user, user.role))
    }
}

impl Passwd {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let output = context.output;
        let mut users = context.client().await?.users();
        let password = new_password(output, &self.user, self.password_file.as_ref())?;
        let user = self.user.to_string();
        let request = SetPasswordRequest { user, password, current: None };
        let user = users.set_password(request).await?.into_inner();
        output.show(&user, || format!("{} has a new password; their logins ended", user.user))
    }
}

impl KeyCommand {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let output = context.output;
        let mut users = context.client().await?.users();
        match self {
            Self::Create(create) => {
                let created = users.create_key(create.request()).await?.into_inner();
                output.show(&created, || rendered(&created, clock::now()))
            }
            Self::List => {
                let keys = users.list_keys(ListKeysRequest {}).await?.into_inner().keys;
                output.show(&keys, || listed_keys(output, &keys, clock::now()))
            }
            Self::Revoke { id } => {
                let request = RevokeKeyRequest { id: id.clone() };
                let keys = users.revoke_key(request).await?.into_inner().keys;
                output.show(&keys, || format!("key {id} is revoked"))
            }
        }
    }
}

impl CreateKey {
    fn request(self) -> CreateKeyRequest {
        let ttl_s = match self.ttl {
            Ttl::For(time) => Some(time.as_secs()),
            Ttl::Never => None,
        };
        CreateKeyRequest { label: self.label, role: self.role.to_string(), ttl_s }
    }
}

/// From the file, or asked twice without showing it.
pub(crate) fn new_password(
    output: Output,
    user: &UserName,
    file: Option<&PathBuf>,
) -> Result<String, Failure> {
    match file {
        Some(file) => fit(parse::secret_file(file)?),
        None if output.is_interactive() => {
            let question = format!("password for {user}:");
            output.insist(|| twice(output, &question), |typed| fit(same(typed)?))
        }
        None => {
            let remedy = "give it in a file: --password-file FILE";
            Err(Failure::usage("nobody is here to be asked for the password", remedy))
        }
    }
}

fn fit(password: String) -> Result<String, Failure> {
    password::check(&crate::model::Secret::new(password.clone())).map_err(|error| {
        Failure::usage(error.to_string(), "take a longer one; a few words do well")
    })?;
    Ok(password)
}

/// A secret, and what was typed to repeat it; `None` at the end of input.
pub(super) fn twice(output: Output, question: &str) -> Result<Option<(String, String)>, Failure> {
    let Some(first) = output.ask_hidden(question)? else { return Ok(None) };
    Ok(output.ask_hidden("the same again:")?.map(|again| (first, again)))
}

/// The secret that was typed the same both times.
pub(super) fn same((first, again): (String, String)) -> Result<String, Failure> {
    match first == again {
        true => Ok(first),
        false => Err(Failure::usage("the two passwords differ", "try again")),
    }
}

/// A user that was removed.
#[derive(Debug, serde::Serialize)]
struct Removed {
    user: String,
    users_left: usize,
}

fn removed(Removed { user, users_left }: &Removed) -> String {
    match users_left {
        0 => format!(
            "{user} is removed. There is no user now: the web interface answers this machine \
             itself, without a login, and nobody else"
        ),
        _ => format!("{user} is removed"),
    }
}

fn listed(output: Output, users: &[User], now: Timestamp) -> String {
    if users.is_empty() {
        return "no users yet: the web interface answers this machine only, without a login\n\
                holdfast user add NAME"
            .to_owned();
    }
    let row = |user: &User| {
        [
            user.user.clone(),
            user.role.clone(),
            ago(user.last_login.as_ref(), now),
            user.sessions.to_string(),
        ]
    };
    output.table(["user", "role", "last login", "logins"], users.iter().map(row))
}

fn listed_keys(output: Output, keys: &[Key], now: Timestamp) -> String {
    if keys.is_empty() {
        return "no API keys yet: holdfast user key create --label NAME".to_owned();
    }
    let row = |key: &Key| {
        [
            key.id.clone(),
            key.label.clone(),
            key.role.clone(),
            until(key, now),
            ago(key.last_used.as_ref(), now),
            key.last_address.clone().unwrap_or_default(),
        ]
    };
    output.table(["id", "label", "role", "expires", "last used", "from"], keys.iter().map(row))
}

fn rendered(created: &CreatedKey, now: Timestamp) -> String {
    let key = created.key.clone().unwrap_or_default();
    let until = until(&key, now);
    format!(
        "{}\n\nshown only now; role {}, expires {until}. Send it as:\n  Authorization: Bearer {}",
        created.secret, key.role, created.secret
    )
}

fn until(key: &Key, now: Timestamp) -> String {
    key.expires_at.as_ref().map_or("never".to_owned(), |at| words::relative(at, now))
}

fn ago(at: Option<&String>, now: Timestamp) -> String {
    at.map_or("never".to_owned(), |at| words::relative(at, now))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_password_comes_from_a_file_or_from_a_person() {
        let user = "anna".parse().unwrap();
        let refused = new_password(Output::plain(), &user, None).unwrap_err();
        assert!(matches!(refused, Failure::Usage(_)), "{refused}");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "correct horse battery\n").unwrap();
        let password = new_password(Output::plain(), &user, Some(&file)).unwrap();
        assert_eq!(password, "correct horse battery");
        std::fs::write(&file, "short\n").unwrap();
        let refused = new_password(Output::plain(), &user, Some(&file)).unwrap_err();
        assert!(refused.to_string().contains("5 characters"), "{refused}");
    }

    #[test]
    fn a_key_is_shown_with_the_header_that_takes_it() {
        let key = Key { role: "viewer".to_owned(), ..Key::default() };
        let created = CreatedKey { key: Some(key), secret: "hf_x".to_owned() };
        let text = rendered(&created, Timestamp::EPOCH);
        assert!(text.starts_with("hf_x\n"), "{text}");
        assert!(
            text.ends_with("role viewer, expires never. Send it as:\n  Authorization: Bearer hf_x")
        );
    }

    #[test]
    fn removing_the_last_user_says_what_that_means() {
        let said = |users_left| removed(&Removed { user: "anna".to_owned(), users_left });
        assert!(said(0).contains("answers this machine itself, without a login"));
        assert_eq!(said(1), "anna is removed");
    }
}
