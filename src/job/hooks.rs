//! What the engine has to do with hooks: it says what begins and ends, runs the commands that come
//! before a backup, and keeps each run of a hook as an operation.
//!
//! 1. The end of an operation is passed on before its last entry is written. A crash in between is
//!    told twice at most (as the end that it was, or as lost, never both); nothing is told never: what
//!    has no last entry is found lost at the next start, and told then.
//! 2. X1: the commands come from [`Hooks`], which knows the owner's file only.

use super::board::Active;
use super::engine::{End, Inner};
use super::script::{How, Ran, Script};
use super::{Engine, JobError, StoreFault, Unusable};
use crate::clock;
use crate::config::OnError;
use crate::model::{
    FlowId, Operation, OperationId, OperationKind, PlanId, RepoId, Status, Timestamp,
};
use crate::shutdown;
use std::sync::Arc;
use std::time::Duration;

/// Who listens to what the engine does. Blocking; never called on the runtime.
pub trait Hooks: Send + Sync {
    /// A backup begins: its turn has come.
    ///
    /// # Errors
    /// It was not kept.
    fn begun(&self, operation: &Operation) -> Result<(), StoreFault>;
    /// An operation has ended, or was found lost. May come twice for one operation.
    ///
    /// # Errors
    /// It was not kept.
    fn ended(&self, operation: &Operation) -> Result<(), StoreFault>;
    /// Somebody else's lock is in the way of an operation for longer than it should be. Comes again
    /// while it is.
    ///
    /// # Errors
    /// It was not kept.
    fn locked(&self, operation: &Operation, by: &str) -> Result<(), StoreFault>;
    /// The commands that come before this backup, in the order of the file.
    fn before(&self, operation: &Operation) -> Vec<Before>;
}

/// A command that comes before a backup.
pub struct Before {
    /// The hook that it is of.
    pub name: String,
    /// What is run, or why it cannot be.
    pub script: Result<Script, String>,
    /// What becomes of the backup if it fails.
    pub on_error: OnError,
}

/// Nobody listens.
pub(super) struct NoHooks;

impl Hooks for NoHooks {
    fn begun(&self, _: &Operation) -> Result<(), StoreFault> {
        Ok(())
    }

    fn ended(&self, _: &Operation) -> Result<(), StoreFault> {
        Ok(())
    }

    fn locked(&self, _: &Operation, _: &str) -> Result<(), StoreFault> {
        Ok(())
    }

    fn before(&self, _: &Operation) -> Vec<Before> {
        Vec::new()
    }
}

/// A run of a hook, at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookRun {
    /// The flow of what it tells of.
    pub flow: Option<FlowId>,
    /// The repo of what it tells of.
    pub repo: Option<RepoId>,
    /// The plan of what it tells of.
    pub plan: Option<PlanId>,
    /// When it began.
    pub started_at: Timestamp,
    /// How it ended.
    pub status: Status,
    /// What there is to say.
    pub message: String,
    /// What it printed, or what the service said.
    pub log: String,
}

/// How a backup goes on after the commands before it.
pub(super) enum Permission {
    /// It runs, with what is to be noted at its end.
    Go(Vec<String>),
    /// It has ended.
    Stop(End),
}

/// How often a command is tried whose failure is not taken for an answer.
const TRIES: u32 = 5;
/// Before the second; each wait is four times the one before.
const FIRST_WAIT: Duration = Duration::from_secs(1);

impl Engine {
    /// Keeps a run of a hook as an operation; its id.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub async fn record_hook(&self, run: HookRun) -> Result<OperationId, JobError> {
        self.inner.record_hook(run).await
    }
}

impl Inner {
    /// Tells whoever listens, and runs what comes before the backup.
    pub(super) async fn before(
        &self,
        active: &Active,
        cancel: &mut shutdown::Guard,
    ) -> Result<Permission, JobError> {
        let (hooks, operation) = (Arc::clone(&self.hooks), active.operation());
        let asked = tokio::task::spawn_blocking(move || hooks.before(&operation)).await;
        let cut_off =
            |_| Unusable("what comes before the backup was cut off; try again".to_owned());
        let commands = asked.map_err(cut_off)?;
        // With a command before it, it has begun when that has.
        if !commands.is_empty() {
            self.now_running(active).await;
        }
        self.tell_begun(active.operation()).await;
        let mut notes = Vec::new();
        for command in &commands {
            let Err(reason) = self.run_before(active, command, cancel).await? else { continue };
            let message = format!("the command before it ({}) {reason}", command.name);
            match command.on_error {
                OnError::Ignore => {}
                OnError::Warn => notes.push(message),
                OnError::Cancel => return Ok(stop(Status::Cancelled, message)),
                OnError::Fail | OnError::Retry => return Ok(stop(Status::Failed, message)),
            }
        }
        Ok(Permission::Go(notes))
    }

    async fn tell_begun(&self, operation: Operation) {
        let hooks = Arc::clone(&self.hooks);
        self.ports.tell(move |_| hooks.begun(&operation)).await;
    }

    /// Runs a command, more than once where a failure is no answer; why it failed at last.
    async fn run_before(
        &self,
        active: &Active,
        command: &Before,
        cancel: &mut shutdown::Guard,
    ) -> Result<Result<(), String>, JobError> {
        let tries = if command.on_error == OnError::Retry { TRIES } else { 1 };
        let mut wait = FIRST_WAIT;
        for attempt in 1.. {
            let started_at = clock::now();
            let ran = match &command.script {
                Ok(script) => cancel.run(script.run()).await.ok_or(JobError::Cancelled)?,
                Err(reason) => Ran { how: How::NotReady, output: reason.clone() },
            };
            let end = ran.end();
            self.keep_run(active, command, (started_at, ran)).await?;
            if end.is_ok() || attempt >= tries {
                return Ok(end);
            }
            cancel.run(tokio::time::sleep(wait)).await.ok_or(JobError::Cancelled)?;
            wait *= 4;
        }
        Ok(Ok(()))
    }

    async fn keep_run(
        &self,
        active: &Active,
        command: &Before,
        (started_at, ran): (Timestamp, Ran),
    ) -> Result<(), JobError> {
        let operation = active.operation();
        let end = ran.end();
        let status = if end.is_ok() { Status::Succeeded } else { Status::Failed };
        let message = match end {
            Ok(()) => command.name.clone(),
            Err(reason) => format!("{}: {reason}", command.name),
        };
        let run = HookRun {
            flow: Some(operation.flow),
            repo: operation.repo,
            plan: operation.plan,
            started_at,
            status,
            message,
            log: ran.output,
        };
        self.record_hook(run).await.map(drop)
    }

    async fn record_hook(&self, run: HookRun) -> Result<OperationId, JobError> {
        let id = self.new_id()?;
        let operation = Operation {
            flow: run.flow.unwrap_or_else(|| id.into()),
            status: run.status,
            repo: run.repo,
            plan: run.plan,
            ended_at: Some(clock::now()),
            message: run.message,
            ..Operation::begun(
                id,
                self.ports.catalogue.instance(),
                OperationKind::Hook,
                run.started_at,
            )
        };
        self.ports.tell(move |ports| ports.history.record(&operation)).await;
        if !run.log.is_empty() {
            let log = run.log;
            self.ports.tell(move |ports| ports.history.append_log(id, &log)).await;
        }
        Ok(id)
    }

    /// Passes on the end of an operation.
    pub(super) async fn tell_ended(&self, operation: &Operation) {
        if operation.kind != OperationKind::Hook && operation.status.is_finished() {
            let (hooks, operation) = (Arc::clone(&self.hooks), operation.clone());
            self.ports.tell(move |_| hooks.ended(&operation)).await;
        }
    }

    /// Passes on that somebody else's lock is in the way for too long.
    pub(super) async fn tell_locked(&self, operation: Operation, by: String) {
        let hooks = Arc::clone(&self.hooks);
        self.ports.tell(move |_| hooks.locked(&operation, &by)).await;
    }
}

fn stop(status: Status, message: String) -> Permission {
    Permission::Stop(End { status: Some(status), message, ..End::default() })
}

/// A good end becomes a warning where something is to be noted.
pub(super) fn noted(mut end: End, notes: Vec<String>) -> End {
    if notes.is_empty() {
        return end;
    }
    if matches!(end.status, None | Some(Status::Succeeded)) {
        end.status = Some(Status::Warning);
    }
    let said = Some(end.message).filter(|message| !message.is_empty());
    end.message = said.into_iter().chain(notes).collect::<Vec<_>>().join("; ");
    end
}
