//! `holdfast fleet`.

use super::plan::{Named, listed};
use super::{Context, Exit, Failure, Output, parse};
use crate::api::{FleetRequest, ListPeersRequest, Plan, SnoozePlanRequest};
use crate::clock;
use crate::model::Timestamp;
use std::time::Duration;

/// Show every plan of every instance in sight, worst first; exit 1 if any needs someone
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Example:\n  holdfast fleet || echo 'somebody is needed'"
)]
pub(crate) struct Fleet {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Keep a plan out of what needs somebody for a while; its state stays, and it runs on
    #[command(
        after_help = "Example:\n  holdfast fleet snooze home --peer laptop --for 2d\n  holdfast fleet snooze home --end"
    )]
    Snooze {
        #[command(flatten)]
        named: Named,
        /// Whose plan it is, where it is not this instance's
        #[arg(long)]
        peer: Option<String>,
        /// How long, such as 2d
        #[arg(long = "for", value_name = "DURATION", value_parser = parse::duration, required_unless_present = "end")]
        time: Option<Duration>,
        /// No longer
        #[arg(long, conflicts_with = "time")]
        end: bool,
    },
}

impl Fleet {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let output = context.output;
        if let Some(Command::Snooze { named, peer, time, end: _ }) = self.command {
            let until = time.map(|time| clock::now().plus(time).to_string());
            let request = SnoozePlanRequest { plan: named.plan.to_string(), peer, until };
            let snoozed = context.client().await?.fleet().snooze(request).await?.into_inner();
            output.show(&snoozed, || match &snoozed.until {
                Some(until) => format!("{} is left alone until {until}", snoozed.plan),
                None => format!("{} is not left alone any more", snoozed.plan),
            })?;
            return Ok(Exit::Done);
        }
        let client = context.client().await?;
        let plans = client.plans().fleet(FleetRequest {}).await?.into_inner().plans;
        if plans.is_empty() && !output.is_json() {
            let peers = client.peers().list(ListPeersRequest {}).await?.into_inner().peers;
            output.show(&plans, || nothing(peers.len()))?;
            return Ok(Exit::Done);
        }
        output.show(&plans, || fleet(output, &plans, clock::now()))?;
        let needs_any = plans.iter().any(|plan| plan.needs_someone);
        Ok(if needs_any { Exit::Failed } else { Exit::Done })
    }
}

/// No plan is in sight, of this instance or of so many peers.
fn nothing(peers: usize) -> String {
    let how = "holdfast plan add ID --repo REPO --path PATH";
    match peers {
        0 => format!("Nothing is backed up yet: {how}"),
        _ => format!(
            "No plan is in sight: none is here, and no peer shows one. They show what they grant \
             `read-operations` for (holdfast peer show PEER).\nA plan of this instance: {how}"
        ),
    }
}

fn fleet(output: Output, plans: &[Plan], now: Timestamp) -> String {
    let bad = plans.iter().filter(|plan| plan.needs_someone).count();
    let is_saved = |plan: &Plan| plan.last_success.is_some() && plan.enabled && !plan.paused;
    let heading = match (bad, plans.len()) {
        (0, _) if plans.iter().all(is_saved) => "Everything is backed up, everywhere.".to_owned(),
        (0, _) => "Nothing needs you.".to_owned(),
        (1, all) => format!("1 of {all} plans needs you."),
        (bad, all) => format!("{bad} of {all} plans need you."),
    };
    format!("{heading}\n\n{}", listed(output, plans, now))
}

#[cfg(test)]
mod tests {
    use super::super::plan::printed::tests::plan;
    use super::*;

    #[test]
    fn the_fleet_says_in_a_sentence_whether_anyone_is_needed() {
        let now = Timestamp::EPOCH;
        let heading =
            |plans: &[Plan]| fleet(Output::plain(), plans, now).lines().next().unwrap().to_owned();
        let seen = |state: &&str| Plan {
            last_success: (*state != "not-yet").then(|| now.to_string()),
            needs_someone: ["never", "stale", "failing"].contains(state),
            ..plan(state)
        };
        let said = |states: &[&str]| heading(&states.iter().map(seen).collect::<Vec<_>>());
        assert_eq!(said(&["fresh", "fresh"]), "Everything is backed up, everywhere.");
        assert_eq!(said(&["stale", "late", "fresh"]), "1 of 3 plans needs you.");
        assert_eq!(said(&["never", "failing"]), "2 of 2 plans need you.");
        assert_eq!(said(&["not-yet"]), "Nothing needs you.");
        assert!(nothing(0).starts_with("Nothing is backed up yet: holdfast plan add"));
        assert!(nothing(2).starts_with("No plan is in sight"));
        let paused = Plan { paused: true, ..seen(&"fresh") };
        assert_eq!(heading(&[seen(&"fresh"), paused]), "Nothing needs you.");
        let first_run = Plan { last_success: None, ..seen(&"running") };
        assert_eq!(heading(&[first_run]), "Nothing needs you.");
    }
}
