//! What must hold after a history, once all is quiet.

use crate::world::{Outcome, World};
use holdfast::reconcile::Entry;
use holdfast::reconcile::memory::is_finished;
use std::collections::BTreeSet;

type Link = (usize, usize);

impl World {
    /// All links up, a day passes where there was damage, until quiet.
    pub fn settle(&mut self) -> Outcome {
        let links = self.links();
        for round in 0..4 {
            self.retry_all();
            if self.damaged || self.something_is_lost() {
                self.scrub_all()?;
            }
            links.iter().for_each(|&link| self.connect(link));
            if !self.pump(&links, 300)? {
                return Err("no progress: still busy after 300 rounds".into());
            }
            if self.damaged || round == 1 {
                links.iter().for_each(|&link| self.cut(link));
            } else if round == 2 {
                break;
            }
        }
        links.iter().for_each(|&link| self.connect(link));
        if self.pump(&links, 300)? { Ok(()) } else { Err("no progress at the end".into()) }
    }

    fn something_is_lost(&self) -> bool {
        let held = self.hubs.iter().flat_map(|hub| &hub.held);
        let mut entries = held.flat_map(|h| h.shards.values()).flat_map(|s| s.chain.iter());
        entries.any(|(_, entry)| entry.lost)
    }

    pub fn check(&mut self) -> Outcome {
        for link in self.links() {
            self.check_shards(link)?;
            self.check_listed(link)?;
        }
        self.hubs.iter().try_for_each(|hub| hub.check_kept())?;
        self.links().into_iter().try_for_each(|link| self.check_reconnect(link))
    }

    /// R2, shard by shard and entry by entry.
    fn check_shards(&self, (o, h): Link) -> Outcome {
        let (origin, held) = (&self.origins[o], &self.hubs[h].held[o]);
        let visible = origin.visible(h);
        let shown = held.shards.iter().filter(|(_, s)| !s.hidden && s.chain.head().seq > 0);
        let shown: BTreeSet<_> = shown.map(|(shard, _)| shard.clone()).collect();
        if visible != shown {
            return Err(format!("R2: hub {h} shows {shown:?}, visible are {visible:?}"));
        }
        for shard in visible {
            let (ours, theirs) = (&origin.log.shards[&shard], &held.shards[&shard].chain);
            if let Some(seq) = ours.audit().or(theirs.audit()) {
                return Err(format!("R2: chain of {shard:?} wrong at {seq}"));
            }
            if ours.head() != theirs.head() {
                let heads = (ours.head(), theirs.head());
                return Err(format!("R2: {shard:?} heads differ: {heads:?}"));
            }
            let newest = ours.newest();
            let base = ours.base().seq.max(theirs.base().seq);
            for seq in base + 1..=ours.head().seq {
                let (Some(x), Some(y)) = (ours.get(seq), theirs.get(seq)) else {
                    return Err(format!("R2: {shard:?} lacks {seq}"));
                };
                let is_newest = newest.get(&x.operation) == Some(&seq);
                self.check_entry(x, y, is_newest).map_err(|e| format!("{e} {shard:?} {seq}"))?;
            }
        }
        Ok(())
    }

    fn check_entry(&self, x: &Entry, y: &Entry, newest: bool) -> Outcome {
        let proof = |e: &Entry| (e.operation, e.kind, e.chain, e.digest);
        if proof(x) != proof(y) {
            return Err(format!("R2: entry differs: {x:?} {y:?}"));
        }
        let finished = is_finished(x.payload.as_ref()) || is_finished(y.payload.as_ref());
        if !newest && !finished {
            return Ok(());
        }
        if x.payload.is_some() != y.payload.is_some() {
            return Err(format!("payload missing on one side: {x:?} {y:?}"));
        }
        if x.payload.is_none() && !self.damaged && !x.lost && !y.lost {
            return Err("payload missing on both sides".into());
        }
        Ok(())
    }

    fn check_listed(&self, link: Link) -> Outcome {
        let live = self.live(link);
        let listed = self.hubs[link.1].listed(link.0);
        match listed.iter().find(|(shard, op)| self.is_live(link, shard, op, &live)) {
            Some(wrong) => Err(format!("listed as gone but live: {wrong:?}")),
            None => Ok(()),
        }
    }

    /// Nothing changed: SyncHello, InSync, Checkpoint.
    fn check_reconnect(&mut self, link: Link) -> Outcome {
        self.cut(link);
        let before = self.messages;
        self.connect(link);
        self.pump(&[link], 50)?;
        match self.messages - before {
            3 => Ok(()),
            more => Err(format!("no-change reconnect took {more} messages")),
        }
    }
}
