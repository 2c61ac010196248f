//! `holdfast snapshots`.

use super::select::Select;
use super::{Context, Exit, Failure, Output, words};
use crate::api::{ListSnapshotsRequest, Snapshot};
use crate::clock;
use crate::model::Timestamp;

/// List what can be restored
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  \
    holdfast snapshots --plan home --since 30d\n  \
    holdfast snapshots --path /home/ada/letter.txt --latest 1 --json")]
pub(crate) struct Args {
    #[command(flatten)]
    select: Select,
}

impl Args {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let output = context.output;
        let request = ListSnapshotsRequest::from(self.select);
        let none = none(&request);
        let mut stream = context.client().await?.snapshots().list(request).await?.into_inner();
        let mut collected = Vec::new();
        let end = loop {
            match stream.message().await {
                Ok(Some(snapshot)) if output.is_json() => output.line_of(&snapshot)?,
                Ok(Some(snapshot)) => collected.push(snapshot),
                Ok(None) => break Ok(Exit::Done),
                // A repo that is away takes nothing from what the others have.
                Err(status) => break Err(Failure::from(status)),
            }
        };
        if !output.is_json() {
            match (collected.as_slice(), &end) {
                ([], Ok(_)) => output.say(none)?,
                ([], Err(_)) => {}
                (some, _) => output.say(&table(output, some, clock::now()))?,
            }
        }
        end
    }
}

/// What an empty list means.
fn none(request: &ListSnapshotsRequest) -> &'static str {
    match *request == ListSnapshotsRequest::default() {
        true => "no snapshots yet: holdfast plan backup PLAN",
        false => "no snapshot matches",
    }
}

fn table(output: Output, snapshots: &[Snapshot], now: Timestamp) -> String {
    let row = |snapshot: &Snapshot| {
        let made_by = snapshot.instance.as_ref().unwrap_or(&snapshot.host);
        [
            snapshot.short_id.clone(),
            words::relative(&snapshot.time, now),
            made_by.clone(),
            snapshot.plan.clone().unwrap_or_default(),
            snapshot.repo.clone(),
            snapshot.size.map_or_else(|| "–".to_owned(), words::bytes),
            snapshot.paths.join(", "),
        ]
    };
    output.table(["id", "made", "by", "plan", "repo", "size", "paths"], snapshots.iter().map(row))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_an_empty_list_of_everything_says_how_to_make_one() {
        assert!(none(&ListSnapshotsRequest::default()).contains("holdfast plan backup"));
        let of_plan = ListSnapshotsRequest { plan: Some("home".to_owned()), ..Default::default() };
        assert_eq!(none(&of_plan), "no snapshot matches");
    }

    #[test]
    fn a_snapshot_without_tags_is_told_by_its_host() {
        let snapshot = Snapshot {
            short_id: "01234567".to_owned(),
            time: "1970-01-01T00:00:00.000Z".to_owned(),
            host: "old-box".to_owned(),
            repo: "vault".to_owned(),
            paths: vec!["/home".to_owned()],
            ..Snapshot::default()
        };
        let text = table(Output::plain(), &[snapshot], Timestamp::EPOCH);
        let cells: Vec<_> = text.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(cells, ["01234567", "now", "old-box", "vault", "–", "/home"]);
    }
}
