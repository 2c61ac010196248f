//! `holdfast run`.

use super::{Context, Exit, Failure};
use crate::daemon::{self, Options};
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
    /// The restic binary, instead of the one in the config or on PATH
    #[arg(long, value_name = "FILE", env = "HOLDFAST_RESTIC")]
    restic: Option<PathBuf>,
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
        let options = Options {
            config: context.config.clone(),
            data_dir: context.data_dir.clone(),
            listen: self.listen,
            restic: self.restic,
        };
        let ran = daemon::run(options).await;
        ran.map_err(|error| Failure::local("not-started", error.to_string(), ""))?;
        Ok(Exit::Done)
    }
}
