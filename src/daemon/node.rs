//! What the parts of one instance share.

use super::areas::Areas;
use super::commands::Commands;
use super::dialing::Dialing;
use super::hooks::Herald;
use super::links::Links;
use super::logs::LogCalls;
use super::ports::{StoredHistory, StoredRuns};
use super::presence::Presences;
use super::roster::Roster;
use super::scheduler::Scheduler;
use super::sharing::Sharing;
use crate::config::{Config, DataDir, Edit, EditError, Editor, LiveConfig};
use crate::crypto::Identity;
use crate::job::Engine;
use crate::model::KeyId;
use crate::net::drive::Pasts;
use crate::session::Code;
use crate::store::{History, StoreError, Trust};
use crate::web::accounts::Accounts;
use std::net::SocketAddr;
use std::sync::Arc;

/// One running instance.
pub struct Node {
    /// What the owner wrote.
    pub config: Arc<LiveConfig>,
    /// Where everything lies.
    pub data: DataDir,
    /// Who this is.
    pub identity: Arc<Identity>,
    /// What others caused.
    pub trust: Arc<Trust>,
    /// The logs, our own and our peers'.
    pub history: History,
    /// Who may use the web interface.
    pub accounts: Arc<Accounts>,
    /// Our own log, as the engine writes it.
    pub journal: Arc<StoredHistory>,
    /// Which repositories our repos are, and what of restic runs, as the engine keeps it.
    pub runs: Arc<StoredRuns>,
    /// Runs restic.
    pub engine: Engine,
    /// What is due, and when.
    pub scheduler: Arc<Scheduler>,
    /// Who our peers are.
    pub roster: Arc<Roster>,
    /// How the links to them are.
    pub presences: Arc<Presences>,
    /// The sessions with them.
    pub links: Arc<Links>,
    /// Keeps the known hosts dialled.
    pub dialing: Arc<Dialing>,
    /// What is shared with peers and by them.
    pub sharing: Arc<Sharing>,
    /// What peers are asked to do, and what they asked for.
    pub commands: Commands,
    /// Log texts asked of peers.
    pub log_calls: LogCalls,
    /// What earlier sessions left of log sync.
    pub pasts: Pasts,
    /// Passes on to hooks what happens.
    pub(super) herald: Arc<Herald>,
    /// What changed of what no other channel tells.
    pub areas: Areas,
    /// Where this instance listens, as bound.
    pub listening: Vec<SocketAddr>,
    /// Where a person on this machine opens the web interface.
    pub ui_url: Option<String>,
}

impl Node {
    /// Our key id.
    #[must_use]
    pub fn key(&self) -> KeyId {
        self.identity.key_id()
    }

    /// A call to `trust.db` or to the roster, which may wait for the disk.
    ///
    /// # Errors
    /// Those of the call, or the runtime is going down.
    pub async fn with_trust<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Trust, &Roster) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (trust, roster) = (Arc::clone(&self.trust), Arc::clone(&self.roster));
        let called = tokio::task::spawn_blocking(move || call(&trust, &roster)).await;
        called.unwrap_or(Err(StoreError::Closed))
    }

    /// A received repo may have become another, or what peers may have has: every session says what
    /// is new, and whoever shows or promises what plans do looks again ([`Sharing::changes`]).
    pub fn shared_changed(&self) {
        self.sharing.changed();
    }

    /// Every running session obeys the grants that its peer has now, before its next message (G2).
    pub async fn regrant_all(&self) {
        let links = Arc::clone(&self.links);
        // An error means that the runtime goes down, and every session with it.
        let _ = tokio::task::spawn_blocking(move || links.regrant_all()).await;
    }

    /// Every session begins anew, with nothing remembered of earlier ones.
    pub fn restart_sessions(&self) {
        self.pasts.forget_all();
        self.links.close_all(Code::Restart);
    }

    /// Sessions whose log sync cannot go on begin anew, where room was made for it: a peer whose quota
    /// was reached sends nothing that would have it looked at again.
    pub fn restart_troubled(&self) {
        for peer in self.links.connected() {
            if self.presences.of(&peer).alert.is_some() {
                self.links.close(&peer, Code::Restart);
            }
        }
    }

    /// Whether these edits could be made now; nothing is written.
    ///
    /// # Errors
    /// Why [`Node::edit`] would not make them.
    pub async fn rehearse(&self, edits: Vec<Edit>) -> Result<(), EditError> {
        let path = self.config.path().to_owned();
        let editor = Editor::new(path.clone());
        let rehearsed = tokio::task::spawn_blocking(move || editor.rehearse(&edits).map(drop));
        rehearsed.await.unwrap_or(Err(EditError::Contended { path }))
    }

    /// Edits the owner's file, all edits or none, and takes the result into effect.
    ///
    /// # Errors
    /// The file would not be valid then, or cannot be written; nothing has changed.
    pub async fn edit(&self, edits: Vec<Edit>) -> Result<Arc<Config>, EditError> {
        let config = Arc::clone(&self.config);
        let edited = tokio::task::spawn_blocking(move || {
            Editor::new(config.path().to_owned()).apply(&edits)?;
            config.reload();
            Ok(config.current())
        });
        let path = self.config.path().to_owned();
        edited.await.unwrap_or(Err(EditError::Contended { path }))
    }
}
