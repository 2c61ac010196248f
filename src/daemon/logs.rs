//! Log texts of operations: given to peers that may read them, and asked of peers.
//!
//! G4: whether a peer may read an operation is checked when it asks, by the shard that the operation
//! is in; what does not exist and what it may not see are answered alike.

use crate::grant::{Grants, Permission, Target};
use crate::model::{KeyId, OperationId};
use crate::store::History;
use crate::store::history::Whose;
use crate::wire::{LogChunk, LogRequest};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// The largest part of a text in one message.
const PART: usize = 64 << 10;

/// Answers a peer's request for a part of a log text of ours.
pub(super) async fn answer(history: &History, grants: Grants, request: LogRequest) -> LogChunk {
    let (operation, offset) = (request.operation, request.offset);
    let read = history.read(move |reader| {
        let found = reader.operation(Whose::Own, operation)?;
        let visible = found.iter().any(|recorded| {
            let target = Target::shard(&recorded.shard.repo, &recorded.shard.plan);
            grants.allow(Permission::ReadOperations, target)
        });
        visible.then(|| reader.log_part(operation, offset, PART)).transpose()
    });
    match read.await {
        Ok(Some(part)) => LogChunk {
            number: request.number,
            data: Bytes::from(part.text),
            next_offset: part.next_offset,
            end: part.end,
            refused: String::new(),
        },
        Ok(None) => refusal(&request, "no such operation, or not granted"),
        Err(error) => {
            tracing::warn!(%error, %operation, "a log text was not read");
            refusal(&request, "the log cannot be read there now")
        }
    }
}

fn refusal(request: &LogRequest, why: &str) -> LogChunk {
    LogChunk {
        number: request.number,
        data: Bytes::new(),
        next_offset: request.offset,
        end: true,
        refused: why.to_owned(),
    }
}

/// Requests of ours that wait for an answer.
#[derive(Debug, Default)]
pub struct LogCalls {
    waiting: Mutex<HashMap<(KeyId, u32), oneshot::Sender<LogChunk>>>,
    number: AtomicU32,
}

impl LogCalls {
    fn waiting(&self) -> MutexGuard<'_, HashMap<(KeyId, u32), oneshot::Sender<LogChunk>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request to be sent to this peer, and where its answer will come.
    pub fn ask(
        &self,
        peer: KeyId,
        operation: OperationId,
        offset: u64,
    ) -> (LogRequest, oneshot::Receiver<LogChunk>) {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        let mut waiting = self.waiting();
        // Whoever asked and went away is forgotten here.
        waiting.retain(|_, answer| !answer.is_closed());
        waiting.insert((peer, number), answer);
        (LogRequest { number, operation, offset }, answered)
    }

    /// A peer has answered.
    pub(super) fn answered(&self, peer: KeyId, chunk: LogChunk) {
        if let Some(answer) = self.waiting().remove(&(peer, chunk.number)) {
            // Nobody waits any more: nothing is lost.
            let _ = answer.send(chunk);
        }
    }

    /// The session with this peer has ended: nobody will answer.
    pub(super) fn cut(&self, peer: KeyId) {
        self.waiting().retain(|(asked, _), _| *asked != peer);
    }
}
