//! Looking into snapshots: read as it comes, at the reader's speed, without a lock and without an
//! operation. A reader that goes ends it.

use super::queue::{self, Claim, Mode, Priority, Wish};
use super::{Engine, JobError, RepoSpec, RestoreRequest};
use crate::model::{RepoAccess, RepoGuid, RepoId};
use crate::restic::{
    Command, Comparison, Decode, Differences, Dump, Failure, Listing, Matches, Rehearsal, Restic,
    Search, Tree, Version,
};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Pieces that wait for the reader.
const UNREAD: usize = 4;

/// What a snapshot is read for, item by item.
pub struct Reading<D: Decode> {
    pieces: mpsc::Receiver<Vec<u8>>,
    end: Option<oneshot::Receiver<Result<(), JobError>>>,
    decoder: D,
    /// Whose secrets are struck out of what cannot be decoded.
    access: RepoAccess,
    items: VecDeque<D::Item>,
}

/// The content of a file or an archive, piece by piece.
#[derive(Debug, Default)]
pub struct Bytes;

impl Decode for Bytes {
    type Item = Vec<u8>;

    fn take(&mut self, piece: &[u8], into: &mut VecDeque<Vec<u8>>) -> Result<(), Failure> {
        into.push_back(piece.to_vec());
        Ok(())
    }

    fn end(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

impl<D: Decode> Reading<D> {
    /// The next item; `None` at the end of what was whole. After an error nothing more comes.
    pub async fn next(&mut self) -> Option<Result<D::Item, JobError>> {
        while self.items.is_empty() {
            let Some(piece) = self.pieces.recv().await else { return self.ended().await.map(Err) };
            if let Err(failure) = self.decoder.take(&piece, &mut self.items) {
                self.pieces.close();
                self.end = None;
                return Some(Err(failure.redacted(&self.access).into()));
            }
        }
        self.items.pop_front().map(Ok)
    }

    async fn ended(&mut self) -> Option<JobError> {
        match self.end.take()?.await {
            Ok(Ok(())) => self.decoder.end().err().map(JobError::from),
            Ok(Err(error)) => Some(error),
            Err(_) => Some(JobError::Stopping),
        }
    }
}

/// Whether what is read must not be pruned away meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// Names only: a prune does not wait for it, nor it for a prune.
    None,
    /// Contents: beside backups, and not beside a prune.
    Shared,
}

impl Engine {
    /// Which restic this instance has.
    ///
    /// # Errors
    /// None, or too old.
    pub async fn version(&self) -> Result<Version, JobError> {
        Ok(self.inner.locator.restic().await?.version())
    }

    /// restic's id of a repo, where it is known here.
    pub async fn known_guid(&self, repo: &RepoId) -> Option<RepoGuid> {
        self.inner.ports.guid(repo).await
    }

    /// Lists what a snapshot holds.
    ///
    /// # Errors
    /// It cannot be begun; what goes wrong later comes with the items.
    pub async fn ls(&self, repo: &RepoId, listing: Listing) -> Result<Reading<Tree>, JobError> {
        self.read(repo, Command::Ls(listing), Turn::None).await
    }

    /// Looks for names in snapshots.
    ///
    /// # Errors
    /// As for [`Engine::ls`].
    pub async fn find(&self, repo: &RepoId, search: Search) -> Result<Reading<Matches>, JobError> {
        self.read(repo, Command::Find(search), Turn::None).await
    }

    /// Compares two snapshots.
    ///
    /// # Errors
    /// As for [`Engine::ls`].
    pub async fn diff(
        &self,
        repo: &RepoId,
        comparison: Comparison,
    ) -> Result<Reading<Differences>, JobError> {
        self.read(repo, Command::Diff(comparison), Turn::None).await
    }

    /// Reads a file, or a folder as an archive.
    ///
    /// # Errors
    /// As for [`Engine::ls`].
    pub async fn dump(&self, repo: &RepoId, dump: Dump) -> Result<Reading<Bytes>, JobError> {
        self.read(repo, Command::Dump(dump), Turn::Shared).await
    }

    /// Says what a restore would do, and does nothing.
    ///
    /// # Errors
    /// As for [`Engine::ls`]; this restic cannot say it.
    pub async fn rehearse(&self, request: &RestoreRequest) -> Result<Reading<Rehearsal>, JobError> {
        request.check_rehearsal(self.version().await?)?;
        let command = Command::Rehearse(request.command());
        self.read(&request.repo, command, Turn::None).await
    }

    async fn read<D: Decode + Default>(
        &self,
        repo: &RepoId,
        command: Command,
        turn: Turn,
    ) -> Result<Reading<D>, JobError> {
        let task = self.inner.task()?;
        let restic = self.inner.locator.restic().await?;
        let repo = self.inner.ports.repo(repo).await?;
        let (reader, pieces) = mpsc::channel(UNREAD);
        let (told, end) = oneshot::channel();
        let (engine, access) = (self.clone(), repo.access.clone());
        Arc::clone(&self.inner).spawn(task.clone(), async move {
            let pour = engine.pour((&restic, &repo), &command, turn, (task, &reader));
            // Nobody waits for the end of what nobody reads.
            let _ = told.send(pour.await);
        });
        let (decoder, items) = (D::default(), VecDeque::new());
        Ok(Reading { pieces, end: Some(end), decoder, access, items })
    }

    /// Beside backups, and not while something works alone on the repo.
    async fn shared_turn(&self, repo: &RepoSpec) -> queue::Turn {
        let claim = Claim::Repo { repo: repo.id.clone(), mode: Mode::Shared, at_once: None };
        let what = format!("somebody reads from repo {}", repo.id);
        let wish = Wish { claim, priority: Priority::Wanted, what };
        let turn = self.inner.queue.enter(wish);
        // Who reads has no operation that could tell what it waits for.
        while turn.wait().await.is_some() {}
        turn
    }

    async fn pour(
        &self,
        (restic, repo): (&Restic, &RepoSpec),
        command: &Command,
        turn: Turn,
        (mut cancel, reader): (crate::shutdown::Guard, &mpsc::Sender<Vec<u8>>),
    ) -> Result<(), JobError> {
        let _turn = match turn {
            Turn::None => None,
            Turn::Shared => tokio::select! {
                turn = self.shared_turn(repo) => Some(turn),
                () = reader.closed() => return Err(JobError::Cancelled),
                () = cancel.asked() => return Err(JobError::Stopping),
            },
        };
        match restic.pour(&repo.access, command, &mut cancel, reader).await {
            Ok(_) => Ok(()),
            Err(failure) => Err(self.known_missing(repo, failure).await),
        }
    }
}
