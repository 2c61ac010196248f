//! The ports of the engine in memory, and a machine to run it on.

#[path = "../machine/light.rs"]
pub(crate) mod light;

use holdfast::job::{
    Catalogue, Engine, History, Keeping, PlanSpec, Ports, RepoSpec, Run, Runs, Standing,
    StoreFault, Unusable,
};
use holdfast::model::{
    InstanceId, Operation, OperationId, OperationKind, PlanId, RepoAccess, RepoGuid, RepoId,
    Secret, Status, Subset, Timestamp, Tuning,
};
use holdfast::restic::{Exclusions, Guard, Locator, Manner};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

type Answer<T> = Result<T, StoreFault>;

#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) repos: Mutex<BTreeMap<RepoId, RepoSpec>>,
    pub(crate) plans: Mutex<BTreeMap<PlanId, PlanSpec>>,
    pub(crate) entries: Mutex<Vec<Operation>>,
    pub(crate) logs: Mutex<BTreeMap<OperationId, String>>,
    pub(crate) guids: Mutex<BTreeMap<RepoId, RepoGuid>>,
    pub(crate) open: Mutex<Vec<Run>>,
    pub(crate) ended: Mutex<Vec<(OperationId, Status)>>,
    pub(crate) keeping: Mutex<Keeping>,
    pub(crate) parts: Mutex<BTreeMap<RepoId, Subset>>,
    pub(crate) locks: Mutex<BTreeMap<(RepoId, String), Timestamp>>,
    /// Of which peers the log says that they have ended.
    pub(crate) told: Mutex<Vec<String>>,
    /// Says on standard output what it is told, for another process to read.
    pub(crate) echo: bool,
}

impl Memory {
    /// The newest state of each operation, in the order in which they began.
    pub(crate) fn newest(&self) -> Vec<Operation> {
        let mut order = Vec::new();
        let mut newest = BTreeMap::new();
        for entry in self.entries.lock().unwrap().iter() {
            if newest.insert(entry.id, entry.clone()).is_none() {
                order.push(entry.id);
            }
        }
        order.iter().map(|id| newest[id].clone()).collect()
    }

    pub(crate) fn of_kind(&self, kind: OperationKind) -> Vec<Operation> {
        self.newest().into_iter().filter(|op| op.kind == kind).collect()
    }

    pub(crate) fn states(&self, id: OperationId) -> Vec<(u32, Status)> {
        let entries = self.entries.lock().unwrap();
        entries.iter().filter(|op| op.id == id).map(|op| (op.revision, op.status)).collect()
    }
}

impl Catalogue for Memory {
    fn instance(&self) -> InstanceId {
        "nas".parse().unwrap()
    }
    fn repo(&self, id: &RepoId) -> Result<RepoSpec, Unusable> {
        let repos = self.repos.lock().unwrap();
        repos.get(id).cloned().ok_or_else(|| Unusable(format!("there is no repo {id}")))
    }
    fn plan(&self, id: &PlanId) -> Result<PlanSpec, Unusable> {
        let plans = self.plans.lock().unwrap();
        plans.get(id).cloned().ok_or_else(|| Unusable(format!("there is no plan {id}")))
    }
    fn keeping(&self, _: &RepoId) -> Result<Keeping, Unusable> {
        Ok(self.keeping.lock().unwrap().clone())
    }
    fn guid(&self, id: &RepoId) -> Option<RepoGuid> {
        self.guids.lock().unwrap().get(id).cloned()
    }
}

impl History for Memory {
    fn record(&self, operation: &Operation) -> Answer<()> {
        if self.echo {
            println!("record {} {}", operation.id, operation.status);
        }
        self.entries.lock().unwrap().push(operation.clone());
        Ok(())
    }
    fn append_log(&self, operation: OperationId, text: &str) -> Answer<()> {
        self.logs.lock().unwrap().entry(operation).or_default().push_str(text);
        Ok(())
    }
    fn unfinished(&self) -> Answer<Vec<Operation>> {
        Ok(self.newest().into_iter().filter(|op| !op.status.is_finished()).collect())
    }
    fn lost(&self, repo: &RepoId, plan: &PlanId) -> Answer<Vec<Operation>> {
        let is_lost = |op: &Operation| {
            op.status == Status::Lost
                && op.snapshot.is_none()
                && op.repo.as_ref() == Some(repo)
                && op.plan.as_ref() == Some(plan)
        };
        Ok(self.newest().into_iter().filter(is_lost).collect())
    }
    fn with_snapshot(&self, repo: &RepoId, plan: &PlanId) -> Answer<Vec<Operation>> {
        let has_one = |op: &Operation| {
            op.kind == OperationKind::Backup
                && op.snapshot.is_some()
                && op.snapshot_gone.is_none()
                && op.repo.as_ref() == Some(repo)
                && op.plan.as_ref() == Some(plan)
        };
        Ok(self.newest().into_iter().filter(has_one).collect())
    }
    fn has_ended(&self, instance: &str, _: &RepoGuid, _: Timestamp) -> Answer<bool> {
        Ok(self.told.lock().unwrap().iter().any(|name| name == instance))
    }
}

impl Runs for Memory {
    fn part_read(&self, repo: &RepoId) -> Answer<Option<Subset>> {
        Ok(self.parts.lock().unwrap().get(repo).copied())
    }
    fn keep_part_read(&self, repo: &RepoId, part: Subset) -> Answer<()> {
        self.parts.lock().unwrap().insert(repo.clone(), part);
        Ok(())
    }
    fn guid(&self, repo: &RepoSpec) -> Answer<Option<RepoGuid>> {
        Ok(self.guids.lock().unwrap().get(&repo.id).cloned())
    }
    fn keep_guid(&self, repo: &RepoSpec, guid: &RepoGuid) -> Answer<()> {
        self.guids.lock().unwrap().insert(repo.id.clone(), guid.clone());
        Ok(())
    }
    fn started(&self, run: &Run) -> Answer<()> {
        self.open.lock().unwrap().push(run.clone());
        if self.echo && run.plan.is_some() {
            println!("started {} {} {}", run.operation, run.pid, run.since.as_millis());
        }
        Ok(())
    }
    fn ended(&self, operation: OperationId, status: Status, _at: Timestamp) -> Answer<()> {
        self.ended.lock().unwrap().push((operation, status));
        Ok(())
    }
    fn closed(&self, operation: OperationId) -> Answer<()> {
        self.open.lock().unwrap().retain(|run| run.operation != operation);
        Ok(())
    }
    fn lock_in_way(&self, repo: &RepoId, holder: &str, held: &[String]) -> Answer<Timestamp> {
        self.locks_held(repo, held)?;
        let mut locks = self.locks.lock().unwrap();
        let key = (repo.clone(), holder.to_owned());
        Ok(*locks.entry(key).or_insert_with(holdfast::clock::now))
    }
    fn locks_held(&self, repo: &RepoId, held: &[String]) -> Answer<()> {
        self.locks.lock().unwrap().retain(|(at, holder), _| at != repo || held.contains(holder));
        Ok(())
    }
    fn open(&self) -> Answer<Vec<Run>> {
        Ok(self.open.lock().unwrap().clone())
    }
}

/// One machine with one repo `vault` and one plan `home`, in a temporary folder.
pub(crate) struct Machine {
    pub(crate) folder: TempDir,
    pub(crate) memory: Arc<Memory>,
    pub(crate) engine: Engine,
}

pub(crate) fn repo_id() -> RepoId {
    "vault".parse().unwrap()
}

pub(crate) fn plan_id() -> PlanId {
    "home".parse().unwrap()
}

pub(crate) fn engine(memory: &Arc<Memory>) -> Engine {
    engine_with(memory, None)
}

pub(crate) fn engine_with(memory: &Arc<Memory>, restic: Option<PathBuf>) -> Engine {
    let guard = Guard::Reexec(PathBuf::from(env!("CARGO_BIN_EXE_holdfast")));
    let ports = Ports { catalogue: memory.clone(), history: memory.clone(), runs: memory.clone() };
    Engine::new(Locator::new(restic, guard), ports)
}

/// Fills a memory with the repo and the plan of the machine in that folder.
pub(crate) fn furnish(memory: &Memory, folder: &Path, standing: Standing) {
    let secret = |text: String| Secret::new(text);
    let cache = folder.join("cache").display().to_string();
    let access = RepoAccess {
        uri: secret(folder.join("repo").display().to_string()),
        password: secret("swordfish".to_owned()),
        env: vec![("RESTIC_CACHE_DIR".to_owned(), secret(cache))],
    };
    let repo = RepoSpec { id: repo_id(), access, standing, promised: None, tuning: Tuning::NONE };
    memory.repos.lock().unwrap().insert(repo_id(), repo);
    let paths = vec![folder.join("files").display().to_string()];
    let plan = PlanSpec {
        id: plan_id(),
        repo: repo_id(),
        paths,
        exclusions: Exclusions::default(),
        dump: None,
        manner: Manner::default(),
        tuning: Tuning::NONE,
    };
    memory.plans.lock().unwrap().insert(plan_id(), plan);
}

impl Machine {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("files")).unwrap();
        std::fs::write(folder.path().join("files/letter"), "dear reader").unwrap();
        let memory = Arc::new(Memory::default());
        furnish(&memory, folder.path(), Standing::Own);
        Self { engine: engine(&memory), folder, memory }
    }

    /// With a file that takes restic several seconds.
    pub(crate) fn with_much_to_save() -> Self {
        let machine = Self::new();
        write_much(machine.folder.path());
        machine
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn locks(&self) -> Vec<String> {
        locks(self.folder.path())
    }

    pub(crate) async fn back_up(&self) -> Operation {
        let id = self.engine.backup(&plan_id()).await.unwrap();
        self.engine.wait(id).await.unwrap()
    }

    pub(crate) fn change_plan(&self, change: impl FnOnce(&mut PlanSpec)) {
        change(self.memory.plans.lock().unwrap().get_mut(&plan_id()).unwrap());
    }

    pub(crate) fn change_repo(&self, change: impl FnOnce(&mut RepoSpec)) {
        change(self.memory.repos.lock().unwrap().get_mut(&repo_id()).unwrap());
    }

    /// restic by hand, on the machine's repository.
    pub(crate) fn restic(&self, arguments: &[&str]) -> std::process::Command {
        restic(self.folder.path(), arguments)
    }
}

pub(crate) fn restic(folder: &Path, arguments: &[&str]) -> std::process::Command {
    let mut command = std::process::Command::new("restic");
    command.args(arguments);
    command.env("RESTIC_PASSWORD", "swordfish").env("RESTIC_REPOSITORY", folder.join("repo"));
    command.env("RESTIC_CACHE_DIR", folder.join("cache"));
    command.stdin(std::process::Stdio::null());
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    command
}

pub(crate) fn locks(folder: &Path) -> Vec<String> {
    let Ok(files) = std::fs::read_dir(folder.join("repo/locks")) else { return Vec::new() };
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    // Half-written ones have a longer name.
    names.filter(|name| name.len() == 64).collect()
}

/// Noise that neither compresses nor repeats.
pub(crate) fn write_much(folder: &Path) {
    use std::io::Read as _;
    let mut noise = std::fs::File::open("/dev/urandom").unwrap().take(500 << 20);
    let mut file = std::fs::File::create(folder.join("files/noise")).unwrap();
    std::io::copy(&mut noise, &mut file).unwrap();
}
