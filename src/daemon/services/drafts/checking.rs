//! A plan or repo as it would be written: every problem at its field, and the TOML.
//!
//! A field that cannot even be read is set aside, so that the problems of the others show as well.

use super::{plans, refuse, repos};
use crate::api::{
    AddPlanRequest, AddRepoRequest, CheckPlanRequest, CheckRepoRequest, CheckedDraft, Error,
    FieldProblem,
};
use crate::config::{Edit, EditError, Problem, Repo};
use crate::daemon::Node;
use crate::daemon::services::revision;
use std::sync::Arc;
use tonic::Status;

/// No form has more fields that can be wrong.
const MOST: usize = 24;
/// Stands for an id that cannot be read, while the other fields are looked at.
const UNNAMED: &str = "unnamed-draft";

/// A refusal as the problem of the field that its message begins with.
pub(super) fn problem(refused: &Status, otherwise: &str) -> FieldProblem {
    let Error { message, remedy, .. } = Error::of_status(refused);
    let known = message.split([':', ' ']).next().unwrap_or_default();
    let is_field =
        !known.is_empty() && known.bytes().all(|b| b.is_ascii_lowercase() || b"-.".contains(&b));
    let field = if is_field { known } else { otherwise }.to_owned();
    let message = message.strip_prefix(&format!("{field}: ")).map(str::to_owned).unwrap_or(message);
    FieldProblem { field, message, remedy }
}

/// A refusal as the problem of this field, whatever its message begins with.
pub(super) fn problem_at(field: &str, refused: &Status) -> FieldProblem {
    let Error { message, remedy, .. } = Error::of_status(refused);
    FieldProblem { field: field.to_owned(), message, remedy }
}

pub(super) async fn plan(
    node: &Arc<Node>,
    request: CheckPlanRequest,
) -> Result<CheckedDraft, Status> {
    let form = request.plan.unwrap_or_default();
    let before = match request.existing {
        true => {
            let id = refuse::field("plan", &form.plan)?;
            let unknown = || refuse::not_found(format!("there is no plan {id}"), "");
            Some(node.config.current().plan(&id).cloned().ok_or_else(unknown)?)
        }
        false => None,
    };
    let (plan, mut problems) = readable(form.clone(), forget_of_plan, |form| match &before {
        Some(before) => plans::request::formed(before.clone(), form),
        None => plans::request::added(form),
    });
    if let Some(before) = &before {
        problems.extend(stale(form.revision.as_deref(), &revision::of_plan(node, before)));
    }
    let Some(plan) = plan else { return Ok(CheckedDraft { problems, toml: String::new() }) };
    let usable = match &before {
        Some(before) => plans::check_change(node, &before.repo, &plan).await,
        None => plans::check(node, &plan).await,
    };
    if !problems.iter().any(|problem| problem.field == "repo")
        && let Err(refused) = usable
    {
        problems.push(problem(&refused, "repo"));
    }
    let toml = plan.show();
    let id = plan.id.to_string();
    let edit = if before.is_some() { Edit::ReplacePlan(plan) } else { Edit::AddPlan(plan) };
    problems.extend(rehearsed(node, edit, ("plan", &id)).await);
    Ok(CheckedDraft { problems: merged(problems), toml })
}

pub(super) async fn repo(
    node: &Arc<Node>,
    request: CheckRepoRequest,
) -> Result<CheckedDraft, Status> {
    let CheckRepoRequest { repo: form, existing, env_removed } = request;
    let form = form.unwrap_or_default();
    let before = if existing { Some(stored(node, &form.repo)?) } else { None };
    let (repo, problems) = readable(form, forget_of_repo, |form| match &before {
        Some(before) => repos::request::formed(before.clone(), form, env_removed.clone()),
        None => repos::request::added(form),
    });
    let Some(repo) = repo else { return Ok(CheckedDraft { problems, toml: String::new() }) };
    let toml = repo.show();
    let id = repo.id.to_string();
    let repo = Box::new(repo);
    let edit = if before.is_some() { Edit::ReplaceRepo(repo) } else { Edit::AddRepo(repo) };
    let found = rehearsed(node, edit, ("repo", &id)).await;
    Ok(CheckedDraft { problems: merged(problems.into_iter().chain(found).collect()), toml })
}

/// The repo that a draft says, secrets that are absent from where they are stored.
pub(super) fn drafted_repo(node: &Node, request: CheckRepoRequest) -> Result<Repo, Status> {
    let form = request.repo.unwrap_or_default();
    match request.existing {
        true => repos::request::formed(stored(node, &form.repo)?, form, request.env_removed),
        false => repos::request::added(form),
    }
}

fn stored(node: &Node, name: &str) -> Result<Repo, Status> {
    let id = refuse::field("repo", name)?;
    let unknown = || refuse::not_found(format!("there is no repo {id} in the config"), "");
    node.config.current().repo(&id).cloned().ok_or_else(unknown)
}

fn stale(given: Option<&str>, now: &str) -> Option<FieldProblem> {
    let is_stale = given.is_some_and(|given| given != now);
    is_stale.then(|| FieldProblem {
        field: String::new(),
        message: "it was changed meanwhile".to_owned(),
        remedy: Some("look at both, field by field".to_owned()),
    })
}

/// What a form says once each field that cannot be read is set aside, and what is wrong with those.
fn readable<F: Clone, T>(
    mut form: F,
    forget: impl Fn(&mut F, &str),
    read: impl Fn(F) -> Result<T, Status>,
) -> (Option<T>, Vec<FieldProblem>) {
    let mut problems: Vec<FieldProblem> = Vec::new();
    while problems.len() < MOST {
        match read(form.clone()) {
            Ok(read) => return (Some(read), problems),
            Err(refused) => {
                let problem = problem(&refused, "");
                // What setting aside does not cure would be found for ever.
                if problems.contains(&problem) {
                    break;
                }
                forget(&mut form, &problem.field);
                problems.push(problem);
            }
        }
    }
    (None, problems)
}

fn forget_of_plan(form: &mut AddPlanRequest, field: &str) {
    match field {
        "plan" => form.plan = UNNAMED.to_owned(),
        "repo" => form.repo = UNNAMED.to_owned(),
        "paths" => form.paths = vec!["/".to_owned()],
        "max-age" => form.max_age_s = None,
        "grace" => form.grace_s = None,
        "exclude" => form.exclude.clear(),
        "iexclude" => form.iexclude.clear(),
        "retention" => form.retention = None,
        "schedule" => form.schedule = None,
        "time-zone" => form.time_zone = None,
        "jitter" => form.jitter_s = None,
        "read-concurrency" => form.read_concurrency = None,
        field if field.starts_with("only-when") => form.only_when = None,
        field if field.starts_with("retry") => form.retry = None,
        _ => form.tuning.clear(),
    }
}

fn forget_of_repo(form: &mut AddRepoRequest, field: &str) {
    match field {
        "repo" => form.repo = UNNAMED.to_owned(),
        "uri" => form.uri = "/".to_owned(),
        "password" | "password-file" => {
            let file = Some("/".to_owned());
            form.password =
                Some(crate::api::PasswordSource { file, password: None, command: None });
        }
        "env" => form.env.clear(),
        "member-uri" => form.member_uri = None,
        "member-password-file" => form.member_password_file = None,
        "forget" | "forget-schedule" | "prune" | "max-unused" | "check" | "read-data" | "stats"
        | "parallel" | "lock-wait" | "lock-alarm" | "retry-attempts" | "retry-wait" => {
            form.upkeep = None;
        }
        _ => form.tuning.clear(),
    }
}

/// What the file would say to this edit.
async fn rehearsed(node: &Arc<Node>, edit: Edit, named: (&'static str, &str)) -> Vec<FieldProblem> {
    match node.rehearse(vec![edit]).await {
        Ok(()) => Vec::new(),
        Err(EditError::Invalid(problems)) => {
            problems.0.iter().map(|problem| at_field(problem, named)).collect()
        }
        Err(error @ EditError::Exists { .. }) => {
            vec![FieldProblem { field: "id".to_owned(), message: error.to_string(), remedy: None }]
        }
        Err(error) => vec![FieldProblem { message: error.to_string(), ..FieldProblem::default() }],
    }
}

/// `plan[home].paths[0]` is at `paths`; what is elsewhere in the file is at no field.
fn at_field(problem: &Problem, (kind, id): (&str, &str)) -> FieldProblem {
    let own = format!("{kind}[{id}].");
    let nested = |rest: &str| {
        let end = rest.find('[').unwrap_or(rest.len());
        rest[..end].to_owned()
    };
    let field = problem.key.strip_prefix(&own).map(nested);
    let Problem { message, suggestion, .. } = problem;
    match field {
        Some(field) => FieldProblem { field, message: message.clone(), remedy: suggestion.clone() },
        None => FieldProblem {
            field: String::new(),
            message: format!("the configuration file: {problem}"),
            remedy: None,
        },
    }
}

/// Each once.
fn merged(problems: Vec<FieldProblem>) -> Vec<FieldProblem> {
    let mut told: Vec<FieldProblem> = Vec::new();
    for problem in problems {
        if !told.contains(&problem) {
            told.push(problem);
        }
    }
    told
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_field_that_cannot_be_read_is_told_at_once() {
        let form = AddPlanRequest {
            plan: "Ho me".to_owned(),
            repo: "vault".to_owned(),
            paths: vec!["home".to_owned()],
            schedule: Some("hourly".to_owned()),
            retention: Some("daily=0".to_owned()),
            max_age_s: Some(1),
            ..AddPlanRequest::default()
        };
        let (plan, problems) = readable(form, forget_of_plan, plans::request::added);
        let fields: Vec<_> = problems.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(plan.unwrap().repo.as_str(), "vault");
        for field in ["plan", "paths", "schedule", "retention", "max-age"] {
            assert!(fields.contains(&field), "{field}: {fields:?}");
        }
        assert_eq!(fields.len(), 5);
    }

    #[test]
    fn a_problem_of_the_file_is_at_its_field() {
        let at = |key: &str| {
            let (message, suggestion) = ("this is no name".to_owned(), None);
            let problem = Problem { line: 3, column: 1, key: key.to_owned(), message, suggestion };
            at_field(&problem, ("plan", "home")).field
        };
        assert_eq!(at("plan[home].host"), "host");
        assert_eq!(at("plan[home].paths[2]"), "paths");
        assert_eq!(at("plan[home].only-when.window"), "only-when.window");
        assert_eq!(at("plan[other].host"), "");
    }
}
