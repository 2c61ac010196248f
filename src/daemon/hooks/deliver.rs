//! Takes messages out of the outbox and delivers them.

use super::{Herald, command, from_json};
use crate::clock;
use crate::config::{Listener, OnError};
use crate::daemon::Node;
use crate::job::HookRun;
use crate::model::{FlowId, OperationId, Status, Timestamp};
use crate::notify::policy::retry_at;
use crate::notify::{Action, Context, Message, SendError, Sender, digest};
use crate::shutdown::Guard;
use crate::store::StoreError;
use crate::store::trust::Waiting;
use futures_util::future::join_all;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How many messages are taken at once.
const BATCH: u32 = 256;
/// The longest sleep: a clock that leaps is noticed, and states are looked at for reminders.
const ROUND: Duration = Duration::from_secs(30);
/// After a fault of the store.
const AGAIN: Duration = Duration::from_secs(10);
/// How much of the end of a log goes with a message.
const LOG_TAIL: usize = 60_000;

/// Before what an operation says of a test.
pub(in crate::daemon) const TEST: &str = "test: ";

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::daemon) enum Delivered {
    /// It was taken; what the service said, or the command printed.
    Done(String),
    /// The service has nothing for such an event.
    Nothing,
    /// It was not; another try may succeed.
    Later {
        /// Why.
        reason: String,
        /// When the service says to come back.
        after: Option<Duration>,
        /// What a command printed.
        log: String,
    },
    /// It was not, and will not be.
    Never {
        /// Why.
        reason: String,
        /// What a command printed.
        log: String,
    },
}

/// Delivers what is due until the stop is asked for.
pub(in crate::daemon) async fn run(node: Arc<Node>, herald: Arc<Herald>, mut guard: Guard) {
    let sender = match Sender::new() {
        Ok(sender) => sender,
        Err(error) => {
            tracing::error!(%error, "no message can be delivered");
            return;
        }
    };
    let mut added = herald.added();
    loop {
        added.mark_unchanged();
        // A message under way when the stop comes stays in the outbox.
        let wait = match guard.run(round(&node, &sender)).await {
            None => return,
            Some(Ok(wait)) => wait,
            Some(Err(error)) => {
                tracing::warn!(%error, "the outbox was not looked at; it is tried again");
                AGAIN
            }
        };
        tokio::select! {
            () = guard.asked() => return,
            () = tokio::time::sleep(wait) => {}
            Ok(()) = added.changed() => {}
        }
    }
}

/// Delivers what is due; how long until the next.
async fn round(node: &Node, sender: &Sender) -> Result<Duration, StoreError> {
    let now = clock::now();
    let due = node.with_trust(move |trust, _| trust.due_messages(now, BATCH)).await?;
    let listeners: BTreeMap<String, Listener> = node
        .config
        .current()
        .listeners()
        .into_iter()
        .map(|listener| (listener.key.clone(), listener))
        .collect();
    let mut by_hook = BTreeMap::<String, Vec<Waiting>>::new();
    for waiting in due {
        by_hook.entry(waiting.hook.clone()).or_default().push(waiting);
    }
    let work = by_hook.into_iter().map(|(hook, waiting)| {
        let listener = listeners.get(&hook);
        async move {
            match listener {
                Some(listener) => deliver_in_order(node, sender, listener, waiting).await,
                None => forget(node, &hook, &waiting).await,
            }
        }
    });
    join_all(work).await.into_iter().collect::<Result<(), _>>()?;
    let next = node.with_trust(|trust, _| trust.next_message_due()).await?;
    let until = next.map_or(ROUND, |next| next.since(clock::now()));
    Ok(until.min(ROUND))
}

async fn forget(node: &Node, hook: &str, waiting: &[Waiting]) -> Result<(), StoreError> {
    tracing::info!(hook, messages = waiting.len(), "a hook is no more, and what waited for it");
    done(node, waiting.iter().map(|waiting| waiting.id).collect()).await
}

async fn done(node: &Node, ids: Vec<i64>) -> Result<(), StoreError> {
    node.with_trust(move |trust, _| trust.messages_done(&ids)).await
}

/// The messages of one hook, one after another; the first that has to wait has those after it wait.
async fn deliver_in_order(
    node: &Node,
    sender: &Sender,
    listener: &Listener,
    waiting: Vec<Waiting>,
) -> Result<(), StoreError> {
    let mut left = parcels(listener.deed.action, waiting).into_iter();
    while let Some(parcel) = left.next() {
        let Some(until) = deliver_parcel(node, sender, listener, parcel).await? else { continue };
        let ids: Vec<_> = left.flatten().map(|waiting| waiting.id).collect();
        return node.with_trust(move |trust, _| trust.messages_deferred(&ids, until)).await;
    }
    Ok(())
}

/// What was held back goes together, to whom that means the same.
fn parcels(action: Action, waiting: Vec<Waiting>) -> Vec<Vec<Waiting>> {
    if !action.takes_several() {
        return waiting.into_iter().map(|one| vec![one]).collect();
    }
    let (held, mut single): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|one| one.held);
    let mut parcels: Vec<_> = single.drain(..).map(|one| vec![one]).collect();
    if !held.is_empty() {
        parcels.insert(0, held);
    }
    parcels
}

/// Delivers a parcel; when it is tried again, if it is.
async fn deliver_parcel(
    node: &Node,
    sender: &Sender,
    listener: &Listener,
    parcel: Vec<Waiting>,
) -> Result<Option<Timestamp>, StoreError> {
    let Some(first) = parcel.first().cloned() else { return Ok(None) };
    let contexts: Vec<_> = parcel.iter().map(|waiting| from_json(&waiting.context)).collect();
    let started_at = clock::now();
    // Numbers begin anew in a new store; names must not.
    let id = format!("{}-{}-{}", node.key(), first.created_at.as_millis(), first.id);
    let delivered = deliver(node, sender, listener, (&contexts, &id)).await;
    let ids: Vec<_> = parcel.iter().map(|waiting| waiting.id).collect();
    let delivered = match delivered {
        Delivered::Later { reason, after, log } => {
            let failures = first.failures.saturating_add(1);
            match retry_at(failures, first.first_due, clock::now(), after) {
                Some(at) => {
                    tracing::warn!(hook = %listener.key, %reason, %at, "a message was not delivered; it is tried again");
                    put_off(node, (first.id, ids), at, reason).await?;
                    return Ok(Some(at));
                }
                None => Delivered::Never {
                    reason: format!("given up after {failures} tries: {reason}"),
                    log,
                },
            }
        }
        other => other,
    };
    done(node, ids).await?;
    keep_run(node, hook_run(listener, &contexts, (started_at, delivered))).await;
    Ok(None)
}

async fn keep_run(node: &Node, run: Option<HookRun>) {
    if let Some(run) = run
        && let Err(error) = node.engine.record_hook(run).await
    {
        tracing::warn!(%error, "a hook ran, and no operation says so");
    }
}

async fn put_off(
    node: &Node,
    (first, ids): (i64, Vec<i64>),
    at: Timestamp,
    reason: String,
) -> Result<(), StoreError> {
    node.with_trust(move |trust, _| {
        trust.messages_deferred(&ids, at)?;
        trust.message_failed(first, at, &reason)
    })
    .await
}

/// The operation of a run; `None` where there was nothing to do.
fn hook_run(
    listener: &Listener,
    contexts: &[Context],
    (started_at, delivered): (Timestamp, Delivered),
) -> Option<HookRun> {
    let context = contexts.first()?;
    let (status, message, log) = match delivered {
        Delivered::Done(said) => (Status::Succeeded, describe(listener, contexts), said),
        Delivered::Nothing => return None,
        Delivered::Later { reason, log, .. } | Delivered::Never { reason, log } => {
            (Status::Failed, format!("{}: {reason}", describe(listener, contexts)), log)
        }
    };
    // What a peer says of itself chooses no shard of ours.
    let is_own = context.peer.is_none();
    let own = |text: &Option<String>| text.clone().filter(|_| is_own);
    let flow = own(&context.flow).and_then(|id| id.parse::<FlowId>().ok());
    let repo = own(&context.repo).and_then(|id| id.parse().ok());
    let plan = own(&context.plan).and_then(|id| id.parse().ok());
    Some(HookRun { flow, repo, plan, started_at, status, message, log })
}

/// `phone (ntfy): backup-failed of plan home of nas`, and `test: ` before it if nothing has happened.
fn describe(listener: &Listener, contexts: &[Context]) -> String {
    let action = listener.deed.action;
    let who = match &listener.channel {
        Some(channel) => format!("{channel} ({action})"),
        None => action.to_string(),
    };
    match contexts {
        [one] if one.test => format!("{TEST}{who}: {} of {}", one.event, one.about()),
        [one] => format!("{who}: {} of {}", one.event, one.about()),
        several => format!("{who}: {} messages as one", several.len()),
    }
}

async fn deliver(
    node: &Node,
    sender: &Sender,
    listener: &Listener,
    (contexts, id): (&[Context], &str),
) -> Delivered {
    let settings = match listener.deed.resolve().await {
        Ok(settings) => settings,
        // A file may come back, a variable may be set at the next start.
        Err(error) => {
            let (reason, after, log) = (error.to_string(), None, String::new());
            return Delivered::Later { reason, after, log };
        }
    };
    if listener.deed.action == Action::Command {
        let Some(context) = contexts.first() else { return Delivered::Nothing };
        let ran = command::script(&settings, context, listener.timeout).run().await;
        let log = settings.redact(Action::Command, &ran.output);
        return match (ran.end(), listener.on_error) {
            (Ok(()), _) => Delivered::Done(log),
            (Err(reason), OnError::Retry) => Delivered::Later { reason, after: None, log },
            (Err(reason), _) => Delivered::Never { reason, log },
        };
    }
    let said = match message(node, listener, contexts, id).await {
        Ok(Some(message)) => {
            sender.send(listener.deed.action, &settings, &message, listener.timeout).await
        }
        Ok(None) => return Delivered::Nothing,
        Err(error) => Err(error),
    };
    let log = String::new();
    match said {
        Ok(Some(answer)) => Delivered::Done(answer.0),
        Ok(None) => Delivered::Nothing,
        Err(SendError::Retry { reason, after }) => Delivered::Later { reason, after, log },
        Err(SendError::GiveUp(reason)) => Delivered::Never { reason, log },
    }
}

async fn message(
    node: &Node,
    listener: &Listener,
    contexts: &[Context],
    id: &str,
) -> Result<Option<Message>, SendError> {
    let mut messages = Vec::new();
    for context in contexts {
        let mut message = Message::new(context.clone(), &listener.wording, id)?;
        if listener.deed.action == Action::Healthchecks {
            message.log = log_tail(node, context).await;
        }
        messages.push(message);
    }
    Ok(digest(messages))
}

/// The end of the log of an operation of this instance.
async fn log_tail(node: &Node, context: &Context) -> String {
    let id = context.operation.as_ref().filter(|_| context.peer.is_none());
    let Some(id) = id.and_then(|id| id.parse::<OperationId>().ok()) else { return String::new() };
    let read = node.history.read(move |reader| {
        let (mut text, mut offset) = (Vec::new(), 0);
        loop {
            let part = reader.log_part(id, offset, LOG_TAIL)?;
            text.extend_from_slice(&part.text);
            if part.end {
                return Ok(text);
            }
            let over = text.len().saturating_sub(LOG_TAIL);
            text.drain(..over);
            offset = part.next_offset;
        }
    });
    // Without it the message is as true.
    String::from_utf8_lossy(&read.await.unwrap_or_default()).into_owned()
}

/// Delivers a message at once, beside the outbox, and keeps it as an operation.
pub(in crate::daemon) async fn deliver_now(
    node: &Node,
    listener: &Listener,
    context: Context,
) -> Delivered {
    let sender = match Sender::new() {
        Ok(sender) => sender,
        Err(error) => return Delivered::Never { reason: error.to_string(), log: String::new() },
    };
    let started_at = clock::now();
    let id = format!("{}-test-{}", node.key(), started_at.as_millis());
    let contexts = [context];
    let delivered = deliver(node, &sender, listener, (&contexts, &id)).await;
    let run = hook_run(listener, &contexts, (started_at, delivered.clone()));
    keep_run(node, run).await;
    delivered
}
