//! What a plan would save, and what each of its exclusions leaves out, by looking at every file.
//!
//! 1. Looking changes nothing, follows no link and opens no file but those that mark a folder.
//! 2. It ends with whoever asked, after [`LONGEST`], or after [`MOST`] files; it then says so.
//! 3. What is left out is looked at too: it is what the exclusion saves.

use super::{plans, refuse};
use crate::api::{Amount, Measured, MeasuredPattern};
use crate::config::Plan;
use crate::daemon::ports::exclusions;
use crate::daemon::services::stream::{Outlet, Stop};
use crate::restic::{FileSystems, Sieve};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, watch};
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
/// Others wait: a disk is not faster for more of them.
static TURN: Semaphore = Semaphore::const_new(2);

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
    let _turn = TURN.acquire().await.map_err(|_| Stop::Unheard)?;
    let sieve = super::super::blocking({
        let exclusions = exclusions(&plan);
        move || Sieve::of(&exclusions).map_err(|error| unread(&error))
    })
    .await?;
    let (told, mut known) = watch::channel(Measured::default());
    let looking = tokio::task::spawn_blocking(move || Look::new(&plan, sieve, told).all());
    while known.changed().await.is_ok() {
        let now = known.borrow_and_update().clone();
        outlet.send(now).await?;
        tokio::time::sleep(TOLD_EVERY).await;
    }
    // It ends with an error only where it panicked; what was told stands.
    let end = looking.await.map_err(|_| Stop::Unheard)?;
    outlet.send(end).await
}

fn unread(error: &std::io::Error) -> Status {
    refuse::invalid(
        format!("exclude-file: it cannot be read: {error}"),
        "name a file that the daemon's user may read",
    )
}

/// One look at everything below the paths of a plan.
struct Look {
    paths: Vec<String>,
    one_file_system: bool,
    sieve: Sieve,
    found: Measured,
    told: watch::Sender<Measured>,
    began: Instant,
    seen: u64,
}

/// Below it everything is left out.
struct LeftOut {
    depth: usize,
    /// Of the patterns; none: by a file that marks the folder.
    by: Option<usize>,
    /// The file that marks it, which is saved.
    tag: Option<String>,
}

impl Look {
    fn new(plan: &Plan, sieve: Sieve, told: watch::Sender<Measured>) -> Self {
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
        let one_file_system = exclusions(plan).file_systems == FileSystems::One;
        let paths = outermost(&plan.paths);
        Self { paths, one_file_system, sieve, found, told, began: Instant::now(), seen: 0 }
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
        let walk = WalkDir::new(path).max_open(OPEN).same_file_system(self.one_file_system);
        let mut out: Option<LeftOut> = None;
        for entry in walk {
            if !self.goes_on() {
                return false;
            }
            match entry {
                Ok(entry) => {
                    out = out.filter(|out| entry.depth() > out.depth);
                    self.take(&entry, &mut out);
                }
                Err(_) => self.found.unreadable += 1,
            }
        }
        true
    }

    fn take(&mut self, entry: &DirEntry, out: &mut Option<LeftOut>) {
        let is_folder = entry.file_type().is_dir();
        let bytes = match entry.file_type().is_file() {
            true => entry.metadata().map_or(0, |file| file.len()),
            false => 0,
        };
        let by_above = out.as_ref().filter(|out| !is_tag(entry, out)).map(|out| out.by);
        let left_out = by_above.or_else(|| {
            let by = self.matched(entry);
            if is_folder {
                *out = self.folder_out(entry, by);
            }
            by.map(Some).or_else(|| self.sieve.is_too_large(bytes).then_some(None))
        });
        // As restic counts: links and pipes are no files.
        if entry.file_type().is_file() {
            self.count(left_out, bytes);
        }
    }

    /// The pattern that leaves it out.
    fn matched(&mut self, entry: &DirEntry) -> Option<usize> {
        let path = entry.path().to_string_lossy();
        let by = self.sieve.left_out_by(&path)?;
        let pattern = self.found.patterns.get_mut(by)?;
        pattern.matches += 1;
        pattern.example.get_or_insert_with(|| path.into_owned());
        Some(by)
    }

    fn folder_out(&self, folder: &DirEntry, by: Option<usize>) -> Option<LeftOut> {
        let depth = folder.depth();
        if by.is_some() {
            return Some(LeftOut { depth, by, tag: None });
        }
        let tag = self.sieve.tag_in(folder.path())?.to_owned();
        Some(LeftOut { depth, by: None, tag: Some(tag) })
    }

    fn count(&mut self, left_out: Option<Option<usize>>, bytes: u64) {
        let add = |amount: &mut Option<Amount>| {
            let amount = amount.get_or_insert_default();
            amount.files += 1;
            amount.bytes += bytes;
        };
        let Some(by) = left_out else { return add(&mut self.found.saved) };
        add(&mut self.found.left_out);
        if let Some(pattern) = by.and_then(|by| self.found.patterns.get_mut(by)) {
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

fn is_tag(entry: &DirEntry, out: &LeftOut) -> bool {
    entry.depth() == out.depth + 1 && out.tag.as_deref().is_some_and(|tag| entry.file_name() == tag)
}

/// What is in another one is looked at with that.
fn outermost(paths: &[String]) -> Vec<String> {
    let mut sorted = paths.to_vec();
    sorted.sort();
    let mut outer: Vec<String> = Vec::new();
    for path in sorted {
        if !outer.iter().any(|above| Path::new(&path).starts_with(above)) {
            outer.push(path);
        }
    }
    outer
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_path_within_another_is_looked_at_once() {
        let said = ["/home", "/home/ada", "/homes", "/srv/x", "/srv"].map(str::to_owned);
        assert_eq!(outermost(&said), ["/home", "/homes", "/srv"]);
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
        let found = Look::new(&plan, sieve(), told).all();
        assert!(found.done && !found.cut);
        assert_eq!(found.saved.unwrap().files, 2 * STEP);
        drop(known);
        let (told, gone) = watch::channel(Measured::default());
        drop(gone);
        let found = Look::new(&plan, sieve(), told).all();
        assert!(found.cut && found.saved.unwrap().files < STEP);
    }
}
