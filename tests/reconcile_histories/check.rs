//! What must hold after a history, once all is quiet.

use crate::compare::{Damage, same_chain};
use crate::world::{Outcome, World};
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
            let damage = if self.damaged { Damage::Some } else { Damage::None };
            same_chain(ours, theirs, damage).map_err(|why| format!("{why} in {shard:?}"))?;
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
