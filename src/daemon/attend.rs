//! Attends each session that stands: hears everything that is not log sync, and says what this
//! instance has to say.
//!
//! 1. G4: what a peer asks for is checked against its grants when it is answered.
//! 2. One task per session, in the order in which things were said; it ends with the session.

use super::commands;
use super::links::Conversation;
use super::logs;
use super::node::Node;
use super::presence::Presence;
use super::sharing::{self, Nudge};
use crate::clock;
use crate::grant::{Grants, Permission, Target};
use crate::job::Live;
use crate::model::{InstanceId, KeyId, LinkState, PeerRole, Status};
use crate::pairing::PeerUrl;
use crate::reconcile::Shard;
use crate::session::{Code, DialledBy, Event, Opened, Send as Outgoing};
use crate::store::StoreError;
use crate::store::history::{Recorded, Whose};
use crate::store::trust::Peer;
use crate::wire::{CommandId, CommandRequest, CommandUpdate, Notice, RunProgress, ToldGrant};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

/// How often peers are told how far a run is.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// Attends every session that comes, until none can come any more.
pub(super) async fn attend_all(
    node: Arc<Node>,
    mut conversations: mpsc::UnboundedReceiver<Conversation>,
) {
    while let Some(conversation) = conversations.recv().await {
        tokio::spawn(Attendant::new(Arc::clone(&node), conversation).run());
    }
}

struct Attendant {
    node: Arc<Node>,
    conversation: Conversation,
    /// Its number, in [`sharing`].
    session: u64,
    nudge: Nudge,
    /// The command on its way, and until when it is waited for its answer.
    sent: Option<(CommandId, Instant)>,
    /// What the peer asked for.
    obeying: Option<JoinHandle<()>>,
}

impl Attendant {
    fn new(node: Arc<Node>, conversation: Conversation) -> Self {
        let session = node.sharing.begins(conversation.peer);
        let (peer, nudge) = (conversation.peer, Nudge::default());
        let (outgoing, grants) = (conversation.outgoing.clone(), conversation.grants.clone());
        let told =
            sharing::keep_told(Arc::clone(&node), peer, outgoing, grants, Arc::clone(&nudge));
        tokio::spawn(told);
        Self { node, conversation, session, nudge, sent: None, obeying: None }
    }

    async fn run(mut self) {
        let mut runs = self.node.engine.changes();
        let mut settings = self.node.links.resettled();
        let mut told = self.told();
        // What a run says comes often; what peers are told of it, now and then.
        let mut next_progress = Instant::now();
        let mut has_progress = false;
        let mut history = self.node.history.changes();
        let mut commands = self.node.commands.changes(self.peer());
        let (mut next_look, mut may_have_ended) = (Instant::now(), false);
        loop {
            let answer_by = self.sent.map(|(_, until)| until);
            tokio::select! {
                event = self.conversation.events.recv() => match event {
                    Some(event) => {
                        // It may come later than the entry that says how the run ended.
                        may_have_ended |= matches!(*event, Event::Progress(_));
                        self.hear(*event).await;
                    }
                    None => break,
                },
                Ok(()) = history.changed(), if !may_have_ended => may_have_ended = true,
                () = sleep_until(next_look), if may_have_ended => {
                    self.end_runs().await;
                    (next_look, may_have_ended) = (Instant::now() + PROGRESS_EVERY, false);
                }
                Ok(()) = runs.changed(), if !has_progress => has_progress = true,
                () = sleep_until(next_progress), if has_progress => {
                    self.tell_progress().await;
                    (next_progress, has_progress) = (Instant::now() + PROGRESS_EVERY, false);
                }
                Ok(()) = settings.changed() => self.tell_news(&mut told).await,
                Ok(()) = commands.changed() => self.send_command().await,
                () = sleep_until(answer_by.unwrap_or(next_look)), if answer_by.is_some() => {
                    self.not_answered().await;
                }
            }
        }
        self.command_is_over();
        self.node.log_calls.cut(self.peer());
        self.node.sharing.ended(&self.peer(), self.session);
    }

    const fn peer(&self) -> KeyId {
        self.conversation.peer
    }

    async fn say(&self, message: Outgoing) {
        // A session that has ended takes nothing; what matters is said again in the next one.
        let _ = self.conversation.outgoing.send(Box::new(message)).await;
    }

    fn grants(&self) -> Grants {
        self.conversation.grants.borrow().clone()
    }

    async fn hear(&mut self, event: Event) {
        self.node.presences.update(&self.peer(), |p| p.last_heard = Some(clock::now()));
        match event {
            Event::Opened(opened) => {
                self.opened(*opened).await;
                self.send_command().await;
            }
            Event::Granted(granted) => self.granted(granted).await,
            Event::ClockAhead { millis } => {
                self.node.presences.update(&self.peer(), |p| p.clock_ahead_ms = millis);
            }
            Event::Progress(progress) => self.progress(progress),
            Event::LogRequest(request) => {
                let chunk = logs::answer(&self.node.history, self.grants(), request).await;
                self.say(Outgoing::LogChunk(chunk)).await;
            }
            Event::LogChunk(chunk) => self.node.log_calls.answered(self.peer(), chunk),
            Event::CommandRequest(request) => self.obey(request).await,
            Event::CommandUpdate(update) => self.commanded(update).await,
            Event::Notice(notice) => self.noticed(notice).await,
            Event::SharedRepos(set) => {
                sharing::heard_set(&self.node, self.peer(), self.session, set).await;
            }
            Event::SharedRepoRecords(records) => {
                sharing::heard_records(&self.node, self.peer(), self.session, records).await;
            }
            Event::SharedRepoReport(report) => {
                sharing::heard_report(&self.node, self.peer(), report).await;
            }
            Event::Renew if self.conversation.by == DialledBy::Us => {
                self.node.dialing.renew(&self.peer());
            }
            // Whoever dialled renews.
            Event::Renew => {}
            other => tracing::debug!(event = other.name(), "not heard"),
        }
    }

    /// The oldest command to the peer goes out, once: it stays the oldest until it is answered, or
    /// nobody wants it any more.
    async fn send_command(&mut self) {
        let next = commands::next(&self.node, self.peer()).await;
        let id = next.as_ref().map(|next| next.request.id);
        if id == self.sent.map(|(id, _)| id) {
            return;
        }
        self.command_is_over();
        if let Some(command) = next {
            self.node.commands.on_its_way(command.request.id);
            self.sent = Some((command.request.id, Instant::now() + commands::ANSWERED_WITHIN));
            self.say(Outgoing::CommandRequest(command.request)).await;
        }
    }

    fn command_is_over(&mut self) {
        if let Some((id, _)) = self.sent.take() {
            self.node.commands.not_on_its_way(&id);
        }
    }

    /// An answer to what was not asked is none.
    async fn commanded(&mut self, update: CommandUpdate) {
        if self.sent.is_some_and(|(id, _)| id == update.id) {
            commands::answered(&self.node, self.peer(), update).await;
            self.send_command().await;
        }
    }

    async fn not_answered(&mut self) {
        if let Some((id, _)) = self.sent {
            commands::unanswered(&self.node, self.peer(), id).await;
            self.send_command().await;
        }
    }

    /// Carries out what the peer asks for, beside the session: it may take its time.
    async fn obey(&mut self, request: CommandRequest) {
        // Who asks before the answer has come waits for it.
        if let Some(before) = self.obeying.take() {
            let _ = before.await;
        }
        let (node, peer, grants) = (Arc::clone(&self.node), self.peer(), self.grants());
        let outgoing = self.conversation.outgoing.clone();
        self.obeying = Some(tokio::spawn(async move {
            let update = commands::obey(&node, peer, grants, request).await;
            // Where the session has ended, the peer asks again in the next one.
            let _ = outgoing.send(Box::new(Outgoing::CommandUpdate(update))).await;
        }));
    }

    async fn opened(&self, opened: Opened) {
        if let Some(millis) = opened.clock_ahead_ms {
            self.node.presences.update(&self.peer(), |p| p.clock_ahead_ms = millis);
        }
        let address = self.node.presences.of(&self.peer()).address;
        let by = self.conversation.by;
        self.named(opened.instance).await;
        self.learn(move |peer| {
            peer.public_key = Some(opened.public_key);
            peer.software = Some(opened.software);
            peer.grants_received = opened.granted;
            peer.last_heard = Some(clock::now());
            peer.last_address = address;
            if by == DialledBy::Us {
                add_urls(peer, &opened.urls);
            }
        })
        .await;
    }

    async fn granted(&self, granted: Vec<ToldGrant>) {
        self.learn(|peer| peer.grants_received = granted).await;
        self.nudge.notify_one();
    }

    async fn noticed(&self, notice: Notice) {
        match notice {
            Notice::Urls(urls) => self.learn(move |peer| replace_urls(peer, urls)).await,
            Notice::Renamed(instance) => {
                self.named(instance).await;
                self.nudge.notify_one();
            }
            Notice::NameTaken(known) => self.name_is_taken(&known),
            Notice::Removed => {
                let why = (Code::Removed.as_str().to_owned(), Code::Removed.remedy().to_owned());
                let refused = |p: &mut Presence| p.becomes(LinkState::Refused, Some(why));
                self.node.presences.update(&self.peer(), refused);
                sharing::dismissed(&self.node, self.peer()).await;
            }
        }
    }

    /// Takes the name that the peer gives itself, unless somebody else has it: whose snapshots are whose
    /// is told by that name.
    async fn named(&self, name: InstanceId) {
        let (key, wanted) = (self.peer(), name.clone());
        let own = self.node.config.current().instance.clone();
        let looked = self.node.with_trust(move |trust, roster| {
            let Some(known) = roster.peer(&key)? else { return Ok((None, None)) };
            let is_news = known.instance != wanted || wanted == own;
            let peers = if is_news { roster.peers()? } else { Vec::new() };
            let holder = holder(&peers, &own, &key, &wanted);
            match &holder {
                // It may have had that name since it was last heard with another.
                Some(_) => {
                    let since = known.last_heard.unwrap_or(known.paired_at);
                    trust.dispute(&wanted, key, since)?;
                }
                None => trust.settle_disputes(&key, clock::now())?,
            }
            Ok((Some(known.instance), holder))
        });
        match looked.await {
            Ok((Some(known), Some(holder))) => self.misnamed(known, &name, &holder).await,
            Ok((_, None)) => {
                self.well_named();
                self.learn(move |peer| {
                    if peer.instance != name {
                        tracing::info!(%key, from = %peer.instance, to = %name, "a peer was renamed");
                        peer.instance = name;
                    }
                })
                .await;
            }
            Ok((None, Some(_))) => {}
            Err(error) => tracing::warn!(%error, peer = %key, "what a peer is called was not kept"),
        }
    }

    /// Shown with the link, which stands all the same, until it has a name of its own.
    async fn misnamed(&self, known: InstanceId, name: &InstanceId, holder: &str) {
        let reason =
            format!("it calls itself {name}, as {holder} is called; here it stays {known}");
        tracing::warn!(peer = %self.peer(), reason, "the name of a peer is taken");
        let remedy = "set another `instance` in the config file of one of the two: snapshots tell their maker by it, and until then none that say so are forgotten here";
        self.remark(reason, remedy);
        self.say(Outgoing::Notice(Notice::NameTaken(known))).await;
    }

    /// The peer goes on calling us what we were called: our name is somebody else's there.
    fn name_is_taken(&self, known: &InstanceId) {
        let own = self.node.config.current().instance.clone();
        let reason =
            format!("it knows somebody else by the name {own}, and calls this instance {known}");
        tracing::warn!(peer = %self.peer(), reason, "our name is taken there");
        self.remark(reason, "set another `instance` in the config file of one of the two");
    }

    /// Shown with the link, which stands all the same.
    fn remark(&self, reason: String, remedy: &str) {
        self.node.presences.update(&self.peer(), |presence| {
            if presence.state == LinkState::Connected {
                presence.becomes(LinkState::Connected, Some((reason, remedy.to_owned())));
            }
        });
    }

    /// A link that stands has nothing else to say than [`Self::remark`] does of a name.
    fn well_named(&self) {
        let presence = self.node.presences.of(&self.peer());
        if presence.state == LinkState::Connected && presence.reason.is_some() {
            let fine = |p: &mut Presence| p.becomes(LinkState::Connected, None);
            self.node.presences.update(&self.peer(), fine);
        }
    }

    /// Keeps what was learned of the peer. A fault of the store does not end the session.
    async fn learn(&self, change: impl FnOnce(&mut Peer) + Send + 'static) {
        let peer = self.peer();
        let learned = self.node.with_trust(move |_, roster| {
            let mut is_news = false;
            roster.learn(&peer, |known| {
                let before = known.clone();
                change(known);
                is_news = is_another(&before, known);
            })?;
            // Not at every call of every peer: all of them are looked at then.
            if is_news {
                roster.changed();
            }
            Ok(())
        });
        match learned.await {
            Ok(()) | Err(StoreError::Unknown { .. }) => {}
            Err(error) => tracing::warn!(%error, %peer, "what a peer said was not kept"),
        }
    }

    /// Forgets the runs of the peer whose end stands in its log: no message says that one is over.
    async fn end_runs(&self) {
        let peer = self.peer();
        let mut running = self.node.presences.of(&peer).running;
        if running.is_empty() {
            return;
        }
        let ended = self.node.history.read(move |reader| {
            let mut ended = Vec::new();
            while let Some((id, _)) = running.pop_first() {
                let found = reader.operation(Whose::Peer(peer), id)?;
                let is_over =
                    |recorded: &Recorded| recorded.status.is_some_and(Status::is_finished);
                ended.extend(found.iter().any(is_over).then_some(id));
            }
            Ok(ended)
        });
        match ended.await {
            Ok(ended) if !ended.is_empty() => {
                let forget = |p: &mut Presence| p.running.retain(|id, _| !ended.contains(id));
                self.node.presences.update(&peer, forget);
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, %peer, "which runs are over was not read"),
        }
    }

    fn progress(&self, progress: RunProgress) {
        self.node.presences.update(&self.peer(), |presence| {
            // A peer has no more runs at once than this; the oldest make room.
            while presence.running.len() >= 64 {
                presence.running.pop_first();
            }
            presence.running.insert(progress.operation, progress);
        });
    }

    async fn tell_progress(&self) {
        let grants = self.grants();
        for live in self.node.engine.live() {
            if let Some(progress) = visible(&live, &grants) {
                self.say(Outgoing::Progress(progress)).await;
            }
        }
    }

    fn told(&self) -> (String, Vec<String>) {
        let settings = self.node.links.settings();
        (settings.local.instance.to_string(), settings.urls.clone())
    }

    /// Our name or our addresses changed: the peer hears it now, not at the next session.
    async fn tell_news(&self, told: &mut (String, Vec<String>)) {
        let settings = self.node.links.settings();
        if settings.local.instance.as_str() != told.0 {
            // If that one is taken too, the peer says so.
            self.well_named();
            self.say(Outgoing::Notice(Notice::Renamed(settings.local.instance.clone()))).await;
        }
        if settings.urls != told.1 {
            self.say(Outgoing::Notice(Notice::Urls(settings.urls.clone()))).await;
        }
        *told = self.told();
    }
}

/// Who else is called so, ourselves first; `None` where the name is free.
fn holder(peers: &[Peer], own: &InstanceId, key: &KeyId, name: &InstanceId) -> Option<String> {
    if name == own {
        return Some("this instance".to_owned());
    }
    let other = peers.iter().find(|peer| peer.key != *key && peer.instance == *name)?;
    Some(format!("another peer here ({})", other.key))
}

/// Whether a peer is another one than before, beyond when and as what it was last heard.
fn is_another(before: &Peer, now: &Peer) -> bool {
    let as_before = Peer {
        public_key: before.public_key,
        last_heard: before.last_heard,
        last_address: before.last_address.clone(),
        software: before.software.clone(),
        ..now.clone()
    };
    *before != as_before
}

/// A run of ours as this peer may see it.
fn visible(live: &Live, grants: &Grants) -> Option<RunProgress> {
    let operation = &live.operation;
    let name = |id: Option<String>| id.unwrap_or_default();
    let shard = Shard {
        repo: name(operation.repo.as_ref().map(ToString::to_string)),
        plan: name(operation.plan.as_ref().map(ToString::to_string)),
    };
    let target = Target::shard(&shard.repo, &shard.plan);
    let seen =
        operation.status == Status::Running && grants.allow(Permission::ReadOperations, target);
    let (operation, progress) = (operation.id, live.progress.clone());
    seen.then_some(RunProgress { operation, shard, progress })
}

/// What a listener says beside what we know: the address that worked is never forgotten for it.
fn add_urls(peer: &mut Peer, urls: &[String]) {
    for url in urls {
        let is_known = peer.urls.contains(url);
        if !is_known && url.parse::<PeerUrl>().is_ok() && peer.urls.len() < MAX_URLS {
            peer.urls.push(url.clone());
        }
    }
}

/// A listener moved: its new addresses first, the old ones until they make room.
fn replace_urls(peer: &mut Peer, urls: Vec<String>) {
    if peer.role != PeerRole::KnownHost {
        return;
    }
    let old = std::mem::take(&mut peer.urls);
    add_urls(peer, &urls);
    add_urls(peer, &old);
}

/// How many addresses of a peer are kept.
const MAX_URLS: usize = 8;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_held_by_ourselves_and_by_every_other_peer() {
        let peer = |n: u8, name: &str| {
            let key = KeyId::from_bytes([n; 32]);
            Peer::new(key, name.parse().unwrap(), PeerRole::KnownHost, clock::now())
        };
        let peers = [peer(1, "nas"), peer(2, "laptop")];
        let own = "hub".parse().unwrap();
        let by = |name: &str| holder(&peers, &own, &peers[0].key, &name.parse().unwrap());
        assert_eq!(by("hub").as_deref(), Some("this instance"));
        assert!(by("laptop").unwrap().contains(&peers[1].key.to_string()));
        assert_eq!(by("nas"), None, "its own");
        assert_eq!(by("vault"), None);
    }

    #[test]
    fn only_what_others_look_at_makes_a_peer_another_one() {
        let key = KeyId::from_bytes([1; 32]);
        let peer = Peer::new(key, "nas".parse().unwrap(), PeerRole::KnownHost, clock::now());
        let heard = Peer { last_heard: Some(clock::now()), ..peer.clone() };
        assert!(!is_another(&peer, &heard), "a thousand that reconnect are no news");
        let renamed = Peer { instance: "vault".parse().unwrap(), ..heard.clone() };
        assert!(is_another(&peer, &renamed));
        let moved = Peer { urls: vec!["https://nas.example".to_owned()], ..heard };
        assert!(is_another(&peer, &moved));
    }
}
