//! Read-only connections, so that readers wait neither for the writer nor for each other.

use super::{HistoryReader, Owner};
use crate::store::error::Result;
use crate::store::file::{open_reader, run};
use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Idle connections kept; more readers at once open more and close them.
const IDLE: usize = 4;

#[derive(Debug)]
pub(super) struct Pool {
    path: PathBuf,
    owner: Owner,
    idle: Mutex<Idle>,
}

#[derive(Debug, Default)]
struct Idle {
    /// Which file the connections are of: it changes when a damaged one is set aside.
    generation: u64,
    connections: Vec<Connection>,
}

impl Pool {
    pub(super) fn new(path: PathBuf, owner: Owner) -> Self {
        Self { path, owner, idle: Mutex::default() }
    }

    /// Runs `job` on one snapshot; says of which generation of the file.
    pub(super) fn read<T>(
        &self,
        job: impl FnOnce(&HistoryReader<'_>) -> Result<T>,
    ) -> (u64, Result<T>) {
        let (generation, idle) = self.take();
        (generation, self.run(generation, idle, job))
    }

    fn run<T>(
        &self,
        generation: u64,
        idle: Option<Connection>,
        job: impl FnOnce(&HistoryReader<'_>) -> Result<T>,
    ) -> Result<T> {
        let conn = match idle {
            Some(conn) => conn,
            None => open_reader(&self.path)?,
        };
        run(&conn, "BEGIN")?;
        let outcome = HistoryReader::open(&conn, &self.owner).and_then(|reader| job(&reader));
        run(&conn, "ROLLBACK")?;
        self.give_back(generation, conn);
        outcome
    }

    /// The file was replaced: connections of the old one are of no use.
    pub(super) fn replaced(&self) {
        let mut idle = self.lock();
        idle.generation += 1;
        idle.connections.clear();
    }

    pub(super) fn generation(&self) -> u64 {
        self.lock().generation
    }

    fn take(&self) -> (u64, Option<Connection>) {
        let mut idle = self.lock();
        (idle.generation, idle.connections.pop())
    }

    fn give_back(&self, generation: u64, conn: Connection) {
        let mut idle = self.lock();
        if idle.generation == generation && idle.connections.len() < IDLE {
            idle.connections.push(conn);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
