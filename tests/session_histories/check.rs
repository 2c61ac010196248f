//! What must hold: while it runs, and once all is quiet.

use crate::compare::{Damage, same_chain};
use crate::instance::{Process, Who, kept, sees};
use crate::side::Side;
use crate::world::{Outcome, World};
use holdfast::grant::Permission;
use holdfast::reconcile::{OriginLog as _, Shard, root};
use std::collections::BTreeSet;

/// Until everybody has dialled again and caught up: longer than the longest wait of who was refused.
const PATIENCE: u64 = 3 * 3_600_000;

impl World {
    /// S5: what is acknowledged is durable.
    pub fn check_ack(&mut self, side: &Side, shard: &Shard, seq: u64) -> Outcome {
        let origin = self.instances[side.process].who;
        let link = &self.links[&side.link];
        let hub = link.processes[1 - side.end];
        if link.since < self.instances[hub].restored_at {
            return Ok(()); // said by a database that has gone back since
        }
        let held = self.instances[hub].database.held.get(&origin);
        let base = held.and_then(|h| h.shards.get(shard)).map_or(0, |h| h.chain.base().seq);
        let own = self.instances[side.process].database.log.shards.get(shard);
        let acked = own.into_iter().flat_map(|chain| chain.iter());
        let acked = acked.filter(|(at, _)| *at <= seq && *at > base);
        let stored = self.instances[hub].finished(origin);
        for (at, entry) in acked {
            if let Some(lost) = kept(origin, shard, entry).filter(|kept| !stored.contains(kept)) {
                return Err(format!("S5: {hub} acknowledged {at} and has not {lost:?}"));
            }
        }
        self.instances[hub].keep(origin, shard, seq);
        Ok(())
    }

    /// Runs until every pair has one session and every hub what it may see; then nothing more is said.
    pub fn settle(&mut self) -> Outcome {
        self.cure()?;
        // A link that swallows bytes is still taken for one that is only quiet.
        let dead = self.plan.timing.dead_after.as_millis() as u64;
        self.run_until(self.now + dead + 10_000)?;
        let end = self.now + PATIENCE;
        loop {
            let said = self.chatter;
            self.run_until(self.now + 40_000)?;
            let busy = match self.chatter - said {
                0 => Ok(()),
                more => Err(format!("{more} messages although all was said")),
            };
            match self.check_all().and(busy) {
                Err(why) if self.now > end => {
                    return Err(format!("not so after hours of quiet: {why}"));
                }
                Err(_) => {}
                Ok(()) => return Ok(()),
            }
        }
    }

    fn check_all(&self) -> Outcome {
        for process in 0..self.plan.instances {
            for &peer in self.instances[process].peers.keys() {
                self.check_session(process, peer)?;
                if self.instances[process].grants(peer).has(Permission::ReadOperations) {
                    let pair = |why| format!("{why} (log of {process} on {peer})");
                    self.check_held(process, peer).map_err(pair)?;
                }
            }
            self.instances[process].check_kept()?;
        }
        Ok(())
    }

    /// S2: one session for a pair, and both sides have the same.
    fn check_session(&self, process: Process, peer: Who) -> Outcome {
        let dials = |one: usize, other| self.instances[one].dialers.contains_key(&other);
        if !dials(process, peer) && !dials(peer, process) {
            return Ok(());
        }
        let links = |one, other| self.standing(one, other).into_iter().map(|id| id / 2);
        let ours: Vec<_> = links(process, peer).collect();
        let theirs: Vec<_> = links(peer, process).collect();
        if ours.len() != 1 || ours != theirs {
            return Err(format!("S2: {process} has links {ours:?} with {peer}, that {theirs:?}"));
        }
        Ok(())
    }

    /// R2 for what `hub` may see of the log of `origin`, and the signed head that proves it.
    fn check_held(&self, origin: Who, hub: Who) -> Outcome {
        let grants = self.instances[origin].grants(hub);
        let log = &self.instances[origin].database.log;
        let visible = log.shards(&|shard| sees(&grants, shard)).unwrap();
        let names: BTreeSet<_> = visible.iter().map(|own| own.shard.clone()).collect();
        let Some(held) = self.instances[hub].database.held.get(&origin) else {
            return Err("R2: nothing is held".into());
        };
        let shown = held.shards.iter().filter(|(_, h)| !h.hidden && h.chain.head().seq > 0);
        let shown: BTreeSet<_> = shown.map(|(shard, _)| shard.clone()).collect();
        if names != shown {
            return Err(format!("R2: shown are {shown:?}, visible {names:?}"));
        }
        for shard in names {
            let (ours, theirs) = (&log.shards[&shard], &held.shards[&shard].chain);
            same_chain(ours, theirs, Damage::None).map_err(|why| format!("{why} in {shard:?}"))?;
        }
        let proved = root(visible.iter().map(|own| (&own.shard, own.head)));
        match held.checkpoint {
            Some(checkpoint) if checkpoint.root == proved => Ok(()),
            Some(_) | None => Err("R2: the present head is not signed for".into()),
        }
    }
}
