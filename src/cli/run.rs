//! `holdfast run`.

use super::{Context, Exit, Failure};
use crate::telemetry;
use std::path::PathBuf;

/// Run the daemon of this machine
///
/// Without a config file it writes a commented one and an identity, and starts.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  holdfast run --listen 127.0.0.1:9898")]
pub(crate) struct Args {
    /// Listen here instead of where the config says; may be repeated
    #[arg(long, value_name = "ADDR", env = "HOLDFAST_LISTEN", value_delimiter = ',')]
    listen: Vec<std::net::SocketAddr>,
}

/// What the daemon is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// The config file.
    pub config: PathBuf,
    /// The data directory.
    pub data_dir: PathBuf,
    /// Addresses instead of the config's; empty: the config's.
    pub listen: Vec<std::net::SocketAddr>,
}

impl Args {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let format = if context.output.is_json() {
            telemetry::Format::Json
        } else {
            telemetry::Format::Text
        };
        telemetry::start(format, "info")
            .map_err(|error| Failure::usage(error.to_string(), "unset HOLDFAST_LOG"))?;
        daemon(Options {
            config: context.config.clone(),
            data_dir: context.data_dir.clone(),
            listen: self.listen,
        })
        .await?;
        Ok(Exit::Done)
    }
}

/// Runs the daemon until it is asked to stop.
async fn daemon(_options: Options) -> Result<(), Failure> {
    Err(Failure::local("not-linked", "the daemon is not part of this build", ""))
}
