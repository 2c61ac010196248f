//! Hooks: tried, and silenced for a while. They are written in the config file only.

use super::refuse;
use crate::api::hook_service_server::HookService;
use crate::api::{Attention, HookTest, HookTests, SnoozeRequest, Snoozed, TestHookRequest};
use crate::clock;
use crate::config::{Config, Listener};
use crate::daemon::Node;
use crate::daemon::areas::Area;
use crate::daemon::hooks::{Delivered, deliver_now, test_context};
use crate::daemon::roster::Roster;
use crate::model::{PlanId, Timestamp};
use crate::notify::{Context, Event};
use crate::store::Trust;
use crate::store::trust::MOST_WAITING;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tonic::{Request, Response, Status};

/// A longer silence is a hook to be removed.
const LONGEST_SNOOZE: Duration = Duration::from_secs(366 * 24 * 3600);

/// Answers for one instance.
pub(super) struct Service {
    node: Arc<Node>,
}

impl Service {
    pub(super) const fn new(node: Arc<Node>) -> Self {
        Self { node }
    }
}

#[tonic::async_trait]
impl HookService for Service {
    async fn test(&self, request: Request<TestHookRequest>) -> Result<Response<HookTests>, Status> {
        let (listeners, context) = chosen(&self.node.config.current(), &request.into_inner())?;
        let mut tests = Vec::new();
        for listener in &listeners {
            let delivered = deliver_now(&self.node, listener, context.clone()).await;
            tests.push(document(listener, delivered));
        }
        Ok(Response::new(HookTests { tests }))
    }

    async fn snooze(&self, request: Request<SnoozeRequest>) -> Result<Response<Snoozed>, Status> {
        let SnoozeRequest { channel, until } = request.into_inner();
        if let Some(channel) = &channel {
            known_channel(&self.node.config.current(), channel)?;
        }
        let until = until.as_deref().map(|text| end(text, clock::now())).transpose()?;
        let name = channel.clone().unwrap_or_default();
        let kept = self.node.with_trust(move |trust, _| trust.snooze(&name, until));
        kept.await.map_err(refuse::store)?;
        for area in [Area::Config, Area::Attention] {
            self.node.areas.changed(area);
        }
        Ok(Response::new(Snoozed { channel, until: until.map(|at| at.to_string()) }))
    }
}

/// Who is told nothing, and until when.
pub(super) struct Silence(HashMap<String, Timestamp>);

impl Silence {
    /// As it is now. What cannot be read is not known, and said so by the status.
    pub(super) async fn read(node: &Node) -> Self {
        let read = node.with_trust(|trust, _| trust.snoozes()).await.unwrap_or_default();
        let now = clock::now();
        Self(read.into_iter().filter(|(_, until)| *until > now).collect())
    }

    /// Until when nobody is told anything.
    pub(super) fn of_everybody(&self) -> Option<Timestamp> {
        self.0.get("").copied()
    }

    /// Until when a channel is told nothing, by its own silence or everybody's.
    pub(super) fn of(&self, channel: &str) -> Option<Timestamp> {
        self.0.get(channel).copied().max(self.of_everybody())
    }
}

/// Messages that could not be delivered so far, and those that were dropped for want of room.
pub(super) async fn troubles(node: &Node) -> Vec<Attention> {
    let read =
        |trust: &Trust, _: &Roster| Ok((trust.failing_messages()?, trust.dropped_messages()?));
    let Ok(((count, newest), dropped)) = node.with_trust(read).await else { return Vec::new() };
    let failing = newest.map(|newest| Attention {
        kind: "hook".to_owned(),
        subject: newest.hook.clone(),
        message: format!(
            "messages that wait for another try: {count}; the newest: {}",
            newest.error
        ),
        remedy: Some("holdfast hook test CHANNEL says what the service answers".to_owned()),
        since: Some(newest.created_at.to_string()),
    });
    let dropped = (dropped > 0).then(|| Attention {
        kind: "hook".to_owned(),
        subject: "outbox".to_owned(),
        message: format!("messages dropped because more than {MOST_WAITING} waited: {dropped}"),
        remedy: None,
        since: None,
    });
    failing.into_iter().chain(dropped).collect()
}

fn end(text: &str, now: Timestamp) -> Result<Timestamp, Status> {
    let wrong = |what: &str| refuse::invalid(format!("until {text:?}: {what}"), "");
    let until = Timestamp::parse(text).ok_or_else(|| wrong("this is no time"))?;
    if until <= now {
        return Err(wrong("this is over already"));
    }
    if until > now.plus(LONGEST_SNOOZE) {
        return Err(wrong("this is more than a year away"));
    }
    Ok(until)
}

fn known_channel(config: &Config, channel: &str) -> Result<(), Status> {
    if config.channel(channel).is_some() {
        return Ok(());
    }
    let names: Vec<_> = config.channels.iter().map(|channel| channel.id.as_str()).collect();
    let remedy = match names.is_empty() {
        true => "write a [[channel]] into the config file".to_owned(),
        false => format!("the channels are {}", names.join(", ")),
    };
    Err(refuse::not_found(format!("there is no channel {channel:?}"), &remedy))
}

/// Which hooks are meant, and what they are told.
fn chosen(config: &Config, request: &TestHookRequest) -> Result<(Vec<Listener>, Context), Status> {
    let event = request.event.as_deref().unwrap_or(Event::BackupFailed.as_str());
    let event: Event = refuse::field("event", event)?;
    let Some(name) = &request.plan else {
        let context = test_context(event, &config.instance, None, None);
        return Ok((of_channel(config, request.channel.as_deref(), event)?, context));
    };
    let id: PlanId = refuse::field("plan", name)?;
    let unknown = || refuse::not_found(format!("there is no plan {id}"), "holdfast plan list");
    let plan = config.plan(&id).ok_or_else(unknown)?;
    let mut listeners = config.listeners();
    listeners.retain(|listener| {
        let is_meant = request.channel.is_none() || listener.channel == request.channel;
        let hears = listener.hears(Some(&plan.repo), Some(&id));
        is_meant && hears && event.is_among(&listener.on)
    });
    if listeners.is_empty() {
        let message = format!("no hook hears of {event} of plan {id}");
        return Err(refuse::not_found(
            message,
            "write one into the config file, or name another --event",
        ));
    }
    Ok((listeners, test_context(event, &config.instance, Some(&id), Some(&plan.repo))))
}

/// A channel that no hook names can be tried as well.
fn of_channel(
    config: &Config,
    channel: Option<&str>,
    event: Event,
) -> Result<Vec<Listener>, Status> {
    let Some(channel) = channel else {
        return Err(refuse::invalid("what to test is not said", "name a channel, or --plan PLAN"));
    };
    known_channel(config, channel)?;
    Ok(config.listener_of_channel(channel, event).into_iter().collect())
}

fn document(listener: &Listener, delivered: Delivered) -> HookTest {
    let (ok, answer, error) = match delivered {
        Delivered::Done(said) => (true, said, None),
        Delivered::Nothing => (true, "the service has nothing for such an event".to_owned(), None),
        Delivered::Later { reason, log, .. } | Delivered::Never { reason, log } => {
            (false, log, Some(reason))
        }
    };
    let (hook, channel) = (listener.key.clone(), listener.channel.clone());
    HookTest { hook, channel, action: listener.deed.action.to_string(), ok, answer, error }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::parse;

    const CONFIG: &str = r#"
instance = "nas"
hook = [{ on = ["any-failure"], channel = "phone" }, { on = ["late"], channel = "phone" }]
[[repo]]
id = "vault"
uri = "/v"
password = "x"
[[plan]]
id = "home"
repo = "vault"
paths = ["/home"]
hook = [{ on = ["backup-failed"], command = "true" }]
[[plan]]
id = "other"
repo = "vault"
paths = ["/srv"]
hook = [{ on = ["backup-failed"], command = "false" }]
[[channel]]
id = "phone"
slack = { url = "https://s.example" }
"#;

    fn chosen_by(channel: &str, plan: &str, event: &str) -> Result<Vec<String>, String> {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let request =
            TestHookRequest { channel: given(channel), plan: given(plan), event: given(event) };
        let chosen = chosen(&parse(CONFIG).unwrap(), &request);
        let keys = |(listeners, _): (Vec<Listener>, Context)| {
            listeners.into_iter().map(|listener| listener.key).collect()
        };
        chosen.map(keys).map_err(|status| status.message().to_owned())
    }

    #[test]
    fn a_test_goes_to_a_channel_or_to_who_hears_of_an_event_of_a_plan() {
        assert_eq!(chosen_by("phone", "", "").unwrap(), ["test/phone/backup-failed"]);
        let both = ["top/phone/any-failure", "plan:home/command/backup-failed"];
        assert_eq!(chosen_by("", "home", "").unwrap(), both);
        assert_eq!(chosen_by("phone", "home", "").unwrap(), both[..1]);
        assert_eq!(chosen_by("", "home", "late").unwrap(), ["top/phone/late"]);
        for (channel, plan, event, said) in [
            ("fone", "", "", "there is no channel \"fone\""),
            ("", "", "", "what to test is not said"),
            ("", "nope", "", "there is no plan nope"),
            ("", "home", "lat", "event \"lat\""),
            ("", "home", "recovered", "no hook hears of recovered of plan home"),
        ] {
            let refused = chosen_by(channel, plan, event).unwrap_err();
            assert!(refused.contains(said), "{refused}");
        }
    }

    #[test]
    fn the_longer_silence_of_a_channel_and_of_everybody_counts() {
        let at = |hour| Timestamp::parse(&format!("2026-03-10T{hour:02}:00:00Z"));
        let silence = |all: &[(&str, u32)]| {
            Silence(all.iter().map(|(who, hour)| ((*who).to_owned(), at(*hour).unwrap())).collect())
        };
        let both = silence(&[("", 12), ("phone", 10), ("desk", 14)]);
        assert_eq!((both.of("phone"), both.of("desk"), both.of("mail")), (at(12), at(14), at(12)));
        assert_eq!(both.of_everybody(), at(12));
        let one = silence(&[("phone", 10)]);
        assert_eq!((one.of("phone"), one.of("mail"), one.of_everybody()), (at(10), None, None));
    }

    #[test]
    fn a_silence_has_an_end_that_is_not_over_and_not_far() {
        let now = Timestamp::parse("2026-03-10T12:00:00Z").unwrap();
        assert!(end("2026-03-10T20:00:00Z", now).is_ok());
        for bad in ["2026-03-10T12:00:00Z", "2028-01-01T00:00:00Z", "tomorrow"] {
            assert!(end(bad, now).unwrap_err().message().contains("until"), "{bad}");
        }
    }
}
