//! `holdfast identity`.

use super::{Context, Exit, Failure};
use crate::api::GetIdentityRequest;

/// This instance's identity
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Example:\n  holdfast identity show")]
pub(crate) enum Command {
    /// Show the key id that peers know this instance by
    #[command(after_help = "Example:\n  holdfast identity show")]
    Show,
}

impl Command {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let Self::Show = self;
        let identity =
            context.client().await?.status().identity(GetIdentityRequest {}).await?.into_inner();
        context.output.show(&identity, || {
            format!(
                "instance    {}\nkey id      {}\npublic key  {}\nfile        {}",
                identity.instance, identity.key_id, identity.public_key, identity.path
            )
        })?;
        Ok(Exit::Done)
    }
}
