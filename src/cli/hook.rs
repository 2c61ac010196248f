//! `holdfast hook`.

use super::{Context, Exit, Failure, Output, parse, words};
use crate::api::{
    self, Channel, GetSettingsRequest, Hook, HookTest, SnoozeRequest, Snoozed, TestHookRequest,
};
use crate::clock;
use crate::model::Timestamp;
use crate::notify::Event;
use std::time::Duration;

/// Who is told what; written in the config file
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Example:\n  holdfast hook list\n  holdfast hook test phone")]
pub(crate) enum Command {
    /// List channels and hooks, with what became of the last message; no secret is shown
    #[command(after_help = "Example:\n  holdfast hook list")]
    List,
    Test(Test),
    Snooze(Snooze),
}

/// Send a test message now, and say what the service answers; exit 1 if any was not taken
///
/// Nothing is tried again, and quiet hours do not count. Commands are run as well, with
/// HOLDFAST_TEST=true in their environment.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  holdfast hook test phone\n  holdfast hook test --plan home --event backup-failed"
)]
pub(crate) struct Test {
    /// To this channel
    #[arg(required_unless_present = "plan")]
    channel: Option<String>,
    /// To every hook that hears of an event of this plan (with a channel: only to those that use it)
    #[arg(long)]
    plan: Option<String>,
    /// Which event [default: backup-failed]
    #[arg(long, value_name = "EVENT", value_parser = event)]
    event: Option<Event>,
}

/// Tell a channel, or everybody, nothing for a while; what comes meanwhile is told at the end, as one
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  holdfast hook snooze phone --for 8h\n  holdfast hook snooze --for 2d\n  holdfast hook snooze phone --end"
)]
pub(crate) struct Snooze {
    /// Only this channel
    channel: Option<String>,
    /// For how long, such as 8h
    #[arg(long = "for", value_name = "DURATION", value_parser = parse::duration, required_unless_present = "end")]
    duration: Option<Duration>,
    /// Tell again what comes from now on
    #[arg(long, conflicts_with = "duration")]
    end: bool,
}

/// The document of `hook list`.
#[derive(Debug, serde::Serialize)]
struct Listed {
    channels: Vec<Channel>,
    hooks: Vec<Hook>,
    /// Nobody is told anything until then.
    silent_until: Option<String>,
}

fn listed(output: Output, list: &Listed, now: Timestamp) -> String {
    if list.channels.is_empty() && list.hooks.is_empty() {
        return "nobody is told of anything yet: write a [[channel]] and a hook into the config"
            .to_owned();
    }
    let channel = |channel: &Channel| {
        let last = channel.last_result.clone().unwrap_or_else(|| "–".to_owned());
        let at = words::maybe_relative(channel.last_at.as_deref(), now);
        let silent = channel.snoozed_until.as_deref().map(|until| words::relative(until, now));
        let tells =
            silent.map_or_else(|| "yes".to_owned(), |left| format!("snoozed, again {left}"));
        [channel.id.clone(), channel.action.clone(), tells, last, at]
    };
    let hook = |hook: &Hook| {
        let place = if hook.place.is_empty() { "everything" } else { &hook.place };
        let target = hook.channel.as_ref().or(hook.action.as_ref()).cloned();
        [place.to_owned(), hook.on.join(", "), target.unwrap_or_default()]
    };
    let header = ["channel", "action", "tells", "last message", "when"];
    let channels = output.table(header, list.channels.iter().map(channel));
    let hooks = output.table(["hears of", "events", "tells"], list.hooks.iter().map(hook));
    let silence = list.silent_until.as_deref().map(|until| {
        format!(
            "nobody is told anything, again {}; `holdfast hook snooze --end` ends it\n\n",
            words::relative(until, now)
        )
    });
    format!("{}{channels}\n\n{hooks}", silence.unwrap_or_default())
}

fn event(text: &str) -> Result<Event, String> {
    text.parse().map_err(|error: crate::model::UnknownWord| error.to_string())
}

impl Command {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let output = context.output;
        let client = context.client().await?;
        let mut hooks = client.hooks();
        match self {
            Self::List => {
                let settings = client.settings().get(GetSettingsRequest {}).await?.into_inner();
                let api::Settings { channels, hooks, silent_until, .. } = settings;
                let list = Listed { channels, hooks, silent_until };
                output.show(&list, || listed(output, &list, clock::now()))?;
                Ok(Exit::Done)
            }
            Self::Test(Test { channel, plan, event }) => {
                let event = event.map(|event| event.to_string());
                let request = TestHookRequest { channel, plan, event };
                let tests = hooks.test(request).await?.into_inner().tests;
                output.show(&tests, || tests.iter().map(tested).collect::<Vec<_>>().join("\n"))?;
                let all_taken = tests.iter().all(|test| test.ok);
                Ok(if all_taken { Exit::Done } else { Exit::Failed })
            }
            Self::Snooze(Snooze { channel, duration, end: _ }) => {
                let until = duration.map(|duration| clock::now().plus(duration).to_string());
                let snoozed = hooks.snooze(SnoozeRequest { channel, until }).await?.into_inner();
                output.show(&snoozed, || silence(&snoozed))?;
                Ok(Exit::Done)
            }
        }
    }
}

fn tested(test: &HookTest) -> String {
    let who = test.channel.as_ref().unwrap_or(&test.hook);
    let (mark, said) = match &test.error {
        None => ("ok", test.answer.trim_end().to_owned()),
        Some(error) => ("failed", format!("{error}\n{}", test.answer).trim_end().to_owned()),
    };
    words::marked(mark, &format!("{who} ({}): {said}", test.action))
}

fn silence(snoozed: &Snoozed) -> String {
    let who = snoozed.channel.as_deref().unwrap_or("everybody");
    match &snoozed.until {
        Some(until) => format!("{who} is told nothing until {until}"),
        None => format!("{who} is told what comes from now on"),
    }
}
