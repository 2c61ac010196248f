//! What nobody says by itself: the states of plans and of links, and what the logs of peers tell.
//!
//! 1. States are looked at, not waited for: a look tells what changed since the last one that was
//!    told, also across restarts, and the same state once.
//! 2. Each entry of a peer's log is looked at once: how far was read is kept with what followed.

use super::{Herald, Kind, News, Whose, from_json, known, state};
use crate::clock;
use crate::config::Listener;
use crate::daemon::Node;
use crate::daemon::services::fleet;
use crate::model::{KeyId, LinkState, Operation, Timestamp};
use crate::notify::policy::{Known, is_due};
use crate::notify::{Context, Event};
use crate::shutdown::Guard;
use crate::store::StoreError;
use crate::store::history::{Filter, Follow, Recorded, Whose as LogsOf};
use crate::store::trust::HookState;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Time alone makes a plan stale; no need to know it sooner.
const LOOK_EVERY: Duration = Duration::from_secs(20);
/// Changes that come together.
const SETTLE: Duration = Duration::from_millis(300);

/// Looks at plans and links until the stop is asked for.
pub(in crate::daemon) async fn states(node: Arc<Node>, herald: Arc<Herald>, mut guard: Guard) {
    let (mut history, mut links) = (node.history.changes(), node.presences.changes());
    let mut config = node.config.subscribe();
    loop {
        for changes in [&mut history, &mut links] {
            changes.mark_unchanged();
        }
        config.mark_unchanged();
        match guard.run(look(&node, &herald)).await {
            None => return,
            Some(Ok(())) => {}
            Some(Err(error)) => tracing::warn!(%error, "the states of plans were not looked at"),
        }
        tokio::select! {
            () = guard.asked() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
            Ok(()) = history.changed() => {}
            Ok(()) = links.changed() => {}
            Ok(()) = config.changed() => {}
        }
        tokio::time::sleep(SETTLE).await;
    }
}

async fn look(node: &Node, herald: &Arc<Herald>) -> Result<(), StoreError> {
    let listeners = node.config.current().listeners();
    if listeners.is_empty() {
        return Ok(());
    }
    let mut news = Vec::new();
    let is_on = |events: &[Event]| {
        listeners.iter().any(|listener| events.iter().any(|event| event.is_among(&listener.on)))
    };
    if is_on(&[Event::Late, Event::Stale, Event::Recovered]) {
        match fleet::all(node).await {
            Ok(seen) => {
                news.extend(seen.into_iter().filter_map(|seen| of_plan(node, seen.document)))
            }
            Err(status) => tracing::warn!(error = status.message(), "plans were not looked at"),
        }
    }
    if is_on(&[Event::PeerOffline, Event::PeerOnline]) {
        news.extend(links(node).await?);
    }
    let teller = Arc::clone(herald);
    blocking(move || {
        teller.tell(&news)?;
        teller.remind(&listeners)
    })
    .await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(StoreError::Closed))
}

/// What the state of a plan says of its freshness; `None` where it says nothing new of it.
fn freshness(state: &str) -> Option<Event> {
    match state {
        "late" => Some(Event::Late),
        "stale" | "never" => Some(Event::Stale),
        "fresh" | "warnings" => Some(Event::Recovered),
        // Whether it is fresh again shows at the end of the run.
        _ => None,
    }
}

fn of_plan(node: &Node, plan: crate::api::Plan) -> Option<News> {
    let event = freshness(&plan.state)?;
    let is_own = plan.instance == node.config.current().instance.as_str();
    let (repo, id) = (plan.repo.parse().ok()?, plan.id.parse().ok()?);
    let mut context = Context::new(event, &plan.instance, clock::now());
    (context.plan, context.repo) = (Some(plan.id), Some(plan.repo));
    let last = plan.last_success.as_ref();
    context.message = match (event, last) {
        (Event::Recovered, Some(at)) => format!("there is a good backup again, of {at}"),
        (Event::Late, Some(at)) => format!("a run is overdue; the newest good backup is of {at}"),
        (_, Some(at)) => format!("the newest good backup is of {at}, which is older than allowed"),
        (_, None) => "there is no good backup, and one is due".to_owned(),
    };
    if event != Event::Recovered {
        let whose = if is_own { "Run it" } else { "See to that machine, or run it there" };
        let id = context.plan.as_deref().unwrap_or_default();
        context.remedy = Some(format!("{whose}: holdfast plan backup {id}"));
    }
    context.state = plan.state;
    let whose = if is_own { Whose::Own } else { Whose::Peer };
    context.peer = Some(context.instance.clone()).filter(|_| !is_own);
    Some(News { event, context, whose, kind: Kind::Level, repo: Some(repo), plan: Some(id) })
}

/// Which peers are away for so long that it is worth saying, and which are there.
async fn links(node: &Node) -> Result<Vec<News>, StoreError> {
    let peers = node.with_trust(|_, roster| roster.peers()).await?;
    let (now, after) = (clock::now(), node.config.current().offline_after);
    let of_peer = |peer: crate::store::trust::Peer| {
        let presence = node.presences.of(&peer.key);
        let is_away = presence.state != LinkState::Connected;
        if is_away && now.since(presence.since) < after {
            return None;
        }
        let event = if is_away { Event::PeerOffline } else { Event::PeerOnline };
        let mut context = Context::new(event, &peer.instance, now);
        context.state = presence.state.to_string();
        let heard = presence.last_heard.max(peer.last_heard).unwrap_or(peer.paired_at);
        context.message = match is_away {
            true => format!("out of sight; last heard {heard}"),
            false => "connected again".to_owned(),
        };
        context.remedy = presence.remedy.filter(|_| is_away);
        context.peer = Some(peer.key.to_string());
        let (whose, kind) = (Whose::Peer, Kind::Level);
        Some(News { event, context, whose, kind, repo: None, plan: None })
    };
    Ok(peers.into_iter().filter_map(of_peer).collect())
}

impl Herald {
    /// Tells again what still holds and is due for that; forgets what is no more.
    pub(super) fn remind(&self, listeners: &[Listener]) -> Result<(), StoreError> {
        let (desk, states) = (self.desk()?, self.trust.told_states()?);
        let due: Vec<_> = states
            .into_iter()
            .filter_map(|state| {
                let listener = listeners.iter().find(|listener| listener.key == state.hook)?;
                let known = known(&state)?;
                is_due(&listener.rule, &known, desk.now).then_some((listener, state, known))
            })
            .collect();
        if due.is_empty() {
            return Ok(());
        }
        let count = due.len();
        self.trust.telling(|telling| {
            for (listener, kept, known) in &due {
                if self.is_gone(kept) {
                    telling.forget_subject(&kept.subject)?;
                    continue;
                }
                let context = reminder(&from_json(&kept.context), known.since);
                desk.enqueue(telling, listener, &context)?;
                let after = Known { told_at: Some(desk.now), ..*known };
                let HookState { subject, family, .. } = kept;
                telling.keep_state(&state(
                    listener,
                    subject,
                    family,
                    after,
                    &from_json(&kept.context),
                ))?;
            }
            Ok(())
        })?;
        self.messages_added(count);
        Ok(())
    }

    /// Whether a plan or repo of this instance that was told of is no longer in its file.
    fn is_gone(&self, kept: &HookState) -> bool {
        let (config, context) = (self.config.current(), from_json(&kept.context));
        if context.peer.is_some() {
            return false;
        }
        let is_plan = |id: &String| config.plans.iter().any(|plan| plan.id.as_str() == id);
        context.plan.as_ref().is_some_and(|id| !is_plan(id))
    }

    /// Tells what the logs of peers say since the last look; whether there may be more.
    fn look_at_logs(&self, follow: &mut Follow) -> Result<bool, StoreError> {
        let desk = self.desk()?;
        let filter = Filter { whose: LogsOf::All, ..Filter::default() };
        let mut after = follow.clone();
        let changed = self.history.read_blocking(|reader| reader.changed(&mut after, &filter))?;
        let places = after.moved_since(follow);
        let peers = changed.iter().filter(|found| found.origin != self.key && !found.is_archived());
        let ended: Vec<_> = peers.filter_map(|found| self.ended_at_peer(found)).collect();
        let told = self.trust.telling(|telling| {
            telling.keep_places(&places)?;
            ended.iter().try_fold(0, |sum, (key, operation)| {
                Ok(sum + self.tell_end(telling, &desk, (key, operation))?)
            })
        })?;
        *follow = after;
        self.messages_added(told);
        Ok(!changed.is_empty())
    }

    /// An operation of a peer that has ended, under the name by which the peer is known here: what
    /// it calls itself in its log is its own business.
    fn ended_at_peer(&self, found: &Recorded) -> Option<(KeyId, Operation)> {
        let state = found.state.as_ref().filter(|state| state.status.is_finished())?;
        let declared = self.config.current().peer(&found.origin).map(|peer| peer.instance.clone());
        let paired = || self.trust.peer(&found.origin).ok().flatten().map(|peer| peer.instance);
        let instance = declared.or_else(paired)?;
        Some((found.origin, Operation { instance, ..state.clone() }))
    }

    /// Where the look at the logs goes on: where it ended, or, where nobody listened, now.
    fn place(&self) -> Result<Follow, StoreError> {
        let kept = self.trust.telling(|telling| telling.places())?;
        if !kept.is_empty() {
            return Ok(Follow::from_places(&kept));
        }
        let filter = Filter { whose: LogsOf::All, ..Filter::default() };
        let now = self.history.read_blocking(|reader| reader.follow(&filter))?;
        let places = now.moved_since(&Follow::default());
        self.trust.telling(|telling| telling.keep_places(&places))?;
        Ok(now)
    }
}

fn reminder(context: &Context, since: Timestamp) -> Context {
    Context { reminder: true, since: Some(since.to_string()), ..context.clone() }
}

/// Follows the logs of peers for hooks at the top, until the stop is asked for.
pub(in crate::daemon) async fn peers_operations(
    node: Arc<Node>,
    herald: Arc<Herald>,
    mut guard: Guard,
) {
    let (mut history, mut config) = (node.history.changes(), node.config.subscribe());
    let mut follow = None;
    loop {
        history.mark_unchanged();
        let listens = !config.borrow_and_update().config.hooks.is_empty();
        let (teller, place) = (Arc::clone(&herald), follow.take());
        let looked = blocking(move || teller.step(listens, place));
        match guard.run(looked).await {
            None => return,
            Some(Ok(place)) => follow = place,
            Some(Err(error)) => tracing::warn!(%error, "the logs of peers were not looked at"),
        }
        tokio::select! {
            () = guard.asked() => return,
            Ok(()) = history.changed() => {}
            Ok(()) = config.changed() => {}
            else => return,
        }
        tokio::time::sleep(SETTLE).await;
    }
}

impl Herald {
    pub(super) fn step(
        &self,
        listens: bool,
        place: Option<Follow>,
    ) -> Result<Option<Follow>, StoreError> {
        if !listens {
            self.trust.telling(|telling| telling.forget_places())?;
            return Ok(None);
        }
        let mut follow = match place {
            Some(follow) => follow,
            None => {
                self.forget_hooks()?;
                self.place()?
            }
        };
        while self.look_at_logs(&mut follow)? {}
        Ok(Some(follow))
    }

    /// What hooks knew that are no longer in the file.
    fn forget_hooks(&self) -> Result<(), StoreError> {
        let keys: BTreeSet<_> =
            self.config.current().listeners().into_iter().map(|listener| listener.key).collect();
        let keys: Vec<_> = keys.into_iter().collect();
        self.trust.telling(|telling| telling.keep_hooks(&keys))
    }
}

#[cfg(test)]
mod tests {
    use super::super::to_json;
    use super::*;

    #[test]
    fn only_a_state_that_says_so_is_late_stale_or_recovered() {
        for (state, event) in [
            ("never", Some(Event::Stale)),
            ("stale", Some(Event::Stale)),
            ("late", Some(Event::Late)),
            ("fresh", Some(Event::Recovered)),
            ("warnings", Some(Event::Recovered)),
            ("failing", None),
            ("running", None),
            ("waiting", None),
            ("paused", None),
            ("not-yet", None),
        ] {
            assert_eq!(freshness(state), event, "{state}");
        }
    }

    #[test]
    fn a_reminder_says_since_when() {
        let context = Context::new(Event::Stale, "nas", Timestamp::EPOCH);
        let again = reminder(&context, Timestamp::EPOCH);
        assert!(again.reminder && again.since.is_some());
        assert_eq!(from_json(&to_json(&again)), again);
    }
}
