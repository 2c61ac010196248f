//! Who has the pair of two keys, from when a session stands to the end of its link (S2).

use super::super::presence::Presence;
use super::side::Side;
use super::visit::{heard_until, said, state_after};
use super::{Conversation, Links, OUTGOING, UNHEARD, locked};
use crate::clock;
use crate::grant::Grants;
use crate::model::KeyId;
use crate::net::drive::Standing;
use crate::session::{Applicant, Claim, Code, DialledBy, Ending, Event, Opened, Send as Outgoing};
use crate::wire::handshake::Purpose;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{mpsc, watch};

/// What this instance has to say to one peer's session.
pub(super) struct Lane {
    pub(super) current: Arc<AtomicU64>,
    pub(super) grants: watch::Sender<Grants>,
    pub(super) closing: Option<(u64, watch::Sender<Option<Code>>)>,
    pub(super) outgoing: Option<mpsc::Sender<Box<Outgoing>>>,
}

/// A pair taken by a session.
pub(super) struct Claimed {
    pub(super) standing: Standing,
    pub(super) events: mpsc::Sender<Box<Event>>,
    pub(super) conversation: Conversation,
}

/// What a link holds of its pair until it ends.
pub(super) struct Place {
    pub(super) peer: KeyId,
    pub(super) generation: u64,
    pub(super) events: mpsc::Sender<Box<Event>>,
}

impl Links {
    pub(super) fn claim(&self, opened: &Opened, by: DialledBy) -> Result<Claimed, Code> {
        // What is read now is not published after what is granted next.
        let _turn = locked(&self.granting);
        let peer = self.base.roster.peer(&opened.key).map_err(|_| Code::Internal)?;
        let peer = peer.ok_or(Code::UnknownPeer)?;
        if peer.removed_at.is_some() {
            // It was dialled to be told so.
            return Err(Code::Removed);
        }
        // Held until the lane is taken: of two that claim at once, the newer displaces the older.
        let mut pairs = locked(&self.pairs);
        if self.stopping.load(Ordering::Acquire) {
            return Err(Code::Shutdown);
        }
        match pairs.claim(opened.key, by, opened.boot_id) {
            Claim::Takes { generation, .. } => {
                Ok(self.take_lane((opened.key, by), generation, peer.grants))
            }
            Claim::Duplicate => Err(Code::Duplicate),
            Claim::Clone => {
                tracing::warn!(
                    peer = %opened.key,
                    instance = %opened.instance,
                    "two machines use this identity; both are refused until one of them has another"
                );
                // Nobody knows which of the two is connected now: both are refused.
                self.close(&opened.key, Code::Clone);
                Err(Code::Clone)
            }
            Claim::SelfDial => Err(Code::SelfDial),
        }
    }

    /// Why a session of whoever probes would be refused though its key is known. Claims nothing: a
    /// probe is no boot that was seen, and finds no clone by itself.
    pub(super) fn refuses_probe(&self, applicant: &Applicant) -> Option<Code> {
        let is_cloned = || locked(&self.pairs).is_cloned(&applicant.key);
        (applicant.purpose == Purpose::Probe && is_cloned()).then_some(Code::Clone)
    }

    pub(super) fn take_lane(
        &self,
        (peer, by): (KeyId, DialledBy),
        generation: u64,
        grants: Grants,
    ) -> Claimed {
        let mut lanes = locked(&self.lanes);
        let lane = lanes.entry(peer).or_insert_with(|| Lane {
            current: Arc::default(),
            grants: watch::Sender::new(Grants::none()),
            closing: None,
            outgoing: None,
        });
        let closing = watch::Sender::new(None);
        let (outgoing, to_send) = mpsc::channel(OUTGOING);
        let (events, heard) = mpsc::channel(UNHEARD);
        lane.current.store(generation, Ordering::Release);
        lane.grants.send_replace(grants);
        lane.outgoing = Some(outgoing.clone());
        let standing = Standing {
            generation,
            current: Arc::clone(&lane.current),
            grants: lane.grants.subscribe(),
            closing: closing.subscribe(),
            outgoing: to_send,
            quota: self.settings.borrow().quota,
        };
        if let Some((_, displaced)) = lane.closing.replace((generation, closing)) {
            displaced.send_replace(Some(Code::Replaced));
        }
        let grants = lane.grants.subscribe();
        let conversation = Conversation { peer, by, events: heard, outgoing, grants };
        Claimed { standing, events, conversation }
    }

    /// A link has ended: the pair is free, and how the peer is now can be seen. Whether a session
    /// stood on it.
    pub(super) fn settle(&self, side: &Side, ending: &Ending) -> bool {
        let Some(place) = locked(&side.claimed).take() else { return false };
        self.release(&place);
        self.note_dismissal(place.peer, ending);
        let is_gone = self.show_apart(&place.peer, |presence| {
            presence.becomes(state_after(ending), Some(said(ending)));
        });
        if is_gone {
            let heard = self.base.presences.of(&place.peer).last_heard;
            let heard = heard_until(ending, heard, clock::now());
            let (roster, peer) = (Arc::clone(&self.base.roster), place.peer);
            drop(tokio::task::spawn_blocking(move || roster.heard(&peer, heard, None)));
        }
        true
    }

    /// Changes how a peer is seen, unless a session with it stands; whether none does.
    pub(in crate::daemon) fn show_apart(
        &self,
        peer: &KeyId,
        change: impl FnOnce(&mut Presence),
    ) -> bool {
        // Held over both: a session that stands meanwhile says so afterwards.
        let pairs = locked(&self.pairs);
        let is_apart = pairs.current(peer).is_none();
        if is_apart {
            self.base.presences.update(peer, change);
        }
        is_apart
    }

    pub(super) fn release(&self, place: &Place) {
        locked(&self.pairs).ended(place.peer, place.generation);
        // The lane stays: its number is what keeps this session's last messages from being written
        // once another one stands.
        if let Some(lane) = locked(&self.lanes).get_mut(&place.peer)
            && lane.current.load(Ordering::Acquire) == place.generation
        {
            (lane.closing, lane.outgoing) = (None, None);
        }
    }
}
