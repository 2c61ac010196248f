//! Finished backups, appended to the own log of a stopped instance.
//!
//! A payload has exactly the length asked for, except that one or two bytes are missing where no
//! length of the message gives it, and that it is never shorter than what an operation says anyway.

use holdfast::clock;
use holdfast::model::{
    FlowId, InstanceId, ItemError, Operation, OperationId, OperationKind, PlanId, RepoId, Stats,
    Status, Timestamp,
};
use holdfast::store::{History, StoreError};
use holdfast::wire::log::encode_operation;
use std::time::Duration;

/// Operations in one commit.
pub(crate) const GROUP: u64 = 1_000;
/// A message longer than this would be cut when it is written.
const LONGEST_MESSAGE: usize = 4_000;
const LONGEST_PATH: usize = 1_000;

/// What the operations look like.
#[derive(Clone)]
pub(crate) struct Shape {
    template: Operation,
    repo: RepoId,
    plans: Vec<PlanId>,
}

impl Shape {
    /// Backups of this instance, in turn of each of so many plans, with payloads of so many bytes.
    pub(crate) fn new(instance: InstanceId, shards: u64, bytes: usize) -> Self {
        let plan = |n| format!("plan-{n:04}").parse().expect("a plan id");
        let mut template = template(instance);
        pad(&mut template, bytes);
        Self {
            template,
            repo: "vault".parse().expect("a repo id"),
            plans: (1..=shards).map(plan).collect(),
        }
    }

    /// The length of each payload: what varies from one to the next has one length.
    pub(crate) fn payload_bytes(&self) -> usize {
        encode_operation(&self.template).len()
    }

    /// The n-th operation, begun at that time.
    pub(crate) fn operation(&self, n: u64, started_at: Timestamp) -> Result<Operation, StoreError> {
        let mut random = [0; 10];
        getrandom::fill(&mut random).map_err(|_| StoreError::Misuse("there is no randomness"))?;
        let id = OperationId::new(started_at, random);
        let plan = &self.plans[(n % self.plans.len() as u64) as usize];
        Ok(Operation {
            id,
            flow: FlowId::from(id),
            repo: Some(self.repo.clone()),
            plan: Some(plan.clone()),
            started_at,
            ended_at: Some(started_at.plus(Duration::from_secs(40))),
            ..self.template.clone()
        })
    }
}

fn template(instance: InstanceId) -> Operation {
    let at = clock::now();
    let id = OperationId::new(at, [0; 10]);
    Operation {
        status: Status::Succeeded,
        snapshot: Some("5eed".repeat(16)),
        ended_at: Some(at),
        stats: Some(Stats {
            files_new: 12,
            files_changed: 34,
            files_unmodified: 56_789,
            bytes_processed: 123_456_789_012,
            bytes_added: 3_456_789,
            item_errors: 0,
        }),
        ..Operation::begun(id, instance, OperationKind::Backup, at)
    }
}

/// Lengthens the payload: the message, and before it item errors for what a message cannot hold.
fn pad(operation: &mut Operation, bytes: usize) {
    let room = |operation: &Operation| bytes.saturating_sub(encode_operation(operation).len());
    while room(operation) > LONGEST_MESSAGE {
        let path = format!("/srv/{}", "f".repeat(LONGEST_PATH - 5));
        let message = "permission denied".to_owned();
        operation.item_errors.first.push(ItemError { path, message });
        operation.item_errors.total += 1;
    }
    // Beside its text a message takes a byte for the field and one or two for the length.
    let wanted = room(operation);
    let length = wanted.saturating_sub(if wanted < 130 { 2 } else { 3 });
    operation.message = "seeded ".chars().cycle().take(length).collect();
}

/// Appends so many operations, one a second up to now, and says after each commit how many there are.
pub(crate) fn fill(
    history: &History,
    shape: &Shape,
    count: u64,
    mut progress: impl FnMut(u64),
) -> Result<(), StoreError> {
    let now = clock::now();
    let mut done = 0;
    while done < count {
        let numbers = done..count.min(done + GROUP);
        done = numbers.end;
        let shape = shape.clone();
        history.write_blocking(move |tx| {
            let mut own = tx.own()?;
            for n in numbers {
                let started_at = now.minus(Duration::from_secs(count - n + 60));
                own.append(&shape.operation(n, started_at)?)?;
            }
            Ok(())
        })?;
        progress(done);
    }
    Ok(())
}
