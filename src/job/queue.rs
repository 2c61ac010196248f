//! Whose turn it is: on a repo many may share, or one works alone; a plan runs once at a time.

use crate::model::{PlanId, RepoId};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex as Short, PoisonError};
use tokio::sync::{Mutex, OwnedMutexGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

/// Locks by name; tokio's are fair, so nobody waits for ever.
#[derive(Debug, Default)]
pub(super) struct Queue {
    repos: Short<HashMap<RepoId, Arc<RwLock<()>>>>,
    plans: Short<HashMap<PlanId, Arc<Mutex<()>>>>,
}

fn named<K: Clone + Eq + Hash, V: Default>(all: &Short<HashMap<K, Arc<V>>>, name: &K) -> Arc<V> {
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(all.entry(name.clone()).or_default())
}

impl Queue {
    pub(super) async fn plan(&self, plan: &PlanId) -> OwnedMutexGuard<()> {
        named(&self.plans, plan).lock_owned().await
    }

    pub(super) async fn shared(&self, repo: &RepoId) -> OwnedRwLockReadGuard<()> {
        named(&self.repos, repo).read_owned().await
    }

    pub(super) async fn alone(&self, repo: &RepoId) -> OwnedRwLockWriteGuard<()> {
        named(&self.repos, repo).write_owned().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[tokio::test]
    async fn backups_share_a_repo_and_exclusive_work_waits_for_them() {
        let queue = Queue::default();
        let (a, b): (RepoId, RepoId) = ("a".parse().unwrap(), "b".parse().unwrap());
        let first = queue.shared(&a).await;
        let second = queue.shared(&a).now_or_never().expect("side by side");
        assert!(queue.alone(&a).now_or_never().is_none());
        assert!(queue.alone(&b).now_or_never().is_some(), "repos are independent");
        drop((first, second));
        assert!(queue.alone(&a).now_or_never().is_some());
    }
}
