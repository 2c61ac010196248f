//! What a plan would save, and what each of its exclusions leaves out, by looking at every file.
//!
//! 1. Looking changes nothing, follows no link and opens no file but those that mark a folder or have
//!    patterns in them, of which nothing is told.
//! 2. It ends with whoever asked, after [`LONGEST`], or after [`MOST`] files; it then says so. Where a disk does
//!    not answer at all, whoever asked is told after that time; what hangs there keeps its turn, so that no
//!    more than [`TURNS`] threads ever do.
//! 3. What is left out is looked at too: it is what the exclusion saves.

use super::{plans, refuse};
use crate::api::{Amount, Measured, MeasuredPattern};
use crate::config::Plan;
use crate::daemon::ports::exclusions;
use crate::daemon::services::stream::{Outlet, Stop};
use crate::restic::{FileSystems, Sieve, SieveError, clean};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio::time::{sleep, timeout};
use tonic::Status;
use walkdir::{DirEntry, WalkDir};

/// Of one question.
const LONGEST: Duration = Duration::from_secs(120);
/// Files and folders of one question.
const MOST: u64 = 10_000_000;
/// How often what is known so far is told.
const TOLD_EVERY: Duration = Duration::from_millis(250);
/// So many files are looked at between two looks at the clock.
const STEP: u64 = 256;
/// Folders that are held open at a time.
const OPEN: usize = 16;
/// How many look at a time: a disk is not faster for more of them.
const TURNS: usize = 2;
static TURN: Semaphore = Semaphore::const_new(TURNS);
/// So long another one is waited for.
const TURN_WAIT: Duration = Duration::from_secs(10);
/// Of one plan.
const MOST_PATHS: usize = 1_000;

pub(super) fn drafted(request: crate::api::MeasureRequest) -> Result<Plan, Status> {
    let form = request.plan.unwrap_or_default();
    // Of the plan only this is looked at: the rest of a form may still be unfinished.
    plans::request::added(crate::api::AddPlanRequest {
        plan: "draft".to_owned(),
        repo: "draft".to_owned(),
        paths: form.paths,
        exclude: form.exclude,
        iexclude: form.iexclude,
        exclude_file: form.exclude_file,
        iexclude_file: form.iexclude_file,
        exclude_if_present: form.exclude_if_present,
        exclude_caches: form.exclude_caches,
        exclude_larger_than: form.exclude_larger_than,
        one_file_system: form.one_file_system,
        ..crate::api::AddPlanRequest::default()
    })
}

pub(super) async fn measure(plan: Plan, outlet: Outlet<Measured>) -> Result<(), Stop> {
    if plan.paths.len() > MOST_PATHS {
        let message =
            format!("paths: there are {}; at most {MOST_PATHS} are counted", plan.paths.len());
        return Err(refuse::invalid(message, "name the folder that they are in").into());
    }
    let turn = turn().await?;
    let (told, mut known) = watch::channel(Measured::default());
    let looking = tokio::task::spawn_blocking(move || look(&plan, told, turn));
    let told = async {
        while known.changed().await.is_ok() {
            let now = known.borrow_and_update().clone();
            outlet.send(now).await?;
            sleep(TOLD_EVERY).await;
        }
        Ok::<_, Stop>(())
    };
    match timeout(LONGEST + TURN_WAIT, told).await {
        Ok(told) => told?,
        Err(_) => {
            let so_far = known.borrow().clone();
            return outlet.send(Measured { done: true, cut: true, ..so_far }).await;
        }
    }
    let end = looking.await.map_err(|error| Status::internal(error.to_string()))?;
    outlet.send(end.map_err(|error| unusable(&error))?).await
}

async fn turn() -> Result<SemaphorePermit<'static>, Stop> {
    match timeout(TURN_WAIT, TURN.acquire()).await {
        Ok(turn) => turn.map_err(|_| Stop::Unheard),
        Err(_) => {
            let message = "other plans are being counted, or a disk does not answer";
            Err(refuse::not_now("busy", message, "try it again later; a run is not held up").into())
        }
    }
}

/// The turn is over when this is, whoever still listens.
fn look(
    plan: &Plan,
    told: watch::Sender<Measured>,
    _turn: SemaphorePermit<'static>,
) -> Result<Measured, SieveError> {
    let exclusions = exclusions(plan);
    let sieve = Sieve::of(&exclusions)?;
    Ok(Look::new(&plan.paths, sieve, exclusions.file_systems, told).all())
}

fn unusable(error: &SieveError) -> Status {
    let remedy = match error {
        SieveError::Unread { .. } => "name a file that the daemon's user may read",
        SieveError::Malformed { .. } | SieveError::TooMany(_) => "correct it",
    };
    refuse::invalid(error.to_string(), remedy)
}

/// One look at everything below the paths of a plan.
struct Look {
    paths: Vec<String>,
    one_file_system: bool,
    sieve: Sieve,
    found: Measured,
    told: watch::Sender<Measured>,
    cache: Option<PathBuf>,
    began: Instant,
    seen: u64,
}

/// Below it everything is left out.
struct LeftOut {
    /// Of the folder, below the path; none: of one above it.
    depth: Option<usize>,
    by: By,
}

/// What leaves it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Pattern(usize),
    /// A file that marks the folder, and is itself saved.
    Tag,
    Size,
    /// restic's own cache never is saved.
    Cache,
}

impl Look {
    fn new(
        paths: &[String],
        sieve: Sieve,
        file_systems: FileSystems,
        told: watch::Sender<Measured>,
    ) -> Self {
        let patterns = sieve.patterns().iter().map(|pattern| MeasuredPattern {
            pattern: pattern.text.clone(),
            any_case: pattern.any_case,
            amount: Some(Amount::default()),
            ..MeasuredPattern::default()
        });
        let found = Measured {
            saved: Some(Amount::default()),
            left_out: Some(Amount::default()),
            patterns: patterns.collect(),
            ..Measured::default()
        };
        let one_file_system = file_systems == FileSystems::One;
        let paths = paths.iter().map(|path| clean(path)).collect();
        let paths = outermost(paths, &sieve, one_file_system);
        Self {
            paths,
            one_file_system,
            sieve,
            found,
            told,
            cache: cache(),
            began: Instant::now(),
            seen: 0,
        }
    }

    fn all(mut self) -> Measured {
        for path in std::mem::take(&mut self.paths) {
            if !self.below(Path::new(&path)) {
                self.found.cut = true;
                break;
            }
        }
        self.found.done = true;
        self.found
    }

    /// False where it has to end before its end.
    fn below(&mut self, path: &Path) -> bool {
        let walk = WalkDir::new(path)
            .follow_root_links(false)
            .max_open(OPEN)
            .same_file_system(self.one_file_system);
        let is_tagged = path.parent().is_some_and(|above| self.sieve.is_tagged(above));
        let mut out = is_tagged.then_some(LeftOut { depth: None, by: By::Tag });
        for entry in walk {
            if !self.goes_on() {
                return false;
            }
            let depth = entry.as_ref().map_or_else(walkdir::Error::depth, DirEntry::depth);
            out = out.filter(|out| out.depth.is_none_or(|above| depth > above));
            match entry {
                Ok(entry) => self.take(&entry, &mut out),
                // What is left out need not be read.
                Err(_) => self.found.unreadable += u64::from(out.is_none()),
            }
        }
        true
    }

    fn take(&mut self, entry: &DirEntry, out: &mut Option<LeftOut>) {
        let is_file = entry.file_type().is_file();
        let bytes = match entry.metadata() {
            Ok(about) if is_file => about.len(),
            Ok(_) => 0,
            Err(_) => return self.found.unreadable += u64::from(out.is_none()),
        };
        let above = out.as_ref().filter(|out| !self.is_its_tag(entry, out)).map(|out| out.by);
        let left_out = above.or_else(|| self.left_out(entry, bytes));
        if entry.file_type().is_dir() && out.is_none() {
            let by = left_out.or_else(|| self.sieve.is_tagged(entry.path()).then_some(By::Tag));
            *out = by.map(|by| LeftOut { depth: Some(entry.depth()), by });
        }
        // As restic counts: links and pipes are no files.
        if is_file {
            self.count(left_out, bytes);
        }
    }

    fn left_out(&mut self, entry: &DirEntry, bytes: u64) -> Option<By> {
        if self.cache.as_deref() == Some(entry.path()) {
            return Some(By::Cache);
        }
        let path = entry.path().to_string_lossy();
        let Some(by) = self.sieve.left_out_by(&path) else {
            return self.sieve.is_too_large(bytes).then_some(By::Size);
        };
        if let Some(pattern) = self.found.patterns.get_mut(by) {
            pattern.matches += 1;
            pattern.example.get_or_insert_with(|| path.into_owned());
        }
        Some(By::Pattern(by))
    }

    /// Whether it is a file that marks the folder in which everything else is left out.
    fn is_its_tag(&self, entry: &DirEntry, out: &LeftOut) -> bool {
        let in_it = out.depth.map_or(0, |depth| depth + 1);
        out.by == By::Tag && entry.depth() == in_it && self.sieve.is_tag(entry.file_name())
    }

    fn count(&mut self, left_out: Option<By>, bytes: u64) {
        let add = |amount: &mut Option<Amount>| {
            let amount = amount.get_or_insert_default();
            amount.files += 1;
            amount.bytes += bytes;
        };
        let Some(by) = left_out else { return add(&mut self.found.saved) };
        add(&mut self.found.left_out);
        if let By::Pattern(by) = by
            && let Some(pattern) = self.found.patterns.get_mut(by)
        {
            add(&mut pattern.amount);
        }
    }

    fn goes_on(&mut self) -> bool {
        self.seen += 1;
        if !self.seen.is_multiple_of(STEP) {
            return true;
        }
        // Who asked takes the newest whenever they come to it.
        self.told.send(self.found.clone()).is_ok()
            && self.seen < MOST
            && self.began.elapsed() < LONGEST
    }
}

/// What is in another one is looked at with that; by itself where that would not come to it: on another
/// file system, or in a folder that is left out while the path is not.
fn outermost(paths: Vec<String>, sieve: &Sieve, one_file_system: bool) -> Vec<String> {
    let mut sorted = paths;
    sorted.sort();
    sorted.dedup();
    let mut outer: Vec<String> = Vec::new();
    for path in sorted {
        let above = outer.iter().rev().find(|above| Path::new(&path).starts_with(above));
        let comes = |above: &String| {
            let between = Path::new(&path).ancestors().skip(1);
            let mut between = between.take_while(|folder| folder.starts_with(above));
            let is_out = |folder: &str| sieve.left_out_by(folder).is_some();
            let is_stopped = !is_out(&path) && between.any(|one| is_out(&one.to_string_lossy()));
            !(is_stopped || one_file_system && device(above) != device(&path))
        };
        if !above.is_some_and(comes) {
            outer.push(path);
        }
    }
    outer
}

fn device(path: &str) -> Option<u64> {
    std::fs::symlink_metadata(path).ok().map(|about| about.dev())
}

/// Where restic keeps its cache, by the environment that it gets from this process.
fn cache() -> Option<PathBuf> {
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let below = |name: &str, rest: &str| named(name).map(|base| PathBuf::from(base).join(rest));
    named("RESTIC_CACHE_DIR")
        .map(PathBuf::from)
        .or_else(|| below("XDG_CACHE_HOME", "restic"))
        .or_else(|| below("HOME", ".cache/restic"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::restic::Exclusions;
    use std::fs;

    #[test]
    fn a_path_within_another_is_looked_at_once() {
        let outermost = |exclude: &[&str]| {
            let said = ["/home", "/home/ada/keep", "/homes", "/srv/x", "/srv"];
            let exclude = exclude.iter().map(|&text| text.to_owned()).collect();
            let sieve = Sieve::of(&Exclusions { exclude, ..Exclusions::default() }).unwrap();
            outermost(said.map(str::to_owned).to_vec(), &sieve, false)
        };
        assert_eq!(outermost(&[]), ["/home", "/homes", "/srv"]);
        assert_eq!(outermost(&["keep"]), ["/home", "/homes", "/srv"]);
        // As restic does: what is named is taken in again, though its folder is not looked into.
        let kept = ["/home", "/home/ada/keep", "/homes", "/srv"];
        assert_eq!(outermost(&["ada", "!ada/keep"]), kept);
    }

    #[test]
    fn who_has_gone_is_looked_for_no_longer() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..2 * STEP {
            fs::write(folder.path().join(number.to_string()), "x").unwrap();
        }
        let path = folder.path().to_str().unwrap().to_owned();
        let form = crate::api::AddPlanRequest { paths: vec![path], ..Default::default() };
        let plan = drafted(crate::api::MeasureRequest { plan: Some(form) }).unwrap();
        let sieve = || Sieve::of(&exclusions(&plan)).unwrap();
        let (told, known) = watch::channel(Measured::default());
        let found = Look::new(&plan.paths, sieve(), FileSystems::All, told).all();
        assert!(found.done && !found.cut);
        assert_eq!(found.saved.unwrap().files, 2 * STEP);
        drop(known);
        let (told, gone) = watch::channel(Measured::default());
        drop(gone);
        let found = Look::new(&plan.paths, sieve(), FileSystems::All, told).all();
        assert!(found.cut && found.saved.unwrap().files < STEP);
    }
}
