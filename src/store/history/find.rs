//! Finding places in lists and operations by the beginning of their id.

use super::query::{Filter, Key, Position, Recorded, Whose, limit_in, position};
use super::tx::HistoryReader;
use crate::model::{OperationId, OperationKind, PlanId, RepoId, Status};
use crate::store::column::Col;
use crate::store::error::Result;
use rusqlite::named_params;
use std::ops::RangeInclusive;

const NEWEST: &str = "\
    SELECT o.started_at, o.id, o.shard FROM operation o \
    WHERE o.log = :log AND (:since IS NULL OR o.started_at >= :since) \
    AND o.shard IN (SELECT id FROM shard WHERE log = :log AND NOT hidden \
        AND (:repo IS NULL OR repo = :repo) AND (:plan IS NULL OR plan = :plan)) \
    AND (:kind IS NULL OR o.kind = :kind) AND (:status IS NULL OR o.status = :status) \
    AND (:flow IS NULL OR o.flow = :flow) AND NOT (:own AND o.removed) \
    ORDER BY o.started_at DESC, o.id DESC, o.shard DESC LIMIT :limit";

impl HistoryReader<'_> {
    /// The place after which the newest `count` operations of a list come; `None`: from its beginning.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn before_newest(&self, filter: &Filter, count: usize) -> Result<Option<Position>> {
        let more = count.saturating_add(1);
        let mut newest = Vec::new();
        for (log, _) in self.logs_of(filter.whose)? {
            let mut select = self.conn.prepare_cached(NEWEST)?;
            let positions = select.query_map(
                named_params! {
                    ":log": log,
                    ":since": filter.since.map(Col),
                    ":repo": filter.repo.as_ref().map(RepoId::as_str),
                    ":plan": filter.plan.as_ref().map(PlanId::as_str),
                    ":kind": filter.kind.map(OperationKind::as_str),
                    ":status": filter.status.map(Status::as_str),
                    ":flow": filter.flow.map(Col),
                    ":own": log == self.own,
                    ":limit": limit_in(more),
                },
                position,
            )?;
            newest.extend(positions.collect::<rusqlite::Result<Vec<_>>>()?);
            newest.sort_unstable_by(|a, b| b.cmp(a));
            newest.truncate(more);
        }
        Ok(newest.get(count).copied())
    }

    /// At most `limit` operations whose ids are in a range, in no order.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn operations_in(
        &self,
        whose: Whose,
        ids: &RangeInclusive<OperationId>,
        limit: usize,
    ) -> Result<Vec<Recorded>> {
        let mut found = Vec::new();
        for (log, origin) in self.logs_of(whose)? {
            let mut select = self.conn.prepare_cached(
                "SELECT o.started_at, o.id, o.shard FROM shard s JOIN operation o \
                 ON o.shard = s.id AND o.id BETWEEN ?2 AND ?3 \
                 WHERE s.log = ?1 AND NOT s.hidden AND NOT (?4 AND o.removed) LIMIT ?5",
            )?;
            let room = limit_in(limit.saturating_sub(found.len()));
            let is_own = log == self.own;
            let values = (log, Col(*ids.start()), Col(*ids.end()), is_own, room);
            let positions = select.query_map(values, position)?;
            for position in positions {
                found.push(self.load(&Key { log, origin, position: position? })?);
            }
        }
        Ok(found)
    }
}
