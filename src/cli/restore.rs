//! `holdfast restore`.

use super::{Context, Exit, Failure, parse, watch};
use crate::api::RestoreRequest;

/// Write files of a snapshot to an empty folder
///
/// Ctrl-C cancels it and lets restic unlock; a second Ctrl-C leaves it running.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  \
    holdfast restore latest --plan home --to /tmp/home\n  \
    holdfast restore 01234567 --to /tmp/home --include /home/ada/letters")]
pub(crate) struct Args {
    /// Its id, a unique prefix of it, or latest
    snapshot: String,
    /// The folder; it is made, or is empty
    #[arg(long, visible_alias = "target", value_name = "DIR", value_parser = parse::path)]
    to: String,
    /// Of this plan; needed for latest
    #[arg(long, required_if_eq("snapshot", "latest"))]
    plan: Option<String>,
    /// In this repo, where the id alone does not say it
    #[arg(long)]
    repo: Option<String>,
    /// Only this path of the snapshot; may be repeated
    #[arg(long, value_name = "PATH")]
    include: Vec<String>,
    #[command(flatten)]
    wait: watch::Wait,
}

impl Args {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client().await?;
        let request = RestoreRequest {
            snapshot: self.snapshot,
            repo: self.repo,
            plan: self.plan,
            target: self.to,
            include: self.include,
        };
        let pending = client.snapshots().restore(request).await?.into_inner();
        self.wait.follow(&client, context.output, pending).await
    }
}
