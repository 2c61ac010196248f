//! `holdfast init`: works without a daemon, and leaves what exists as it is.

use super::user::new_password;
use super::{Context, Exit, Failure, Output};
use crate::api::Identity;
use crate::clock;
use crate::config::{self, DataDir};
use crate::model::{InstanceId, Role, Secret, UserName};
use crate::store::trust::NewUser;
use crate::store::{DataDirLock, StoreError, Trust};
use crate::web::password;
use std::path::Path;

/// Write a commented config file and an identity, and ask for the first user's password
///
/// What exists already is left as it is. Without a terminal nobody is asked; `holdfast user add` adds
/// a user at any time.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  holdfast init --instance nas")]
pub(crate) struct Args {
    /// The name of this instance [default: from the host name]
    #[arg(long, value_name = "NAME")]
    instance: Option<InstanceId>,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let identity = prepare(&context.config, &context.data_dir, self.instance)?;
        let config = context.config.display();
        context.output.show(&identity, || {
            format!(
                "{} is ready: {}\nconfig    {config}\nidentity  {}\n\nnext: holdfast run",
                identity.instance, identity.key_id, identity.path
            )
        })?;
        if context.output.is_interactive() {
            ask_for_user(context.output, &context.data_dir)?;
        }
        Ok(Exit::Done)
    }
}

/// The first user, if a person wants one and there is none.
fn ask_for_user(output: Output, data_dir: &Path) -> Result<(), Failure> {
    let _lock = match DataDirLock::take(data_dir) {
        Ok(lock) => lock,
        // A daemon runs here: users are its.
        Err(StoreError::InUse { .. }) => return Ok(()),
        Err(error) => return Err(stored(error)),
    };
    let trust = Trust::open(data_dir).map_err(stored)?;
    if trust.has_users().map_err(stored)? {
        return Ok(());
    }
    let question = "\nuser of the web interface (empty: no login, this machine only):";
    let Some(name) = output.insist(|| output.ask(question).map(Some), wanted)? else {
        return Ok(());
    };
    let password = new_password(output, &name, None)?;
    add_first(&trust, &name, &Secret::new(password))?;
    output.say(&format!("{name} may sign in, as admin"))
}

/// The name that was typed; `None` where no user is wanted.
fn wanted(typed: String) -> Result<Option<UserName>, Failure> {
    if typed.is_empty() {
        return Ok(None);
    }
    typed.parse().map(Some).map_err(|error: crate::model::IdError| {
        Failure::usage(error.to_string(), "such as anna; empty for none")
    })
}

fn add_first(trust: &Trust, name: &UserName, password: &Secret) -> Result<(), Failure> {
    let hash = password::hash(password)
        .map_err(|error| Failure::local("password", error.to_string(), ""))?;
    let user = NewUser { name: name.clone(), password: hash, role: Role::Admin };
    trust.add_first_user(&user, clock::now()).map(drop).map_err(stored)
}

fn stored(error: StoreError) -> Failure {
    Failure::local("store", error.to_string(), "")
}

/// Config and identity, written where there is none.
fn prepare(path: &Path, data_dir: &Path, name: Option<InstanceId>) -> Result<Identity, Failure> {
    let instance = write_config(path, name)?;
    let made = config::create_private_dir(data_dir);
    made.map_err(|error| Failure::file(data_dir, &error))?;
    let file = DataDir::new(data_dir.to_owned()).identity();
    let identity = config::read_or_create_identity(&file)
        .map_err(|error| Failure::local("identity", error.to_string(), ""))?;
    Ok(Identity {
        instance: instance.to_string(),
        key_id: identity.key_id().to_string(),
        public_key: hex::encode(identity.public_key()),
        path: file.display().to_string(),
    })
}

/// The name in the config: the one that is there, or that of the one written now.
fn write_config(path: &Path, name: Option<InstanceId>) -> Result<InstanceId, Failure> {
    let wanted = match name.clone() {
        Some(name) => name,
        None => of_host()?,
    };
    match config::create_default(path, &wanted) {
        Ok(true) => Ok(wanted),
        Ok(false) => present(path, name),
        Err(error) => Err(Failure::local("config", error.to_string(), "")),
    }
}

fn present(path: &Path, name: Option<InstanceId>) -> Result<InstanceId, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?;
    let config = config::parse(&text).map_err(|problems| {
        let message = format!("{} has problems: {problems}", path.display());
        Failure::local("config", message, "mend them, then try again: holdfast config check")
    })?;
    match name {
        Some(name) if name != config.instance => {
            let message =
                format!("{} names this instance {}, not {name}", path.display(), config.instance);
            Err(Failure::local("config", message, "change `instance` in the file"))
        }
        Some(_) | None => Ok(config.instance),
    }
}

fn of_host() -> Result<InstanceId, Failure> {
    let name = rustix::system::uname();
    config::instance_from_host(&name.nodename().to_string_lossy()).ok_or_else(|| {
        Failure::usage("the host name makes no instance id", "give one with --instance")
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn init_writes_once_and_then_changes_nothing() {
        let home = tempfile::tempdir().unwrap();
        let (config, data) = (home.path().join("etc/config.toml"), home.path().join("data"));
        let name = || Some("nas".parse().unwrap());
        let first = prepare(&config, &data, name()).unwrap();
        assert_eq!(first.instance, "nas");
        let text = std::fs::read_to_string(&config).unwrap();
        assert!(config::parse(&text).is_ok(), "{text}");
        assert_eq!(prepare(&config, &data, None).unwrap(), first);
        assert_eq!(std::fs::read_to_string(&config).unwrap(), text);
    }

    #[test]
    fn the_first_user_is_an_admin_with_that_password() {
        let home = tempfile::tempdir().unwrap();
        let trust = Trust::open(home.path()).unwrap();
        let name = "anna".parse().unwrap();
        add_first(&trust, &name, &Secret::new("correct horse battery".to_owned())).unwrap();
        let credentials = trust.credentials(&name).unwrap().unwrap();
        assert_eq!(credentials.role, Role::Admin);
        assert!(credentials.password.expose().starts_with("$argon2id$"));
    }

    #[test]
    fn init_does_not_rename_an_instance() {
        let home = tempfile::tempdir().unwrap();
        let (config, data) = (home.path().join("config.toml"), home.path().join("data"));
        prepare(&config, &data, Some("nas".parse().unwrap())).unwrap();
        let error = prepare(&config, &data, Some("hub".parse().unwrap())).unwrap_err();
        assert!(error.to_string().contains("names this instance nas, not hub"), "{error}");
    }
}
