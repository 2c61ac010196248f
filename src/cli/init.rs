//! `holdfast init`: works without a daemon, and leaves what exists as it is.

use super::{Context, Exit, Failure};
use crate::api::Identity;
use crate::config::{self, DataDir};
use crate::model::InstanceId;
use std::path::Path;

/// Write a commented config file and an identity
///
/// What exists already is left as it is.
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
        Ok(Exit::Done)
    }
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
    fn init_does_not_rename_an_instance() {
        let home = tempfile::tempdir().unwrap();
        let (config, data) = (home.path().join("config.toml"), home.path().join("data"));
        prepare(&config, &data, Some("nas".parse().unwrap())).unwrap();
        let error = prepare(&config, &data, Some("hub".parse().unwrap())).unwrap_err();
        assert!(error.to_string().contains("names this instance nas, not hub"), "{error}");
    }
}
