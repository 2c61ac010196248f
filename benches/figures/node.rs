//! An instance's sessions within this process: what a daemon has, without its surface.

use holdfast::clock;
use holdfast::config::LiveConfig;
use holdfast::crypto::Identity;
use holdfast::daemon::links::{Base, Links, Settings};
use holdfast::daemon::presence::Presences;
use holdfast::daemon::roster::Roster;
use holdfast::grant::Grants;
use holdfast::model::{InstanceId, KeyId, PeerRole};
use holdfast::net::drive::Ground;
use holdfast::reconcile::Quota;
use holdfast::session::{Local, Timing};
use holdfast::store::history::Owner;
use holdfast::store::trust::Peer;
use holdfast::store::{History, Trust};
use std::path::Path;
use std::sync::Arc;

/// Databases, and who is known.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) history: History,
    pub(crate) trust: Arc<Trust>,
    roster: Arc<Roster>,
}

impl Place {
    pub(crate) fn open(dir: &Path, owner: &Identity, name: &str) -> anyhow::Result<Self> {
        let history = History::open(dir, Owner { public_key: owner.public_key() })?;
        let trust = Arc::new(Trust::open(dir)?);
        let file = dir.join("config.toml");
        std::fs::write(&file, format!("instance = \"{name}\"\n"))?;
        let config = Arc::new(LiveConfig::open(file)?);
        let roster = Arc::new(Roster::new(config, Arc::clone(&trust)));
        Ok(Self { history, trust, roster })
    }

    /// Pairs with somebody, who may do this here.
    pub(crate) fn knows(
        &self,
        key: KeyId,
        name: &str,
        role: PeerRole,
        grants: &[&str],
    ) -> anyhow::Result<()> {
        let mut peer = Peer::new(key, name.parse()?, role, clock::now());
        peer.grants = Grants::parse(grants.iter().copied())?;
        Ok(self.trust.put_peer(&peer)?)
    }

    /// The sessions of one identity, and how its links are.
    pub(crate) fn links(
        &self,
        identity: Arc<Identity>,
        instance: InstanceId,
    ) -> (Arc<Links>, Arc<Presences>) {
        let local = Local {
            identity: Arc::clone(&identity),
            instance,
            boot_id: identity.public_key()[..16].try_into().unwrap_or_default(),
            software: "holdfast 0.1.0".to_owned(),
        };
        let presences = Arc::<Presences>::default();
        let base = Base {
            ground: Ground::new(identity, self.history.clone()),
            trust: Arc::clone(&self.trust),
            roster: Arc::clone(&self.roster),
            presences: Arc::clone(&presences),
        };
        let (timing, quota) = (Timing::default(), Quota::default());
        // Nobody attends these sessions: log sync needs nobody.
        let (links, _) = Links::new(Settings { local, timing, urls: Vec::new(), quota }, base);
        (links, presences)
    }
}
