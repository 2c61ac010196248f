//! `holdfast init`.

use super::{Context, Exit, Failure, seam};

/// Write a commented config file and an identity
///
/// What exists already is left as it is.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  holdfast init --instance nas")]
pub(crate) struct Args {
    /// The name of this instance [default: from the host name]
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        if let Some(name) = &self.instance {
            name.parse::<crate::model::InstanceId>()
                .map_err(|error| Failure::usage(error.to_string(), "choose another name"))?;
        }
        let identity = seam::init(&context.config, &context.data_dir, self.instance.as_deref())?;
        let config = context.config.display();
        context.output.show(&identity, || {
            format!(
                "{} is ready: {}\nconfig   {config}\nidentity {}\n\nnext: holdfast run",
                identity.instance, identity.key_id, identity.path
            )
        })?;
        Ok(Exit::Done)
    }
}
