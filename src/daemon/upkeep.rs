//! What nobody has to ask for: the daily scrub, retention, when peers were last heard, and new sessions
//! where the history is new.
//!
//! 1. A scrub takes few entries at a time: the writer has others to serve.
//! 2. What is old leaves by its own clock: ours after `keep`, our peers' after `keep-peers`; never on
//!    the first day of a clock that leapt.
//! 3. What the disk did not take of our own log is tried again every few seconds, and at the stop.
//! 4. A daemon that is killed knows when its peers were last heard, but for the last few minutes.
//! 5. After a scrub that changed something, sessions begin anew and ask for what is lost.

use super::node::Node;
use crate::clock;
use crate::model::{KeyId, Timestamp};
use crate::reconcile::{Head, Shard};
use crate::shutdown::Guard;
use crate::store::history::{Scrubbed, StoreState};
use crate::store::{History, StoreError};
use std::sync::Arc;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// A machine is rarely off for longer.
const LEAP: Duration = Duration::from_secs(30 * 24 * 3600);
/// A daemon that just started has better things to do.
const SETTLE: Duration = Duration::from_secs(300);
/// How often the disk is tried that took nothing.
const SETTLE_EVERY: Duration = Duration::from_secs(5);
/// How much of it a kill may cost.
const HEARD_EVERY: Duration = Duration::from_secs(300);
/// Entries in one transaction of a scrub.
const RANGE: usize = 1_024;
/// Between two of them.
const BREATH: Duration = Duration::from_millis(20);
/// Where `trust.db` keeps when the last round ended.
const DONE_AT: &str = "upkeep-done-at";

/// Keeps the store in order until the stop is asked for.
pub(super) async fn run(node: Arc<Node>, mut guard: Guard) {
    finish_takeovers(&node).await;
    let mut state = node.history.state();
    let mut wait = SETTLE.max(until_next(&node).await);
    loop {
        let due = tokio::select! {
            () = guard.asked() => return,
            () = tokio::time::sleep(wait) => true,
            Ok(()) = state.changed() => false,
        };
        if !due {
            if matches!(*state.borrow_and_update(), StoreState::Empty { .. }) {
                tracing::warn!("the history is new: every session begins anew");
                node.restart_sessions();
            }
            continue;
        }
        if let Some(Err(error)) = guard.run(round(&node)).await {
            tracing::warn!(%error, "the daily round over the store was not finished");
        }
        wait = DAY;
    }
}

/// Writes what our own log is owed as soon as its disk takes it, until the stop is asked for.
pub(super) async fn settle(node: Arc<Node>, mut guard: Guard) {
    let mut stops = false;
    while !stops {
        stops = guard.run(tokio::time::sleep(SETTLE_EVERY)).await.is_none();
        if node.journal.backlog().is_none() {
            continue;
        }
        let journal = Arc::clone(&node.journal);
        let settled = tokio::task::spawn_blocking(move || journal.settle()).await;
        if let (Ok(Err(error)), true) = (settled, stops) {
            tracing::error!(%error, "what waited to be written to the history is lost");
        }
    }
}

/// Keeps when connected peers were last heard, until the stop is asked for: the end of a session says
/// it too, and a daemon that is killed sees none.
pub(super) async fn keep_heard(node: Arc<Node>, mut guard: Guard) {
    while guard.run(tokio::time::sleep(HEARD_EVERY)).await.is_some() {
        let heard = node.presences.heard();
        if heard.is_empty() {
            continue;
        }
        if let Err(error) = node.with_trust(move |trust, _| trust.heard_all(&heard)).await {
            tracing::warn!(%error, "when peers were last heard was not kept");
        }
    }
}

/// A pairing that replaced a peer may have been cut off before the history followed.
async fn finish_takeovers(node: &Node) {
    let removed = node.with_trust(|trust, _| trust.removed_peers()).await.unwrap_or_default();
    for (old, new) in removed.iter().filter_map(|peer| Some((peer.key, peer.replaced_by?))) {
        if let Err(error) = node.history.write(move |tx| tx.take_over(old, new)).await {
            tracing::warn!(%error, %old, %new, "the history of a replaced peer stays under its old key");
        }
    }
}

async fn until_next(node: &Node) -> Duration {
    last_done(node).await.map_or(Duration::ZERO, |done| due_in(done, clock::now()))
}

async fn last_done(node: &Node) -> Option<Timestamp> {
    let read = node.with_trust(|trust, _| trust.meta(DONE_AT)).await;
    let text = read.ok().flatten().and_then(|bytes| String::from_utf8(bytes).ok());
    text.as_deref().and_then(Timestamp::parse)
}

/// Whether the clock is far beyond where it was in the last round. What is old by it is not removed
/// before the next one: by then a clock that was set wrong has mostly been put right.
fn has_leapt(done: Option<Timestamp>, now: Timestamp) -> bool {
    done.is_some_and(|done| now.since(done) > LEAP)
}

/// A clock that was ahead for a while does not put it off for longer than a day.
fn due_in(done: Timestamp, now: Timestamp) -> Duration {
    done.plus(DAY).since(now).min(DAY)
}

async fn round(node: &Node) -> Result<(), StoreError> {
    let mut changed = 0;
    for origin in node.history.read(|reader| reader.origins()).await? {
        changed += scrub(&node.history, whose(node, origin), BREATH).await?.changed;
    }
    if has_leapt(last_done(node).await, clock::now()) {
        tracing::warn!("the clock has leapt since the last round: nothing is removed as old today");
    } else {
        retain(node).await?;
    }
    if changed > 0 {
        tracing::warn!(changed, "damage was found in the history and is being repaired");
        node.restart_sessions();
    }
    let now = clock::now().to_string();
    node.with_trust(move |trust, _| trust.set_meta(DONE_AT, now.as_bytes())).await
}

/// A log: our own, or what is held of a peer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// Ours.
    Own,
    /// Of that origin.
    Held(KeyId),
}

fn whose(node: &Node, origin: KeyId) -> Log {
    if origin == node.key() { Log::Own } else { Log::Held(origin) }
}

/// Recomputes every shard of a log, a range at a time; what it found in all. `reached` of the
/// answer says nothing.
///
/// # Errors
/// The database cannot be read or written.
pub async fn scrub(history: &History, log: Log, breath: Duration) -> Result<Scrubbed, StoreError> {
    let mut total = Scrubbed::default();
    let shards = history.read(move |reader| match log {
        Log::Own => reader.own_shards(),
        Log::Held(origin) => reader.shards(origin),
    });
    for shard in shards.await? {
        let mut from: Option<Head> = None;
        loop {
            let done = range(history, log, shard.clone(), from).await?;
            total.checked += done.checked;
            total.changed += done.changed;
            total.lost += done.lost;
            from = done.reached;
            if from.is_none() {
                break;
            }
            tokio::time::sleep(breath).await;
        }
    }
    Ok(total)
}

async fn range(
    history: &History,
    log: Log,
    shard: Shard,
    from: Option<Head>,
) -> Result<Scrubbed, StoreError> {
    history
        .write(move |tx| match log {
            Log::Own => tx.own()?.scrub(&shard, from, RANGE),
            Log::Held(origin) => tx.hub(origin)?.scrub_range(&shard, from, RANGE),
        })
        .await
}

async fn retain(node: &Node) -> Result<(), StoreError> {
    let keep = node.config.current().history;
    let now = clock::now();
    let (own, peers) = (now.minus(keep.keep.0), now.minus(keep.keep_peers.0));
    let mut trimmed = 0;
    for origin in node.history.read(|reader| reader.origins()).await? {
        let log = whose(node, origin);
        let step = move || {
            node.history.write(move |tx| match log {
                Log::Own => tx.own()?.retain(own),
                Log::Held(origin) => tx.hub(origin)?.retain(peers),
            })
        };
        loop {
            let gone = step().await?;
            if gone == 0 {
                break;
            }
            trimmed += gone;
            tokio::time::sleep(BREATH).await;
        }
    }
    if trimmed > 0 {
        tracing::info!(trimmed, "entries of the history older than `history` keeps were removed");
        node.restart_troubled();
    }
    while node.history.write(move |tx| tx.retain_logs(own)).await? > 0 {
        tokio::time::sleep(BREATH).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_years_ahead_puts_the_daily_round_off_for_a_day_at_most() {
        let now = Timestamp::from_millis(1_800_000_000_000);
        assert_eq!(due_in(now.minus(DAY), now), Duration::ZERO);
        assert_eq!(due_in(now.minus(DAY / 2), now), DAY / 2);
        assert_eq!(due_in(now.plus(DAY * 3650), now), DAY);
    }

    #[test]
    fn a_clock_that_leapt_removes_nothing_on_its_first_day() {
        let done = Timestamp::from_millis(1_800_000_000_000);
        assert!(has_leapt(Some(done), done.plus(DAY * 3650)));
        assert!(!has_leapt(Some(done), done.plus(DAY)), "the round of every day");
        assert!(!has_leapt(Some(done), done.minus(DAY * 3650)));
        assert!(!has_leapt(None, done), "the first of all");
    }
}
