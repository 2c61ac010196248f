//! Locks: whose they are, and the removal of those whose process is gone.

use super::call::unreadable;
use super::output::LockDocument;
use super::{Command, Failure, Restic};
use crate::model::{RepoAccess, Timestamp};
use crate::{model, shutdown};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A lock in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// Names its file: 64 hexadecimal digits.
    pub id: String,
    /// When it was taken, or last refreshed (restic does so every five minutes).
    pub time: Timestamp,
    /// Whether nobody else may hold one.
    pub exclusive: bool,
    /// The host of its process.
    pub host: String,
    /// The user of its process.
    pub user: String,
    /// The id of its process.
    pub pid: u32,
}

impl Lock {
    /// Its process: the same through all refreshes, which each make a new lock of it.
    #[must_use]
    pub fn holder(&self) -> String {
        let Self { host, user, pid, .. } = self;
        format!("{host}/{user}/{pid}")
    }

    /// Whether it is that of one of these runs on this host.
    #[must_use]
    pub fn is_of(&self, runs: &[OwnRun]) -> bool {
        !runs.is_empty() && is_of(self, runs, &host())
    }
}

impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { time, host, user, pid, .. } = self;
        write!(f, "process {pid} of {user} on {host}, since {time}")
    }
}

/// A restic of ours that has ended, as it was recorded when it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnRun {
    /// Its process id.
    pub pid: u32,
    /// When it started.
    pub since: Timestamp,
}

/// What became of our own lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unlocking {
    /// There was none of a process that is gone.
    NoneFound,
    /// It was removed.
    Removed,
    /// It is still there, because removing it would remove these too.
    Left(Vec<Lock>),
}

/// What became of the locks whose processes are gone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cleared {
    /// These were removed.
    pub removed: Vec<Lock>,
    /// These are still there.
    pub left: Vec<Lock>,
}

/// restic takes a lock as stale when it is older than this, whoever holds it.
const STALE_AFTER: Duration = Duration::from_secs(30 * 60);
/// The clock may have been set between the record of a run and its lock.
const CLOCK_STEP: Duration = Duration::from_secs(60);

/// Whose a lock is, as far as the removal of those of the gone is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// Of a process that is known to be gone, and that is to be removed.
    Gone,
    /// Of somebody else, and `restic unlock` would remove it.
    StaleElse,
    /// Of somebody else, who may be at work.
    LiveElse,
}

/// What to do about the locks that there are.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Decision<'a> {
    Nothing,
    /// Delete just these files.
    Delete(Vec<&'a Lock>),
    /// `restic unlock` removes ours and no other.
    Unlock,
    /// It would remove these as well.
    Leave(Vec<&'a Lock>),
}

fn decide<'a>(
    locks: &'a [Lock],
    owner: impl Fn(&Lock) -> Owner,
    local: Option<&Path>,
) -> Decision<'a> {
    let of = |wanted| locks.iter().filter(|&lock| owner(lock) == wanted).collect::<Vec<_>>();
    let ours = of(Owner::Gone);
    let endangered = of(Owner::StaleElse);
    match (ours.is_empty(), local, endangered.is_empty()) {
        (true, _, _) => Decision::Nothing,
        (false, Some(_), _) => Decision::Delete(ours),
        (false, None, true) => Decision::Unlock,
        (false, None, false) => Decision::Leave(endangered),
    }
}

/// Whether a lock is that of one of these runs, by all that it says.
fn is_of(lock: &Lock, runs: &[OwnRun], host: &str) -> bool {
    let recorded = |run: &OwnRun| run.pid == lock.pid && lock.time >= run.since.minus(CLOCK_STEP);
    lock.host == host && runs.iter().any(recorded)
}

/// The locks of these runs whose processes still run.
fn at_work(locks: &[Lock], runs: &[OwnRun], here: &Here<'_>) -> Vec<Lock> {
    let is_at_work = |lock: &&Lock| is_of(lock, runs, &here.host) && (here.is_restic)(lock.pid);
    locks.iter().filter(is_at_work).cloned().collect()
}

fn owner_of(lock: &Lock, runs: &[OwnRun], here: &Here<'_>) -> Owner {
    let gone = lock.host == here.host && !(here.is_restic)(lock.pid);
    if gone && is_of(lock, runs, &here.host) {
        Owner::Gone
    } else if gone || here.now.since(lock.time) > STALE_AFTER {
        Owner::StaleElse
    } else {
        Owner::LiveElse
    }
}

/// Of any process, also one that is not on record: gone is one of this host that does not run, and one
/// of which `told` says so.
fn any_owner_of(lock: &Lock, told: impl Fn(&Lock) -> bool, here: &Here<'_>) -> Owner {
    let is_old = here.now.since(lock.time) > STALE_AFTER;
    if lock.host == here.host {
        return if (here.is_restic)(lock.pid) { Owner::LiveElse } else { Owner::Gone };
    }
    match (is_old, is_old && told(lock)) {
        (_, true) => Owner::Gone,
        (true, false) => Owner::StaleElse,
        (false, false) => Owner::LiveElse,
    }
}

/// What is true of this machine now.
struct Here<'a> {
    host: String,
    now: Timestamp,
    is_restic: &'a (dyn Fn(u32) -> bool + Sync),
}

impl Restic {
    /// Every lock in the repository.
    ///
    /// # Errors
    /// The repository cannot be read.
    pub async fn locks(
        &self,
        access: &RepoAccess,
        cancel: &mut shutdown::Guard,
    ) -> Result<Vec<Lock>, Failure> {
        let mut locks = Vec::new();
        for id in self.lock_ids(access, cancel).await? {
            let printed = self.run(access, &Command::CatLock(id.clone()), cancel).await;
            match printed {
                Ok(printed) => {
                    let lock = read(id, &printed.document);
                    locks.push(lock.ok_or_else(|| unreadable(&printed.document, access))?);
                }
                // Its holder may have removed it since it was listed.
                Err(failure) if self.lock_ids(access, cancel).await?.contains(&id) => {
                    return Err(failure);
                }
                Err(_) => {}
            }
        }
        Ok(locks)
    }

    async fn lock_ids(
        &self,
        access: &RepoAccess,
        cancel: &mut shutdown::Guard,
    ) -> Result<Vec<String>, Failure> {
        // An id becomes a file name below: nothing else than one is taken.
        let is_id = |line: &&str| line.parse::<model::RepoGuid>().is_ok();
        if let Some(local) = local_path(access.uri.expose())
            && is_empty(&local.join("locks")).await
        {
            // Mostly there is none, and no process is needed to see it.
            return Ok(Vec::new());
        }
        let listed = self.run(access, &Command::ListLocks, cancel).await?;
        Ok(listed.document.lines().map(str::trim).filter(is_id).map(str::to_owned).collect())
    }

    /// Removes the locks of those runs of ours, if their processes are gone, and no other lock. The
    /// locks of those that are still at work are named: a daemon that was killed may leave its restic.
    ///
    /// In a repository on a local path it deletes just those files. Elsewhere only `restic unlock` can, and it takes
    /// every stale lock along: so it is called only where no stale lock is somebody else's.
    ///
    /// # Errors
    /// The repository cannot be read, or the lock not be removed.
    pub async fn remove_own_locks(
        &self,
        access: &RepoAccess,
        runs: &[OwnRun],
        cancel: &mut shutdown::Guard,
    ) -> Result<(Unlocking, Vec<Lock>), Failure> {
        let locks = self.locks(access, cancel).await?;
        let is_restic = |pid| runs_as(pid, self.program());
        let here = Here { host: host(), now: crate::clock::now(), is_restic: &is_restic };
        let local = local_path(access.uri.expose());
        let decision = decide(&locks, |lock| owner_of(lock, runs, &here), local.as_deref());
        self.carry_out(&decision, access, cancel).await?;
        let unlocking = match decision {
            Decision::Nothing => Unlocking::NoneFound,
            Decision::Leave(others) => Unlocking::Left(others.into_iter().cloned().collect()),
            Decision::Unlock | Decision::Delete(_) => Unlocking::Removed,
        };
        Ok((unlocking, at_work(&locks, runs, &here)))
    }

    /// Removes every lock of these whose process is gone: of this host, where it does not run (any more), and
    /// of another where `told` says so and the lock was not refreshed for half an hour. As in
    /// [`Restic::remove_own_locks`], where only `restic unlock` can remove it, it stays if that would
    /// take others along.
    ///
    /// # Errors
    /// The repository cannot be read, or a lock not be removed.
    pub async fn clear_locks(
        &self,
        access: &RepoAccess,
        locks: Vec<Lock>,
        told: &(dyn Fn(&Lock) -> bool + Sync),
        cancel: &mut shutdown::Guard,
    ) -> Result<Cleared, Failure> {
        let is_restic = |pid| runs_as(pid, self.program());
        let here = Here { host: host(), now: crate::clock::now(), is_restic: &is_restic };
        let local = local_path(access.uri.expose());
        let decision = decide(&locks, |lock| any_owner_of(lock, told, &here), local.as_deref());
        if matches!(decision, Decision::Nothing | Decision::Leave(_)) {
            return Ok(Cleared { removed: Vec::new(), left: locks });
        }
        self.carry_out(&decision, access, cancel).await?;
        self.cleared(locks, access, cancel).await
    }

    /// Removes every lock, whoever holds it.
    ///
    /// # Errors
    /// The repository cannot be read, or the locks not be removed.
    pub async fn remove_all_locks(
        &self,
        access: &RepoAccess,
        cancel: &mut shutdown::Guard,
    ) -> Result<Cleared, Failure> {
        let locks = self.locks(access, cancel).await?;
        self.run(access, &Command::UnlockAll, cancel).await?;
        self.cleared(locks, access, cancel).await
    }

    async fn cleared(
        &self,
        before: Vec<Lock>,
        access: &RepoAccess,
        cancel: &mut shutdown::Guard,
    ) -> Result<Cleared, Failure> {
        let left = self.lock_ids(access, cancel).await?;
        let (left, removed) = before.into_iter().partition(|lock| left.contains(&lock.id));
        Ok(Cleared { removed, left })
    }

    async fn carry_out(
        &self,
        decision: &Decision<'_>,
        access: &RepoAccess,
        cancel: &mut shutdown::Guard,
    ) -> Result<(), Failure> {
        match decision {
            Decision::Nothing | Decision::Leave(_) => Ok(()),
            Decision::Unlock => self.run(access, &Command::Unlock, cancel).await.map(drop),
            Decision::Delete(gone) => {
                let local = local_path(access.uri.expose()).unwrap_or_default();
                for lock in gone {
                    delete(&local.join("locks").join(&lock.id)).await?;
                }
                Ok(())
            }
        }
    }
}

/// Whether that is a folder with nothing in it.
async fn is_empty(folder: &Path) -> bool {
    match tokio::fs::read_dir(folder).await {
        Ok(mut entries) => matches!(entries.next_entry().await, Ok(None)),
        Err(_) => false,
    }
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

async fn delete(file: &Path) -> Result<(), Failure> {
    match tokio::fs::remove_file(file).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            let reason = super::Reason::Denied;
            Err(Failure::new(reason, &format!("lock not removed: {error}")))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn read(id: String, document: &str) -> Option<Lock> {
    let lock: LockDocument = serde_json::from_str(document).ok()?;
    let time = Timestamp::parse(&lock.time)?;
    let LockDocument { exclusive, hostname: host, username: user, pid, .. } = lock;
    Some(Lock { id, time, exclusive, host, user, pid })
}

/// The folder of a repository on this machine's file systems.
fn local_path(uri: &str) -> Option<PathBuf> {
    let path = uri.strip_prefix("local:").unwrap_or(uri);
    path.starts_with('/').then(|| PathBuf::from(path))
}

/// Whether a process with this id is there and runs that program. A zombie runs nothing.
#[cfg(target_os = "linux")]
fn runs_as(pid: u32, program: &Path) -> bool {
    // proc_pid_stat(5): `pid (comm) state …`; comm is cut to 15 bytes and may hold parentheses.
    let Ok(stat) = std::fs::read(format!("/proc/{pid}/stat")) else { return false };
    let stat = String::from_utf8_lossy(&stat);
    let Some((comm, state)) = stat.rsplit_once(')') else { return true };
    let comm = comm.split_once('(').map_or("", |(_, comm)| comm);
    let is_gone = matches!(state.trim_start().chars().next(), Some('Z' | 'X'));
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    // Who started it may have called it by another name than ours.
    let is_named = name.starts_with(comm) || comm.contains("restic");
    !is_gone && is_named
}

/// Elsewhere only whether there is a process with this id.
#[cfg(not(target_os = "linux"))]
fn runs_as(pid: u32, _program: &Path) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(10_000_000_000);

    fn lock(host: &str, pid: u32, age_min: u64) -> Lock {
        let time = NOW.minus(Duration::from_secs(age_min * 60));
        let (host, user) = (host.to_owned(), "root".to_owned());
        Lock { id: format!("{host}{pid}"), time, exclusive: false, host, user, pid }
    }

    /// Process 7 is a restic at work; our recorded run had process 5 and started an hour ago.
    fn owner(lock: &Lock) -> Owner {
        let here = Here { host: "nas".to_owned(), now: NOW, is_restic: &|pid| pid == 7 };
        let since = NOW.minus(Duration::from_secs(3600));
        owner_of(lock, &[OwnRun { pid: 5, since }, OwnRun { pid: 7, since }], &here)
    }

    #[test]
    fn a_lock_is_ours_by_host_recorded_pid_and_a_process_that_is_gone() {
        for (lock, expected) in [
            (lock("nas", 5, 1), Owner::Gone),
            (lock("nas", 5, 59), Owner::Gone),
            // The same pid in an earlier life of the machine.
            (lock("nas", 5, 70), Owner::StaleElse),
            (lock("other", 5, 1), Owner::LiveElse),
            (lock("other", 5, 31), Owner::StaleElse),
            (lock("nas", 6, 1), Owner::StaleElse),
            // Ours by the record, but it still runs.
            (lock("nas", 7, 1), Owner::LiveElse),
        ] {
            assert_eq!(owner(&lock), expected, "{lock:?}");
        }
    }

    #[test]
    fn a_run_on_record_that_still_works_is_told_from_one_that_left_no_lock() {
        let here = Here { host: "nas".to_owned(), now: NOW, is_restic: &|pid| pid == 7 };
        let since = NOW.minus(Duration::from_secs(3600));
        let runs = [OwnRun { pid: 5, since }, OwnRun { pid: 7, since }];
        let mine = lock("nas", 7, 1);
        // Of a process that is gone, of a run before the record, and of another host.
        let locks = [lock("nas", 5, 1), mine.clone(), lock("nas", 7, 70), lock("other", 7, 1)];
        assert_eq!(at_work(&locks, &runs, &here), [mine]);
    }

    #[test]
    fn before_a_run_a_lock_goes_whose_process_is_known_to_be_gone() {
        let here = Here { host: "nas".to_owned(), now: NOW, is_restic: &|pid| pid == 7 };
        for (lock, told, expected) in [
            (lock("nas", 6, 1), false, Owner::Gone),
            (lock("nas", 7, 1), true, Owner::LiveElse),
            (lock("nas", 7, 300), false, Owner::LiveElse),
            (lock("other", 5, 31), true, Owner::Gone),
            // A restic at work refreshes its lock; what its log says may be of another one.
            (lock("other", 5, 29), true, Owner::LiveElse),
            (lock("other", 5, 31), false, Owner::StaleElse),
        ] {
            assert_eq!(any_owner_of(&lock, |_| told, &here), expected, "{lock:?} {told}");
        }
    }

    #[test]
    fn a_remote_lock_is_removed_only_if_unlock_takes_no_other() {
        let mine = lock("nas", 5, 1);
        let live = lock("other", 9, 1);
        let stale = lock("other", 9, 40);
        let both = [mine.clone(), live.clone()];
        assert_eq!(decide(&both, owner, None), Decision::Unlock);
        let endangered = [mine.clone(), stale.clone()];
        assert_eq!(decide(&endangered, owner, None), Decision::Leave(vec![&stale]));
        assert_eq!(decide(&[live], owner, None), Decision::Nothing);
        let local = Some(Path::new("/srv/repo"));
        assert_eq!(decide(&endangered, owner, local), Decision::Delete(vec![&mine]));
    }

    #[test]
    fn only_an_absolute_path_is_a_local_repository() {
        assert_eq!(local_path("/srv/repo"), Some(PathBuf::from("/srv/repo")));
        assert_eq!(local_path("local:/srv/repo"), Some(PathBuf::from("/srv/repo")));
        assert_eq!(local_path("rest:https://vault.example/nas"), None);
        assert_eq!(local_path("sftp:host:/srv/repo"), None);
        assert_eq!(local_path("repo"), None);
    }

    #[test]
    fn a_running_process_is_known_by_its_name() {
        let own = std::fs::read_to_string("/proc/self/comm").unwrap();
        assert!(runs_as(std::process::id(), Path::new(own.trim())));
        assert!(!runs_as(std::process::id(), Path::new("/usr/bin/zzz")));
        assert!(!runs_as(u32::MAX, Path::new("restic")));
    }
}
