//! A session that stands: sealed messages both ways, heartbeats, and its end.

use super::outbox::Outbox;
use super::{Code, Ending, Event, Now, Send, Session, State, Timing};
use crate::crypto::{Channel, verify_checkpoint};
use crate::grant::{Grants, Permission, Target};
use crate::model::{Epoch, KeyId, Timestamp};
use crate::reconcile::{FromOrigin, Shard, SyncHello};
use crate::wire::proto::sync as pb;
use crate::wire::proto::sync::envelope::Body;
use crate::wire::{CloseReason, MAX_RECORD_BYTES, Message, tell};
use std::time::Duration;

/// Records after which a session is replaced, long before a counter could wrap.
const RENEW_AFTER_RECORDS: u64 = 1 << 31;

/// A session that nobody could replace asks again.
const RENEW_AGAIN: Duration = Duration::from_secs(15 * 60);

/// What an established session keeps.
pub(super) struct Established {
    channel: Channel,
    key: KeyId,
    public_key: [u8; 32],
    pub(super) outbox: Outbox,
    /// Of the peer's log, by its newest SyncHello: what its checkpoints are signed over.
    epoch: Option<Epoch>,
    heartbeat_due: Timestamp,
    heartbeats: u64,
    heard: Timestamp,
    dead_at: Timestamp,
    renew_at: Timestamp,
    renewal_asked: bool,
}

impl Established {
    pub(super) fn new(
        channel: Channel,
        key: KeyId,
        public_key: [u8; 32],
        timing: &Timing,
        now: Now,
    ) -> Self {
        Self {
            channel,
            key,
            public_key,
            outbox: Outbox::default(),
            epoch: None,
            heartbeat_due: now.monotonic.plus(timing.heartbeat),
            heartbeats: 0,
            heard: now.monotonic,
            dead_at: now.monotonic.plus(timing.dead_after),
            renew_at: now.monotonic.plus(timing.renew_after),
            renewal_asked: false,
        }
    }

    pub(super) const fn note_hello(&mut self, hello: &SyncHello) {
        self.epoch = Some(hello.epoch);
    }

    /// Seals bytes that no [`Message`] would make, as a faulty peer might.
    #[cfg(test)]
    pub(super) fn seal_for_test(&mut self, plaintext: &[u8]) -> Vec<u8> {
        self.channel.seal(plaintext).unwrap()
    }

    pub(super) fn next_timeout(&self) -> Timestamp {
        self.heartbeat_due.min(self.dead_at).min(self.renew_at)
    }
}

fn shard_target(shard: &Shard) -> Target<'_> {
    Target::shard(&shard.repo, &shard.plan)
}

impl Session {
    /// Who is on the other side of an established session.
    #[must_use]
    pub fn peer(&self) -> Option<KeyId> {
        match &self.state {
            State::Established(established) => Some(established.key),
            State::Handshake(_) | State::Closed => None,
        }
    }

    /// Whether the next messages of the own log may be read and given to [`Session::send`].
    #[must_use]
    pub fn wants_origin(&self) -> bool {
        match &self.state {
            State::Established(established) => established.outbox.origin_is_empty(),
            State::Handshake(_) | State::Closed => false,
        }
    }

    /// What the peer may do here from its next message on (invariant G2).
    pub fn set_grants(&mut self, grants: Grants) {
        if self.grants == grants {
            return;
        }
        self.grants = grants;
        if let State::Established(established) = &mut self.state {
            established.outbox.grants = Some(tell(&self.grants));
        }
    }

    /// What the peer may do here now.
    #[must_use]
    pub const fn grants(&self) -> &Grants {
        &self.grants
    }

    /// Puts something into the outbox; ignored when no session stands.
    pub fn send(&mut self, send: Send) {
        let State::Established(established) = &mut self.state else { return };
        let outbox = &mut established.outbox;
        match send {
            Send::FromOrigin(message) => outbox.push_origin(message),
            Send::FromHub(message) => outbox.push_hub(message),
            Send::Progress(progress) => outbox.push_progress(progress),
            Send::SharedRepos(set) => outbox.shared_repos = Some(set),
            Send::SharedRepoRecords(records) => outbox.records = Some(records),
            Send::SharedRepoReport(report) => outbox.report = Some(report),
            Send::LogRequest(request) => outbox.log_request = Some(request),
            Send::LogChunk(chunk) => outbox.log_chunk = Some(chunk),
            Send::CommandRequest(request) => outbox.command_request = Some(request),
            Send::CommandUpdate(update) => outbox.command_update = Some(update),
            Send::Notice(notice) => outbox.push_notice(notice),
        }
        if outbox.overflows() {
            self.close(Code::Protocol);
        }
    }

    /// One envelope of an established session.
    pub(super) fn receive(
        &mut self,
        mut established: Box<Established>,
        envelope: pb::Envelope,
        now: Now,
    ) {
        let opened = match envelope.body {
            Some(Body::Record(record)) if record.len() <= MAX_RECORD_BYTES => {
                established.channel.open(&record).ok()
            }
            _ => None,
        };
        // A record that does not open is the link's fault or an attacker's; the peer cannot be told.
        let Some(plaintext) = opened else {
            return self.end(Ending::NotAuthenticated("a record could not be opened".to_owned()));
        };
        established.heard = now.monotonic;
        established.dead_at = now.monotonic.plus(self.timing.dead_after);
        self.state = State::Established(established);
        match Message::decode(&plaintext) {
            Ok(message) => self.dispatch(message, now),
            Err(error) => self.close_for(CloseReason {
                remedy: format!("{error}; {}", Code::Protocol.remedy()),
                ..Code::Protocol.reason()
            }),
        }
    }

    fn dispatch(&mut self, message: Message, now: Now) {
        match message {
            Message::Grants(granted) => self.event(Event::Granted(granted)),
            Message::Heartbeat { number, sent } => self.acknowledge(number, sent, now),
            Message::HeartbeatAck { sent, received, .. } => self.measure(sent, received, now),
            Message::Close(reason) => self.end(Ending::Theirs(reason)),
            Message::Notice(notice) => self.event(Event::Notice(notice)),
            Message::FromOrigin(message) => self.verify_origin(message),
            Message::FromHub(message) => self.event(Event::FromHub(message)),
            Message::Progress(progress) => self.event(Event::Progress(progress)),
            Message::SharedRepos(set) => self.event(Event::SharedRepos(set)),
            Message::SharedRepoRecords(records) => self.event(Event::SharedRepoRecords(records)),
            Message::SharedRepoReport(report) => self.event(Event::SharedRepoReport(report)),
            Message::LogRequest(request) => self.event(Event::LogRequest(request)),
            Message::LogChunk(chunk) => self.event(Event::LogChunk(chunk)),
            Message::CommandRequest(request) => self.event(Event::CommandRequest(request)),
            Message::CommandUpdate(update) => self.event(Event::CommandUpdate(update)),
            Message::Unknown => self.skipped += 1,
        }
    }

    fn acknowledge(&mut self, number: u64, sent: Timestamp, now: Now) {
        if let State::Established(established) = &mut self.state {
            let ack = Message::HeartbeatAck { number, sent, received: now.wall };
            established.outbox.heartbeat_ack = Some(ack);
        }
    }

    /// The peer's clock against the middle of the round trip, as in NTP (RFC 5905 section 8).
    fn measure(&mut self, sent: Timestamp, received: Timestamp, now: Now) {
        let middle = sent.as_millis().midpoint(now.wall.as_millis());
        self.event(Event::ClockAhead { millis: received.as_millis().saturating_sub(middle) });
    }

    fn verify_origin(&mut self, message: FromOrigin) {
        let State::Established(established) = &mut self.state else { return };
        match &message {
            FromOrigin::Hello(hello) => established.note_hello(hello),
            FromOrigin::Checkpoint(checkpoint) => {
                let verified = established.epoch.is_some_and(|epoch| {
                    let key = &established.public_key;
                    let signature = &checkpoint.signature;
                    verify_checkpoint(key, &epoch, &checkpoint.root, checkpoint.time, signature)
                        .is_ok()
                });
                if !verified {
                    return self.close(Code::Protocol);
                }
            }
            FromOrigin::Batch(_)
            | FromOrigin::Added { .. }
            | FromOrigin::Gone(_)
            | FromOrigin::Ladder { .. }
            | FromOrigin::Want { .. }
            | FromOrigin::Entries { .. } => {}
        }
        self.event(Event::FromOrigin(message));
    }

    pub(super) fn keep_time(&mut self, now: Now) {
        let State::Established(established) = &mut self.state else { return };
        if now.monotonic >= established.dead_at {
            let silence = now.monotonic.since(established.heard);
            return self.end(Ending::Silent(silence));
        }
        if now.monotonic >= established.heartbeat_due {
            established.heartbeats += 1;
            established.outbox.heartbeat = Some(established.heartbeats);
            established.heartbeat_due = now.monotonic.plus(self.timing.heartbeat);
        }
        let worn = established.channel.records() >= RENEW_AFTER_RECORDS;
        let old = now.monotonic >= established.renew_at;
        if old || (worn && !established.renewal_asked) {
            established.renew_at = now.monotonic.plus(RENEW_AGAIN);
            established.renewal_asked = true;
            self.event(Event::Renew);
        }
    }

    /// Seals the most urgent message that may be sent under the present grants.
    pub(super) fn seal_next(&mut self, now: Now) -> Option<pb::Envelope> {
        loop {
            let State::Established(established) = &mut self.state else { return None };
            let message = match established.outbox.heartbeat.take() {
                Some(number) => Message::Heartbeat { number, sent: now.wall },
                None => established.outbox.pop()?,
            };
            if !permitted(&self.grants, &message) {
                // The feed has sent it as far as it knows, and the hub would be waited for in vain.
                if let Message::FromOrigin(message) = message {
                    let batches = established.outbox.withhold(&message);
                    self.event(Event::Withheld { batches });
                }
                continue;
            }
            let sealed = established.channel.seal(&message.encode()).ok();
            return match sealed {
                Some(sealed) => Some(pb::Envelope { body: Some(Body::Record(sealed.into())) }),
                None => {
                    self.end(Ending::Ours(Code::Internal.reason()));
                    None
                }
            };
        }
    }

    pub(super) fn close_for(&mut self, reason: CloseReason) {
        if let State::Established(established) = &mut self.state
            && let Ok(sealed) = established.channel.seal(&Message::Close(reason.clone()).encode())
        {
            let close = pb::Envelope { body: Some(Body::Record(sealed.into())) };
            self.transmit.push_back(close);
        }
        self.end(Ending::Ours(reason));
    }
}

/// Whether the peer may be sent this now (G4). Log sync that names no shard tells nothing of one.
fn permitted(grants: &Grants, message: &Message) -> bool {
    let readable = |shard: &Shard| grants.allow(Permission::ReadOperations, shard_target(shard));
    match message {
        Message::FromOrigin(message) => match message {
            // A fork at 0 without entries says nothing but that there is nothing.
            FromOrigin::Batch(batch) => readable(&batch.shard),
            FromOrigin::Added { shards, .. } => shards.iter().all(readable),
            FromOrigin::Ladder { shard, .. } | FromOrigin::Entries { shard, .. } => readable(shard),
            FromOrigin::Hello(_)
            | FromOrigin::Gone(_)
            | FromOrigin::Checkpoint(_)
            | FromOrigin::Want { .. } => true,
        },
        Message::Progress(progress) => readable(&progress.shard),
        Message::SharedRepos(set) => set.repos.iter().all(|repo| {
            grants.allow(Permission::ReceiveSharedRepos, Target::repo(repo.id.as_str()))
        }),
        Message::LogChunk(chunk) => chunk.data.is_empty() || grants.has(Permission::ReadOperations),
        Message::Grants(_)
        | Message::Heartbeat { .. }
        | Message::HeartbeatAck { .. }
        | Message::Close(_)
        | Message::Notice(_)
        | Message::FromHub(_)
        | Message::SharedRepoRecords(_)
        | Message::SharedRepoReport(_)
        | Message::LogRequest(_)
        | Message::CommandRequest(_)
        | Message::CommandUpdate(_)
        | Message::Unknown => true,
    }
}
