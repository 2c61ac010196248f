//! `holdfast status`.

use super::{Context, Exit, Failure, Output, peer, plan, repo, words};
use crate::api::{Attention, GetStatusRequest, Status};
use crate::clock;
use crate::model::Timestamp;

/// Show this instance, its plans, its peers, and what needs attention
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  holdfast status\n  holdfast status --json | jq .attention")]
pub(crate) struct StatusArgs {}

impl StatusArgs {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let output = context.output;
        let status = context.client().await?.status().get(GetStatusRequest {}).await?.into_inner();
        output.show(&status, || rendered(output, &status, clock::now()))?;
        Ok(Exit::Done)
    }
}

fn rendered(output: Output, status: &Status, now: Timestamp) -> String {
    let mut parts = vec![heading(status)];
    if !status.attention.is_empty() {
        let lines: Vec<_> = status.attention.iter().map(|one| attention(one, now)).collect();
        parts.push(format!("Needs attention\n{}", lines.join("\n")));
    }
    parts.push(format!("Plans\n{}", plan::listed(output, &status.plans, now)));
    parts.push(format!("Repos\n{}", repo::listed(output, &status.repos, now)));
    parts.push(format!("Peers\n{}", peer::listed(output, &status.peers, now)));
    parts.join("\n\n")
}

fn heading(status: &Status) -> String {
    let mut lines = vec![
        format!("{}  holdfast {}", status.instance, status.version),
        format!("key id     {}", status.key_id),
        format!("listening  {}", status.listen.join(", ")),
    ];
    lines.extend(status.ui_url.as_ref().map(|url| format!("ui         {url}")));
    let store = status.store.as_ref().map_or("", |store| store.state.as_str());
    let said = match store {
        "unwritable" => Some("history cannot be written now; backups go on"),
        "repairing" => Some("history is being checked; backups go on"),
        "empty" => Some("history could not be read and was set aside; backups go on"),
        _ => None,
    };
    lines.extend(said.map(|text| format!("history    {}", words::marked(store, text))));
    lines.join("\n")
}

fn attention(one: &Attention, now: Timestamp) -> String {
    let since = one.since.as_ref().map(|at| format!(" ({})", words::relative(at, now)));
    let remedy = one.remedy.as_ref().map(|text| format!("\n    → {text}"));
    let message = one.message.replace('\n', "\n    ");
    let text = format!("{} {}: {message}", one.kind, one.subject);
    format!(
        "{}{}{}",
        words::marked("failed", &text),
        since.unwrap_or_default(),
        remedy.unwrap_or_default()
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::api::Store;

    #[test]
    fn a_fresh_instance_says_the_next_steps() {
        let status = Status {
            instance: "nas".to_owned(),
            version: "0.1.0".to_owned(),
            store: Some(Store { state: "ok".to_owned() }),
            ..Status::default()
        };
        let text = rendered(Output::plain(), &status, Timestamp::EPOCH);
        for step in ["holdfast plan add", "holdfast repo add", "holdfast token create"] {
            assert!(text.contains(step), "{text}");
        }
        assert!(!text.contains("Needs attention"), "{text}");
    }

    #[test]
    fn attention_comes_first_with_what_to_do() {
        let one = Attention {
            kind: "plan".to_owned(),
            subject: "home".to_owned(),
            message: "stale".to_owned(),
            remedy: Some("holdfast plan backup home".to_owned()),
            since: None,
        };
        let status = Status { attention: vec![one], ..Status::default() };
        let text = rendered(Output::plain(), &status, Timestamp::EPOCH);
        let wanted =
            "Needs attention\n✗ plan home: stale\n    → holdfast plan backup home\n\nPlans";
        assert!(text.contains(wanted), "{text}");
    }

    #[test]
    fn a_history_set_aside_is_said() {
        let store = Some(Store { state: "empty".to_owned() });
        let text = heading(&Status { store, ..Status::default() });
        assert!(
            text.ends_with(
                "history    ✗ history could not be read and was set aside; backups go on"
            )
        );
    }
}
