//! Following the history: what changed since a place in it.

use super::query::{Filter, Recorded, limit_in};
use super::rows::{self, ShardRow, seq_in};
use super::tx::HistoryReader;
use crate::model::{KeyId, OperationId};
use crate::store::column::noun;
use crate::store::error::Result;
use std::collections::BTreeMap;

/// A place in every shard: what was appended since is what changed.
#[derive(Debug, Clone, Default)]
pub struct Follow {
    seen: BTreeMap<i64, (u64, [u8; 32])>,
}

/// A place in one shard, to be kept: the shard by its row here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The row of the shard.
    pub shard: i64,
    /// The last entry seen.
    pub seq: u64,
    /// Its chain value: another one there is another log.
    pub chain: [u8; 32],
}

impl Follow {
    /// From places that were kept.
    #[must_use]
    pub fn from_places(places: &[Place]) -> Self {
        Self { seen: places.iter().map(|place| (place.shard, (place.seq, place.chain))).collect() }
    }

    /// The places that are others than in `before`.
    #[must_use]
    pub fn moved_since(&self, before: &Self) -> Vec<Place> {
        let moved = self.seen.iter().filter(|(shard, place)| before.seen.get(shard) != Some(place));
        moved.map(|(&shard, &(seq, chain))| Place { shard, seq, chain }).collect()
    }
}

/// How many entries of a shard one look at what changed reads.
const FOLLOWED: usize = 1_000;

impl HistoryReader<'_> {
    /// A place to follow from: what is there now counts as seen.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn follow(&self, filter: &Filter) -> Result<Follow> {
        let mut follow = Follow::default();
        for (_, _, shard) in self.followed(filter)? {
            follow.seen.insert(shard.id, (shard.head.seq, shard.head.chain));
        }
        Ok(follow)
    }

    /// The operations with entries since the place, as they are now; moves the place. To be asked
    /// again until it returns nothing, after every step of [`super::History::changes`]. After a fork
    /// some may come twice. Of the filter only whose, repo and plan count.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn changed(&self, follow: &mut Follow, filter: &Filter) -> Result<Vec<Recorded>> {
        let mut changed = Vec::new();
        for (log, origin, shard) in self.followed(filter)? {
            // The places of the other shards stay: the next look has theirs.
            if changed.len() >= FOLLOWED {
                break;
            }
            let (seq, chain) = follow.seen.get(&shard.id).copied().unwrap_or((0, [0; 32]));
            let goes_on = rows::chain_at(self.conn, &shard, seq)? == Some(chain);
            let from = if goes_on { seq } else { shard.base.seq };
            for id in self.touched(&shard, from, follow)? {
                changed.extend(self.recorded(log, origin, &shard, id)?);
            }
        }
        Ok(changed)
    }

    fn touched(
        &self,
        shard: &ShardRow,
        from: u64,
        follow: &mut Follow,
    ) -> Result<Vec<OperationId>> {
        let mut select = self.conn.prepare_cached(
            "SELECT seq, operation, chain FROM entry WHERE shard = ?1 AND seq > ?2 \
             ORDER BY seq LIMIT ?3",
        )?;
        let mut rows = select.query((shard.id, seq_in(from)?, limit_in(FOLLOWED)))?;
        let mut ids = Vec::new();
        let mut last = (from, rows::chain_at(self.conn, shard, from)?.unwrap_or([0; 32]));
        while let Some(row) = rows.next()? {
            last = (rows::seq_out(row, "seq")?, row.get("chain")?);
            ids.push(noun(row, "operation")?);
        }
        follow.seen.insert(shard.id, last);
        ids.sort_unstable();
        ids.dedup();
        ids.retain(|id| *id != OperationId::EXPECTATION);
        Ok(ids)
    }

    fn followed(&self, filter: &Filter) -> Result<Vec<(i64, KeyId, ShardRow)>> {
        let named = |shard: &ShardRow| {
            filter.repo.as_ref().is_none_or(|repo| repo.as_str() == shard.shard.repo)
                && filter.plan.as_ref().is_none_or(|plan| plan.as_str() == shard.shard.plan)
        };
        let mut followed = Vec::new();
        for (log, origin) in self.logs_of(filter.whose)? {
            let shards = rows::shards(self.conn, log)?.into_iter();
            let shown = shards.filter(|shard| !shard.hidden && named(shard));
            followed.extend(shown.map(|shard| (log, origin, shard)));
        }
        Ok(followed)
    }
}
