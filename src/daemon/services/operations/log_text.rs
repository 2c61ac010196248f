//! What restic said during an operation: from the history here, or asked from the peer that has it.
//!
//! 1. A peer's answers are taken only as they advance, and not beyond [`LONGEST`].
//! 2. A character is never cut in two.

use super::super::lookup::{self, Named};
use super::super::stream::{Outlet, Stop};
use super::super::{describe::Names, refuse};
use crate::api::{Error, LogChunk};
use crate::daemon::Node;
use crate::model::{KeyId, OperationId};
use crate::session;
use crate::store::history::LogPart;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use tonic::{Code, Status};

/// The largest part of a text in one answer.
const PART: usize = 64 << 10;
/// How long a peer may take for one part.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest text that is taken from a peer.
const LONGEST: u64 = 64 << 20;

/// Which text, and whether to go on while it grows.
#[derive(Debug)]
pub(super) struct Wanted {
    /// Of which operation.
    pub(super) named: Named,
    /// Whether to go on until it ends.
    pub(super) follow: bool,
}

/// Sends the text from its beginning.
pub(super) async fn read(
    node: Arc<Node>,
    wanted: Wanted,
    outlet: Outlet<LogChunk>,
) -> Result<(), Stop> {
    let Wanted { mut named, follow } = wanted;
    let source = Source { node: &node, of: named.origin, operation: named.id };
    let mut writer = Writer { outlet, offset: 0, rest: Vec::new() };
    let (mut changes, mut runs) = (node.history.changes(), node.engine.changes());
    loop {
        changes.mark_unchanged();
        runs.mark_unchanged();
        // Its state first: what it says is complete before it is said to have ended.
        let before = mark(&named);
        let is_over = named.is_over(node.key());
        writer.drain(&source).await?;
        if is_over || !follow {
            return writer.finish().await;
        }
        loop {
            tokio::select! {
                Ok(()) = changes.changed() => {}
                Ok(()) = runs.changed(), if named.origin == node.key() => {}
                else => return writer.finish().await,
            }
            let Some(now) = lookup::again(&node, &named).await? else {
                return writer.finish().await;
            };
            named = now;
            if before != mark(&named) {
                break;
            }
        }
    }
}

/// What changes whenever there may be more text: a revision follows each part that was written.
fn mark(named: &Named) -> (bool, Option<u32>) {
    (named.live.is_some(), named.state().map(|state| state.revision))
}

/// Where the text lies.
struct Source<'n> {
    node: &'n Node,
    of: KeyId,
    operation: OperationId,
}

impl Source<'_> {
    async fn part(&self, offset: u64) -> Result<LogPart, Status> {
        if self.of != self.node.key() {
            return self.asked(offset).await;
        }
        let operation = self.operation;
        let read = self.node.history.read(move |reader| reader.log_part(operation, offset, PART));
        read.await.map_err(refuse::store)
    }

    /// A part as the peer gives it.
    async fn asked(&self, offset: u64) -> Result<LogPart, Status> {
        let Some(outgoing) = self.node.links.outgoing(&self.of) else {
            return Err(self.unreachable("is not connected").await);
        };
        let _turn = self.node.log_calls.turn(self.of).await;
        let (request, answer) = self.node.log_calls.ask(self.of, self.operation, offset);
        let exchange = async {
            outgoing.send(Box::new(session::Send::LogRequest(request))).await.ok()?;
            answer.await.ok()
        };
        let chunk = match timeout(PATIENCE, exchange).await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => return Err(self.unreachable("was disconnected before it answered").await),
            Err(_) => return Err(self.unreachable("did not answer within 10 s").await),
        };
        if !chunk.refused.is_empty() {
            return Err(self.refused(&chunk.refused).await);
        }
        let read = offset.saturating_add(chunk.data.len() as u64);
        if chunk.next_offset != read || (chunk.data.is_empty() && !chunk.end) || read > LONGEST {
            return Err(self.unreachable("gave a part that does not follow the one before").await);
        }
        Ok(LogPart { text: chunk.data.to_vec(), next_offset: read, end: chunk.end })
    }

    async fn name(&self) -> String {
        match Names::read(self.node).await {
            Ok(names) => names.of(&self.of),
            Err(_) => self.of.to_string(),
        }
    }

    async fn unreachable(&self, what: &str) -> Status {
        let name = self.name().await;
        let message = format!("{name}, where this log lies, {what}");
        let remedy = format!("holdfast peer test {name}");
        Error::new("not-connected", message, remedy).into_status(Code::Unavailable)
    }

    async fn refused(&self, why: &str) -> Status {
        let name = self.name().await;
        let why: String = why.chars().filter(|c| !c.is_control()).take(200).collect();
        let message = format!("{name} does not give this log: {why}");
        let remedy = format!("have it granted on {name}: holdfast peer grant PEER read-operations");
        Error::new("refused", message, remedy).into_status(Code::PermissionDenied)
    }
}

struct Writer {
    outlet: Outlet<LogChunk>,
    offset: u64,
    /// The beginning of a character whose end has not come yet.
    rest: Vec<u8>,
}

impl Writer {
    /// Sends what is there from the last place on.
    async fn drain(&mut self, source: &Source<'_>) -> Result<(), Stop> {
        loop {
            let part = source.part(self.offset).await?;
            self.offset = part.next_offset;
            self.rest.extend(part.text);
            let whole = whole_characters(&self.rest);
            let rest = self.rest.split_off(whole);
            let text = std::mem::replace(&mut self.rest, rest);
            self.send(&text).await?;
            if part.end {
                return Ok(());
            }
        }
    }

    async fn finish(mut self) -> Result<(), Stop> {
        let rest = std::mem::take(&mut self.rest);
        self.send(&rest).await
    }

    async fn send(&self, text: &[u8]) -> Result<(), Stop> {
        match text.is_empty() {
            true => Ok(()),
            false => {
                let text = String::from_utf8_lossy(text).into_owned();
                self.outlet.send(LogChunk { text }).await
            }
        }
    }
}

/// How much of a text can be shown before its last character is complete.
fn whole_characters(text: &[u8]) -> usize {
    // A character has at most 4 bytes; its first one says how many.
    let start = text.len().saturating_sub(3);
    let cut = (start..text.len()).find(|at| match text.get(*at) {
        Some(0xC0..=0xDF) => text.len() - at < 2,
        Some(0xE0..=0xEF) => text.len() - at < 3,
        Some(0xF0..=0xF7) => text.len() - at < 4,
        Some(_) | None => false,
    });
    cut.unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_is_not_cut_in_two() {
        for text in ["plain", "ä", "x€", "ab🦀", ""] {
            let bytes = text.as_bytes();
            assert_eq!(whole_characters(bytes), bytes.len(), "{text}");
            let last = text.chars().next_back().map_or(0, char::len_utf8);
            for cut in 1..last {
                assert_eq!(whole_characters(&bytes[..bytes.len() - cut]), bytes.len() - last);
            }
        }
        assert_eq!(
            whole_characters(b"\x80\x80\x80\x80"),
            4,
            "what is no text is shown as it can be"
        );
    }
}
