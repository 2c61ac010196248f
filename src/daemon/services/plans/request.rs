//! What was asked for, as a plan of the config, and a plan as the form of its editor.

use super::super::refuse;
use super::super::repos::request::{tuned, tuning_values};
use super::timed;
use crate::api;
use crate::config::{ByteSize, Plan, Retention, Span, Stdin};
use crate::model::{RepoId, Tuning};
use crate::restic::pattern_fault;
use crate::schedule::{Load, OnlyWhen, Retry, Schedule, WindowError};
use std::time::Duration;
use tonic::Status;

/// A new plan.
pub(in crate::daemon::services) fn added(request: api::AddPlanRequest) -> Result<Plan, Status> {
    let id = refuse::field("plan", &request.plan)?;
    let repo: RepoId = refuse::field("repo", &request.repo)?;
    let stdin = stdin(request.stdin_command, request.stdin_name)?;
    let paths = match stdin {
        Some(_) => request.paths,
        None => paths(request.paths)?,
    };
    Ok(Plan {
        stdin,
        exclude_file: request.exclude_file,
        iexclude_file: request.iexclude_file,
        exclude_caches: request.exclude_caches,
        skip_if_unchanged: request.skip_if_unchanged,
        exclude_larger_than: request.exclude_larger_than.map(ByteSize),
        read_concurrency: request.read_concurrency.map(concurrency).transpose()?.flatten(),
        host: request.host,
        tuning: tuned(&Tuning::NONE, &request.tuning)?,
        exclude: patterns("exclude", request.exclude)?,
        iexclude: patterns("iexclude", request.iexclude)?,
        exclude_if_present: request.exclude_if_present,
        one_file_system: request.one_file_system,
        max_age: request.max_age_s.map(max_age).transpose()?.flatten(),
        retention: request.retention.map(|text| retention(&text)).transpose()?.unwrap_or_default(),
        grace: request.grace_s.map(timed::grace).transpose()?.flatten(),
        schedule: timed::Change {
            schedule: request.schedule,
            time_zone: request.time_zone,
            jitter_s: request.jitter_s,
        }
        .of(&Schedule::Manual)?,
        only_when: request.only_when.map(only_when).transpose()?.unwrap_or_default(),
        retry: request.retry.map(retry).transpose()?.unwrap_or_default(),
        enabled: request.enabled.unwrap_or(true),
        ..Plan::new(id, repo, paths)
    })
}

/// What restic can read: it would give up in the middle of a backup.
fn patterns(field: &str, given: Vec<String>) -> Result<Vec<String>, Status> {
    for pattern in &given {
        if let Some(fault) = pattern_fault(pattern) {
            return Err(refuse::invalid(format!("{field}: {pattern:?}: {fault}"), "correct it"));
        }
    }
    Ok(given)
}

/// What is absent stays.
pub(in crate::daemon::services) fn edited(
    mut plan: Plan,
    request: api::EditPlanRequest,
) -> Result<Plan, Status> {
    if let Some(repo) = request.repo {
        plan.repo = refuse::field("repo", &repo)?;
    }
    if let Some(given) = request.paths {
        plan.paths = paths(given.items)?;
    }
    let lists = [
        (&mut plan.exclude, request.exclude),
        (&mut plan.iexclude, request.iexclude),
        (&mut plan.exclude_file, request.exclude_file),
        (&mut plan.iexclude_file, request.iexclude_file),
        (&mut plan.exclude_if_present, request.exclude_if_present),
    ];
    for (list, given) in lists {
        if let Some(given) = given {
            *list = given.items;
        }
    }
    plan.exclude = patterns("exclude", plan.exclude)?;
    plan.iexclude = patterns("iexclude", plan.iexclude)?;
    plan.one_file_system = request.one_file_system.unwrap_or(plan.one_file_system);
    if let Some(text) = &request.retention {
        plan.retention = retention(text)?;
    }
    if let Some(seconds) = request.max_age_s {
        plan.max_age = max_age(seconds)?;
    }
    if let Some(seconds) = request.grace_s {
        plan.grace = timed::grace(seconds)?;
    }
    let change = timed::Change {
        schedule: request.schedule,
        time_zone: request.time_zone,
        jitter_s: request.jitter_s,
    };
    plan.schedule = change.of(&plan.schedule)?;
    plan.exclude_caches = request.exclude_caches.unwrap_or(plan.exclude_caches);
    plan.skip_if_unchanged = request.skip_if_unchanged.unwrap_or(plan.skip_if_unchanged);
    if let Some(bytes) = request.exclude_larger_than {
        plan.exclude_larger_than = (bytes > 0).then_some(ByteSize(bytes));
    }
    if let Some(files) = request.read_concurrency {
        plan.read_concurrency = concurrency(files)?;
    }
    if let Some(host) = request.host {
        plan.host = (!host.is_empty()).then_some(host);
    }
    plan.tuning = tuned(&plan.tuning, &request.tuning)?;
    if let Some(conditions) = request.only_when {
        plan.only_when = only_when(conditions)?;
    }
    if let Some(given) = request.retry {
        plan.retry = retry(given)?;
    }
    plan.enabled = request.enabled.unwrap_or(plan.enabled);
    Ok(plan)
}

/// A plan that is there, as the whole form says it; what a form has no field for stays.
pub(in crate::daemon::services) fn formed(
    before: Plan,
    form: api::AddPlanRequest,
) -> Result<Plan, Status> {
    // Without paths there is what saves a command's output, which a form cannot change.
    let (stdin_command, stdin_name) = (Vec::new(), None);
    let form = match &before.stdin {
        Some(_) => {
            api::AddPlanRequest { paths: vec!["/".to_owned()], stdin_command, stdin_name, ..form }
        }
        None => form,
    };
    let made = added(form)?;
    let paths = if before.stdin.is_some() { Vec::new() } else { made.paths };
    Ok(Plan { paths, hooks: before.hooks, stdin: before.stdin, ..made })
}

/// The form that says this plan.
pub(in crate::daemon::services) fn form(plan: &Plan) -> api::AddPlanRequest {
    let seconds = |span: Span| span.0.as_secs();
    let jitter = plan.schedule.jitter();
    api::AddPlanRequest {
        plan: plan.id.to_string(),
        repo: plan.repo.to_string(),
        paths: plan.paths.clone(),
        exclude: plan.exclude.clone(),
        iexclude: plan.iexclude.clone(),
        exclude_if_present: plan.exclude_if_present.clone(),
        one_file_system: plan.one_file_system,
        max_age_s: plan.max_age.map(seconds),
        schedule: Some(plan.schedule.to_string()),
        time_zone: plan.schedule.zone().map(ToString::to_string),
        jitter_s: (!jitter.is_zero()).then_some(jitter.as_secs()),
        grace_s: plan.grace.map(seconds),
        exclude_file: plan.exclude_file.clone(),
        iexclude_file: plan.iexclude_file.clone(),
        exclude_caches: plan.exclude_caches,
        skip_if_unchanged: plan.skip_if_unchanged,
        exclude_larger_than: plan.exclude_larger_than.map(|size| size.0),
        read_concurrency: plan.read_concurrency.map(u32::from),
        host: plan.host.clone(),
        tuning: tuning_values(&plan.tuning),
        retention: Some(plan.retention.to_string()),
        only_when: (plan.only_when != OnlyWhen::default()).then(|| conditions(&plan.only_when)),
        retry: (plan.retry != Retry::default()).then_some(api::Retry {
            attempts: plan.retry.attempts,
            wait_s: plan.retry.wait.as_secs(),
        }),
        enabled: Some(plan.enabled),
        stdin_command: plan.stdin.iter().flat_map(|stdin| stdin.argv.clone()).collect(),
        stdin_name: plan.stdin.as_ref().map(|stdin| stdin.name.clone()),
        revision: None,
    }
}

fn conditions(only_when: &OnlyWhen) -> api::OnlyWhen {
    let OnlyWhen { ac_power, unmetered, network, window, load_below, force_after } = only_when;
    api::OnlyWhen {
        ac_power: *ac_power,
        unmetered: *unmetered,
        network: *network,
        window: window.map(|window| window.to_string()),
        load_below: load_below.map(|load| load.to_string()),
        force_after_s: force_after.map(|after| after.as_secs()),
    }
}

fn only_when(given: api::OnlyWhen) -> Result<OnlyWhen, Status> {
    let window = given.window.filter(|text| !text.is_empty()).map(|text| text.parse());
    let window = window.transpose().map_err(|error: WindowError| {
        refuse::invalid(format!("only-when.window: {error}"), "write it like 22:00-06:00")
    })?;
    let load = given.load_below.filter(|text| !text.is_empty());
    Ok(OnlyWhen {
        ac_power: given.ac_power,
        unmetered: given.unmetered,
        network: given.network,
        window,
        load_below: load.map(|text| load_below(&text)).transpose()?,
        force_after: given.force_after_s.filter(|s| *s > 0).map(force_after).transpose()?,
    })
}

fn load_below(text: &str) -> Result<Load, Status> {
    let load: Option<f64> = text.parse().ok().filter(|load| (0.01..=10_000.0).contains(load));
    let wrong = || {
        let message = format!("only-when.load-below {text:?}: it is from 0.01 to 10000");
        refuse::invalid(message, "write it like 1.5")
    };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the range")]
    load.map(|load| Load((load * 100.0).round() as u32)).ok_or_else(wrong)
}

fn force_after(seconds: u64) -> Result<Duration, Status> {
    const YEAR: u64 = 366 * 24 * 3600;
    if (60..=YEAR).contains(&seconds) {
        return Ok(Duration::from_secs(seconds));
    }
    let message = format!("only-when.force-after {seconds}s: it is from one minute to 366 days");
    Err(refuse::invalid(message, "write it like 3d"))
}

fn retry(given: api::Retry) -> Result<Retry, Status> {
    let (attempts, wait) = (given.attempts, Duration::from_secs(given.wait_s));
    if !(1..=Retry::MOST_ATTEMPTS).contains(&attempts) {
        let most = Retry::MOST_ATTEMPTS;
        let message = format!("retry.attempts {attempts}: it is from 1 to {most}");
        return Err(refuse::invalid(message, "1 is never again"));
    }
    if attempts > 1 && !(Duration::from_secs(1)..=Retry::LONGEST).contains(&wait) {
        let (wait, most) = (Span(wait), Span(Retry::LONGEST));
        let message = format!("retry.wait {wait}: it is from one second to {most}");
        return Err(refuse::invalid(message, "write it like 5m"));
    }
    let wait = if attempts == 1 && given.wait_s == 0 { Retry::default().wait } else { wait };
    Ok(Retry { attempts, wait })
}

/// The command whose output is saved. What is wrong with its name the file says.
fn stdin(argv: Vec<String>, name: Option<String>) -> Result<Option<Stdin>, Status> {
    match (argv.is_empty(), name) {
        (false, name) => Ok(Some(Stdin { argv, name: name.unwrap_or_else(|| "stdin".to_owned()) })),
        (true, None) => Ok(None),
        (true, Some(name)) => {
            let message = format!("stdin-name {name:?}: there is no stdin-command");
            Err(refuse::invalid(message, "name the program: --stdin-command pg_dump app"))
        }
    }
}

fn retention(text: &str) -> Result<Retention, Status> {
    text.parse().map_err(|error| refuse::invalid(format!("retention: {error}"), ""))
}

fn paths(given: Vec<String>) -> Result<Vec<String>, Status> {
    if given.is_empty() {
        return Err(refuse::invalid("paths: none are given", "name what to back up: --path PATH"));
    }
    match given.iter().find(|path| !path.starts_with('/')) {
        None => Ok(given),
        Some(path) => {
            let message = format!("paths {path:?}: a path begins with /");
            Err(refuse::invalid(message, "write the whole path"))
        }
    }
}

/// 0 stands for restic's own number.
fn concurrency(files: u32) -> Result<Option<u8>, Status> {
    let wrong = || refuse::invalid(format!("read-concurrency {files}: it is from 1 to 64"), "");
    let files = u8::try_from(files).ok().filter(|files| *files <= 64).ok_or_else(wrong)?;
    Ok((files > 0).then_some(files))
}

/// 0 stands for none.
fn max_age(seconds: u64) -> Result<Option<Span>, Status> {
    const YEARS_100: u64 = 100 * 365 * 24 * 3600;
    match seconds {
        0 => Ok(None),
        60..=YEARS_100 => Ok(Some(Span(Duration::from_secs(seconds)))),
        _ => {
            let message = format!("max-age {seconds}s: it is from one minute to 100 years");
            Err(refuse::invalid(message, "write it like 36h or 7d"))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        let id = "home".parse().unwrap();
        let plan = Plan::new(id, "vault".parse().unwrap(), vec!["/home".to_owned()]);
        Plan { exclude: vec!["*.cache".to_owned()], max_age: max_age(3600).unwrap(), ..plan }
    }

    #[test]
    fn an_edit_leaves_alone_what_it_does_not_name() {
        let request = api::EditPlanRequest::default();
        assert_eq!(edited(plan(), request).unwrap(), plan());
        let list = |items: &[&str]| {
            Some(api::TextList { items: items.iter().map(|text| (*text).to_owned()).collect() })
        };
        let request = api::EditPlanRequest {
            paths: list(&["/etc"]),
            exclude: list(&[]),
            max_age_s: Some(0),
            ..api::EditPlanRequest::default()
        };
        let after = edited(plan(), request).unwrap();
        assert_eq!(
            after,
            Plan { paths: vec!["/etc".to_owned()], exclude: vec![], max_age: None, ..plan() }
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_its_value() {
        let said = |refused: Status| refused.message().to_owned();
        assert!(said(paths(vec!["home".to_owned()]).unwrap_err()).contains("paths \"home\""));
        assert!(said(paths(Vec::new()).unwrap_err()).contains("paths"));
        assert!(said(max_age(59).unwrap_err()).contains("max-age 59s"));
        assert!(max_age(u64::MAX).is_err());
    }
}
