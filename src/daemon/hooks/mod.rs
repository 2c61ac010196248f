//! Hooks at work: what happens here and at peers becomes messages in the outbox, and they are
//! delivered.
//!
//! ```text
//!  engine ──ended──► Herald ─┐ one transaction: told once, what each hook knows, its messages
//!  logs of peers ──► watch ──┼──────────► trust.db ──────► deliver ──► service or command
//!  plans, links ───► watch ──┘                                │
//!                                                             └──► operation `hook`
//! ```
//! What is worth saying is decided by `notify::policy`, how it is said by `notify`.
//!
//! 1. An event and all messages that follow from it are kept together, or not at all.
//! 2. A message leaves the outbox when it was delivered, or given up: a crash in between has it
//!    delivered twice, never lost. (Matrix and mail readers know the second by its name.)
//! 3. X1: of a peer's event only words are used. It is told to hooks at the top of the owner's file;
//!    a peer has no way to make, choose or change one.
//! 4. What arrives later than [`NEWS_FOR`] after its end is history, not news.

mod command;
mod deliver;
mod watch;

pub(super) use deliver::{Delivered, TEST, deliver_now, run as deliver};
pub(super) use watch::{peers_operations, states};

use crate::clock;
use crate::config::{Level, Listener, LiveConfig};
use crate::job::{Before, Hooks, StoreFault, Trouble};
use crate::model::{
    KeyId, Operation, OperationId, OperationKind, PlanId, RepoId, Status, Timestamp,
};
use crate::notify::policy::{Known, Repeat, Rule, Verdict, hold, judge};
use crate::notify::{Action, Context, Event, LOOKED_AT, Severity, Size, anomaly};
use crate::reconcile::Shard;
use crate::store::trust::{HookState, NewMessage, Telling};
use crate::store::{History, StoreError, Trust};
use jiff::tz::TimeZone;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::watch as signal;

/// What ended longer ago is no news when it arrives.
const NEWS_FOR: Duration = Duration::from_secs(3 * 24 * 3600);
/// How long it is known which ends were told: longer than any of them is news.
const TOLD_FOR: Duration = Duration::from_secs(30 * 24 * 3600);

/// Passes on what happens.
pub(super) struct Herald {
    config: Arc<LiveConfig>,
    trust: Arc<Trust>,
    history: History,
    key: KeyId,
    runtime: Handle,
    /// Steps when messages were added.
    added: signal::Sender<u64>,
}

/// Whose event it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Own,
    Peer,
}

/// How it came to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It happened now.
    Edge,
    /// It holds now, and may have been seen before.
    Level,
}

/// Something to be passed on.
struct News {
    event: Event,
    context: Context,
    whose: Whose,
    kind: Kind,
    repo: Option<RepoId>,
    plan: Option<PlanId>,
}

impl News {
    /// Of an operation of this instance, or of a peer.
    fn of_operation(event: Event, operation: &Operation, peer: Option<&KeyId>) -> Self {
        let whose = if peer.is_some() { Whose::Peer } else { Whose::Own };
        let peer = peer.map(ToString::to_string);
        Self {
            event,
            context: Context { peer, ..Context::of_operation(event, operation) },
            whose,
            kind: Kind::Edge,
            repo: operation.repo.clone(),
            plan: operation.plan.clone(),
        }
    }

    fn is_for(&self, listener: &Listener) -> bool {
        match self.whose {
            Whose::Own => listener.hears(self.repo.as_ref(), self.plan.as_ref()),
            Whose::Peer => listener.level == Level::Instance,
        }
    }

    /// Commands of this instance that come before a backup have run by then.
    fn was_run(&self, listener: &Listener) -> bool {
        let is_own_start = self.event == Event::BackupStarted && self.whose == Whose::Own;
        is_own_start && listener.deed.action == Action::Command
    }
}

/// The circumstances of one step of telling.
struct Desk {
    listeners: Vec<Listener>,
    snoozes: Vec<(String, Timestamp)>,
    now: Timestamp,
    zone: TimeZone,
}

impl Herald {
    /// Over these; secrets of commands are read on `runtime`.
    #[must_use]
    pub(super) fn new(
        config: Arc<LiveConfig>,
        trust: Arc<Trust>,
        history: History,
        key: KeyId,
        runtime: Handle,
    ) -> Self {
        Self { config, trust, history, key, runtime, added: signal::Sender::new(0) }
    }

    /// Steps when messages were added.
    fn added(&self) -> signal::Receiver<u64> {
        self.added.subscribe()
    }

    fn desk(&self) -> Result<Desk, StoreError> {
        let listeners = self.config.current().listeners();
        let snoozes = if listeners.is_empty() { Vec::new() } else { self.trust.snoozes()? };
        Ok(Desk { listeners, snoozes, now: clock::now(), zone: TimeZone::system() })
    }

    /// Tells all of this, in one transaction.
    fn tell(&self, news: &[News]) -> Result<(), StoreError> {
        let desk = self.desk()?;
        if desk.listeners.is_empty() || news.is_empty() {
            return Ok(());
        }
        let told = self.trust.telling(|telling| {
            news.iter().try_fold(0, |sum, news| Ok(sum + desk.pass_on(telling, news)?))
        })?;
        self.messages_added(told);
        Ok(())
    }

    fn messages_added(&self, count: usize) {
        if count > 0 {
            self.added.send_modify(|step| *step = step.wrapping_add(1));
        }
    }

    /// Tells the end of an operation once, with what follows from it.
    fn tell_end(
        &self,
        telling: &Telling<'_>,
        desk: &Desk,
        (origin, operation): (&KeyId, &Operation),
    ) -> Result<usize, StoreError> {
        let peer = (*origin != self.key).then_some(origin);
        let Some(event) = Event::of_end(operation.kind, operation.status) else { return Ok(0) };
        let ended = operation.ended_at.unwrap_or(operation.started_at);
        let is_news = desk.now.since(ended) <= NEWS_FOR;
        if !is_news || !telling.is_first(origin, operation.id, desk.now)? {
            return Ok(0);
        }
        telling.forget_before(desk.now.minus(TOLD_FOR))?;
        let mut all = vec![News::of_operation(event, operation, peer)];
        if let Some(Trouble::Locked { by }) = Trouble::of_message(&operation.message) {
            let is_first = match (peer, &operation.repo) {
                (None, Some(repo)) => telling.is_first_of_lock(repo)?,
                (Some(_), _) | (None, None) => true,
            };
            all.extend(is_first.then(|| locked(operation, &by, peer)));
        }
        if peer.is_none() {
            all.extend(self.odd(operation));
        }
        all.iter().try_fold(0, |sum, news| Ok(sum + desk.pass_on(telling, news)?))
    }

    /// A good backup that differs much from those before it.
    fn odd(&self, operation: &Operation) -> Option<News> {
        let is_good = matches!(operation.status, Status::Succeeded | Status::Warning);
        if operation.kind != OperationKind::Backup || !is_good {
            return None;
        }
        let newest = size(operation)?;
        let shard = Shard {
            repo: operation.repo.as_ref()?.to_string(),
            plan: operation.plan.as_ref()?.to_string(),
        };
        let (key, id) = (self.key, operation.id);
        let read = self.history.read_blocking(|reader| {
            reader.newest(key, &shard, Some(OperationKind::Backup), LOOKED_AT + 1)
        });
        // Newest first, and what cannot be read is no reason to say nothing of the backup itself.
        let before = read.unwrap_or_default().into_iter().rev().filter(|found| found.id != id);
        let before: Vec<_> = before.filter_map(|found| size(&found.state?)).collect();
        let found = anomaly(newest, &before)?;
        let mut news = News::of_operation(Event::Anomaly, operation, None);
        news.context.message = found.0;
        news.context.remedy = Some("Look whether all is there that should be saved.".to_owned());
        Some(news)
    }
}

fn size(operation: &Operation) -> Option<Size> {
    let is_good = matches!(operation.status, Status::Succeeded | Status::Warning);
    let stats = operation.stats.filter(|_| is_good)?;
    let files = stats.files_new + stats.files_changed + stats.files_unmodified;
    Some(Size { bytes: stats.bytes_processed, files, added: stats.bytes_added })
}

fn locked(operation: &Operation, by: &str, peer: Option<&KeyId>) -> News {
    let mut news = News::of_operation(Event::RepoLocked, operation, peer);
    news.context.message = format!("the repository is locked by {by}");
    news.context.remedy =
        Some("Wait until that has ended, or see whether it is still there.".to_owned());
    news
}

impl Desk {
    /// Keeps what follows from an event for every hook that hears it: how many messages.
    fn pass_on(&self, telling: &Telling<'_>, news: &News) -> Result<usize, StoreError> {
        let mut count = 0;
        for listener in self.listeners.iter().filter(|l| news.is_for(l) && !news.was_run(l)) {
            let verdict = match news.event.family() {
                Some(family) => self.judge(telling, listener, (news, family))?,
                None if news.event.is_among(&listener.on) => Verdict::Tell,
                None => Verdict::Silence,
            };
            if verdict != Verdict::Silence {
                let mut context = news.context.clone();
                context.reminder = verdict == Verdict::Remind;
                self.enqueue(telling, listener, &context)?;
                count += 1;
            }
        }
        Ok(count)
    }

    fn judge(
        &self,
        telling: &Telling<'_>,
        listener: &Listener,
        (news, family): (&News, &str),
    ) -> Result<Verdict, StoreError> {
        let subject = news.context.subject();
        let before =
            telling.state(&listener.key, &subject, family)?.and_then(|state| known(&state));
        // Nothing has recovered, and nobody come back, that was not known to be away.
        let is_return = matches!(news.event, Event::Recovered | Event::PeerOnline);
        if is_return && before.is_none() {
            return Ok(Verdict::Silence);
        }
        // What is seen to hold again and again is not an event each time.
        let rule = match news.kind {
            Kind::Level => Rule { repeat: Repeat::Changes, ..listener.rule },
            Kind::Edge => listener.rule,
        };
        let (verdict, after) = judge(&rule, &listener.on, before, (news.event, self.now));
        if before != Some(after) {
            telling.keep_state(&state(listener, &subject, family, after, &news.context))?;
        }
        Ok(verdict)
    }

    fn enqueue(
        &self,
        telling: &Telling<'_>,
        listener: &Listener,
        context: &Context,
    ) -> Result<(), StoreError> {
        let snoozed = self.snoozes.iter().filter(|(channel, _)| {
            channel.is_empty() || Some(channel) == listener.channel.as_ref()
        });
        let snoozed = snoozed.map(|(_, until)| *until).max();
        let held_until = hold(&listener.rule, context.severity(), (self.now, &self.zone), snoozed);
        let text = to_json(context);
        telling.enqueue(&NewMessage {
            hook: &listener.key,
            context: &text,
            at: self.now,
            held_until,
            reminder: context.reminder,
        })
    }
}

fn to_json(context: &Context) -> String {
    // A struct of texts and numbers has no way to fail.
    serde_json::to_string(context).unwrap_or_default()
}

fn from_json(text: &str) -> Context {
    serde_json::from_str(text).unwrap_or_default()
}

fn known(state: &HookState) -> Option<Known> {
    let event = state.event.parse().ok()?;
    Some(Known { event, since: state.since, told_at: state.told_at })
}

fn state(
    listener: &Listener,
    subject: &str,
    family: &str,
    known: Known,
    context: &Context,
) -> HookState {
    HookState {
        hook: listener.key.clone(),
        subject: subject.to_owned(),
        family: family.to_owned(),
        event: known.event.to_string(),
        since: known.since,
        told_at: known.told_at,
        context: to_json(context),
    }
}

fn fault(error: StoreError) -> StoreFault {
    StoreFault(error.to_string())
}

impl Hooks for Herald {
    fn begun(&self, operation: &Operation) -> Result<(), StoreFault> {
        let news = News::of_operation(Event::BackupStarted, operation, None);
        self.tell(&[news]).map_err(fault)
    }

    fn ended(&self, operation: &Operation) -> Result<(), StoreFault> {
        if Event::of_end(operation.kind, operation.status).is_none() {
            return Ok(());
        }
        let desk = self.desk().map_err(fault)?;
        if desk.listeners.is_empty() {
            return Ok(());
        }
        let told =
            self.trust.telling(|telling| self.tell_end(telling, &desk, (&self.key, operation)));
        self.messages_added(told.map_err(fault)?);
        Ok(())
    }

    fn locked(&self, operation: &Operation, by: &str) -> Result<(), StoreFault> {
        let Some(repo) = &operation.repo else { return Ok(()) };
        let desk = self.desk().map_err(fault)?;
        if desk.listeners.is_empty() {
            return Ok(());
        }
        let told = self.trust.telling(|telling| match telling.is_first_of_lock(repo)? {
            true => desk.pass_on(telling, &locked(operation, by, None)),
            false => Ok(0),
        });
        self.messages_added(told.map_err(fault)?);
        Ok(())
    }

    fn before(&self, operation: &Operation) -> Vec<Before> {
        let context = Context::of_operation(Event::BackupStarted, operation);
        let listeners = self.config.current().listeners();
        let commands = listeners.into_iter().filter(|listener| {
            let hears = listener.hears(operation.repo.as_ref(), operation.plan.as_ref());
            let is_command = listener.deed.action == Action::Command;
            hears && is_command && listener.on.contains(&Event::BackupStarted)
        });
        let before = |listener: Listener| {
            let settings = self.runtime.block_on(listener.deed.resolve());
            let script = settings
                .map(|settings| command::script(&settings, &context, listener.timeout))
                .map_err(|error| error.to_string());
            Before { name: listener.key, script, on_error: listener.on_error }
        };
        commands.map(before).collect()
    }
}

/// A message to try a hook with.
#[must_use]
pub(super) fn test_context(
    event: Event,
    instance: impl ToString,
    plan: Option<&PlanId>,
    repo: Option<&RepoId>,
) -> Context {
    let now = clock::now();
    let mut context = Context::new(event, instance, now);
    context.plan = plan.map(ToString::to_string);
    context.repo = repo.map(ToString::to_string);
    context.state = "test".to_owned();
    context.message = "This is a test of holdfast: nothing has happened.".to_owned();
    context.test = true;
    context.operation = OperationId::new(now, [0; 10]).to_string().into();
    if event.severity() > Severity::Info {
        context.remedy = Some("There is nothing to do.".to_owned());
    }
    context
}

#[cfg(test)]
mod tests;
