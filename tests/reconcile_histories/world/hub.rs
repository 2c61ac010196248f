//! What a hub holds, keeps and has on disk.

use super::*;

impl Hub {
    pub fn listed(&self, origin: usize) -> BTreeSet<(Shard, OperationId)> {
        self.held[origin].listed().cloned().collect()
    }

    fn stored(&self) -> BTreeSet<Kept> {
        let mut stored = BTreeSet::new();
        for (o, held) in self.held.iter().enumerate() {
            let live =
                held.shards.iter().flat_map(|(s, h)| h.chain.iter().map(move |(_, e)| (s, e)));
            let archived = held.archive.iter().map(|((s, ..), e)| (s, e));
            let finished = live.chain(archived).filter(|(_, e)| is_finished(e.payload.as_ref()));
            stored.extend(
                finished.map(|(s, e)| (o, s.clone(), e.operation, e.payload.clone().unwrap())),
            );
        }
        stored
    }

    pub fn check_kept(&self) -> Outcome {
        let stored = self.stored();
        match self.kept.iter().find(|kept| !stored.contains(kept)) {
            Some(lost) => Err(format!("R3: finished {lost:?} lost")),
            None => Ok(()),
        }
    }

    /// Its own trim, retention, disk or restore took it.
    pub(super) fn excused(&mut self) {
        let stored = self.stored();
        self.kept.retain(|kept| stored.contains(kept));
        self.dirty = true;
    }

    pub(super) fn keep(&mut self, origin: usize, shard: &Shard, upto: u64) {
        let Some(held) = self.held[origin].shards.get(shard) else { return };
        for (_, entry) in held.chain.iter().filter(|(seq, _)| *seq <= upto) {
            let payload = entry.payload.clone().filter(|p| is_finished(Some(p)));
            if let Some(payload) = payload.filter(|p| Some(digest(p)) == entry.digest) {
                self.kept.insert((origin, shard.clone(), entry.operation, payload));
            }
        }
    }

    /// Full sync: what is held is durable from here on.
    pub(super) fn sync(&mut self) -> Result<Vec<(usize, u64, FromHub)>, String> {
        if !std::mem::take(&mut self.dirty) && self.answers.is_empty() {
            return Ok(Vec::new());
        }
        self.synced.clone_from(&self.held);
        for origin in 0..self.held.len() {
            let shards: Vec<_> = self.held[origin].shards.keys().cloned().collect();
            for shard in shards {
                let chain = &self.held[origin].shards[&shard].chain;
                if chain.is_hurt() {
                    continue;
                }
                if let Some(seq) = chain.audit() {
                    return Err(format!("chain wrong on a hub at {seq}"));
                }
                self.keep(origin, &shard, u64::MAX);
            }
        }
        let answers = std::mem::take(&mut self.answers);
        for (origin, _, answer) in &answers {
            if let FromHub::Ack { shard, seq } = answer {
                self.keep(*origin, shard, *seq);
            }
        }
        self.check_kept()?;
        Ok(answers)
    }

    pub(super) fn down(&mut self, lose_tail: bool) -> Outcome {
        if lose_tail {
            self.held.clone_from(&self.synced);
        }
        self.held.iter_mut().for_each(MemoryHub::restarted);
        self.synced.clone_from(&self.held);
        self.answers.clear();
        self.inbox.clear();
        self.intakes.iter_mut().for_each(|intake| *intake = None);
        self.check_kept()
    }
}
