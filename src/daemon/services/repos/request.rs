//! What was asked for, as a repo of the config.
//!
//! Locations and variables are the owner's own text, so `${NAME}` in them stands for a variable of
//! the daemon; a password given as text stands for itself.

use super::super::refuse;
use super::upkeep;
use crate::api::{AddRepoRequest, EditRepoRequest, PasswordSource};
use crate::config::{
    NO_LOCATION, Repo, SecretSource, Template, check_location, redact_uri, tune, tuned_values,
};
use crate::model::Tuning;
use std::collections::BTreeMap;
use tonic::Status;

/// A new repo.
pub(in crate::daemon::services) fn added(request: AddRepoRequest) -> Result<Repo, Status> {
    let id = refuse::field("repo", &request.repo)?;
    let Some(password) = request.password.map(source).transpose()?.flatten() else {
        let remedy = "give a password file, a password command or the password";
        return Err(refuse::invalid("password: a repository needs one", remedy));
    };
    let mut repo = Repo::new(id, location("uri", &request.uri)?, password);
    repo.shared = request.shared;
    // Nobody looks now whether there is one to adopt.
    repo.auto_init = !(request.no_test && request.no_init);
    repo.tuning = tuned(&repo.tuning, &request.tuning)?;
    set_variables(&mut repo, request.env)?;
    set_labels(&mut repo, request.kind, request.place);
    upkeep::set(&mut repo.upkeep, request.upkeep.unwrap_or_default())?;
    with_member(repo, request.member_uri, request.member_password_file)
}

/// A repo that is there, as the form of its editor says it; secrets that are absent stay.
pub(in crate::daemon::services) fn formed(
    before: Repo,
    form: AddRepoRequest,
    env_removed: Vec<String>,
) -> Result<Repo, Status> {
    let auto_init = !(form.no_test && form.no_init);
    let (kind, place) = (form.kind.unwrap_or_default(), form.place.unwrap_or_default());
    let mut repo = Repo { shared: form.shared, auto_init, ..before };
    // The form says all that is tuned.
    repo.tuning = Tuning::NONE;
    edited(
        repo,
        EditRepoRequest {
            repo: form.repo,
            uri: Some(form.uri),
            password: form.password,
            env: form.env,
            env_removed,
            member_uri: Some(form.member_uri.unwrap_or_default()),
            member_password_file: Some(form.member_password_file.unwrap_or_default()),
            tuning: form.tuning,
            upkeep: form.upkeep,
            kind: Some(kind),
            place: Some(place),
            ..EditRepoRequest::default()
        },
    )
}

/// The form that says this repo, but for its secrets.
pub(in crate::daemon::services) fn form(repo: &Repo) -> AddRepoRequest {
    let shown = repo.redacted();
    let text = |template: &Template| template.as_written().to_owned();
    let password = match &shown.password {
        SecretSource::Inline(_) => None,
        SecretSource::File(path) => {
            Some(PasswordSource { file: Some(text(path)), ..PasswordSource::default() })
        }
        SecretSource::Command(command) => {
            Some(PasswordSource { command: Some(command.clone()), ..PasswordSource::default() })
        }
    };
    let env = repo.env.iter().zip(&shown.env).filter(|(own, shown)| own == shown);
    AddRepoRequest {
        repo: repo.id.to_string(),
        uri: text(&shown.uri),
        password,
        env: env.map(|((name, value), _)| (name.clone(), text(value))).collect(),
        shared: repo.shared,
        member_uri: shown.member.uri.as_ref().map(text),
        member_password_file: repo
            .member
            .password
            .as_ref()
            .and_then(|source| source.file())
            .map(str::to_owned),
        no_init: !repo.auto_init,
        no_test: !repo.auto_init,
        tuning: tuning_values(&repo.tuning),
        upkeep: upkeep::document(&repo.upkeep),
        kind: repo.kind.clone(),
        place: repo.place.clone(),
    }
}

/// What is set of how restic is run, by the keys of the config.
pub(in crate::daemon::services) fn tuning_values(tuning: &Tuning) -> BTreeMap<String, String> {
    tuned_values(tuning).into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Absent stays, empty is removed.
fn set_labels(repo: &mut Repo, kind: Option<String>, place: Option<String>) {
    for (label, given) in [(&mut repo.kind, kind), (&mut repo.place, place)] {
        if let Some(given) = given {
            *label = Some(given).filter(|text| !text.is_empty());
        }
    }
}

/// Whether a location is the one that is stored, as it is shown.
fn is_as_shown(stored: &Template, given: &str) -> bool {
    redact_uri(stored.as_written()) == given
}

/// A repo changed; what is absent stays.
pub(in crate::daemon::services) fn edited(
    mut repo: Repo,
    request: EditRepoRequest,
) -> Result<Repo, Status> {
    // Who sends back what was shown, without its credentials, changes nothing.
    if let Some(uri) = request.uri.filter(|given| !is_as_shown(&repo.uri, given)) {
        repo.uri = location("uri", &uri)?;
    }
    if let Some(password) = request.password.map(source).transpose()?.flatten() {
        repo.password = password;
    }
    for name in &request.env_removed {
        let before = repo.env.len();
        repo.env.retain(|(known, _)| known != name);
        if repo.env.len() == before {
            let message = format!("env {name:?}: repo {} has no such variable", repo.id);
            return Err(refuse::invalid(message, "holdfast config show"));
        }
    }
    set_variables(&mut repo, request.env)?;
    set_labels(&mut repo, request.kind, request.place);
    repo.tuning = tuned(&repo.tuning, &request.tuning)?;
    upkeep::set(&mut repo.upkeep, request.upkeep.unwrap_or_default())?;
    with_member(repo, request.member_uri, request.member_password_file)
}

/// How restic is run, with these values set or removed.
pub(in crate::daemon::services) fn tuned(
    tuning: &Tuning,
    values: &BTreeMap<String, String>,
) -> Result<Tuning, Status> {
    let values = values.iter().map(|(key, text)| (key.as_str(), text.as_str()));
    tune(tuning, values)
        .map_err(|wrong| refuse::invalid(wrong, "docs/configuration.md has them all"))
}

/// What members use: absent stays, empty is removed.
pub(super) fn with_member(
    mut repo: Repo,
    uri: Option<String>,
    password_file: Option<String>,
) -> Result<Repo, Status> {
    let is_new =
        |given: &String| repo.member.uri.as_ref().is_none_or(|stored| !is_as_shown(stored, given));
    if let Some(uri) = uri.filter(is_new) {
        repo.member.uri = match uri.as_str() {
            "" => None,
            uri => Some(location("member-uri", uri)?),
        };
    }
    if let Some(file) = password_file {
        repo.member.password = match file.as_str() {
            "" => None,
            file => Some(SecretSource::File(template("member-password-file", file)?)),
        };
    }
    Ok(repo)
}

/// Sorted by name, as the config has them.
fn set_variables(repo: &mut Repo, env: BTreeMap<String, String>) -> Result<(), Status> {
    for (name, value) in env {
        let value = value.parse().map_err(|error| {
            // The value is a secret: it is not repeated.
            refuse::invalid(format!("env {name}: {error}"), "")
        })?;
        repo.env.retain(|(known, _)| *known != name);
        repo.env.push((name, value));
    }
    repo.env.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(())
}

/// Not with the text in the error: a location may carry credentials.
fn template(name: &str, text: &str) -> Result<Template, Status> {
    text.parse().map_err(|error| refuse::invalid(format!("{name}: {error}"), ""))
}

fn location(name: &str, text: &str) -> Result<Template, Status> {
    let uri = template(name, text)?;
    check_location(&uri)
        .map_err(|cure| refuse::invalid(format!("{name}: {NO_LOCATION}"), &cure))?;
    Ok(uri)
}

fn source(given: PasswordSource) -> Result<Option<SecretSource>, Status> {
    match (given.password, given.file, given.command) {
        (None, None, None) => Ok(None),
        (Some(password), None, None) => {
            Ok(Some(SecretSource::Inline(Template::literal(&password))))
        }
        (None, Some(file), None) => Ok(Some(SecretSource::File(template("password-file", &file)?))),
        (None, None, Some(command)) => Ok(Some(SecretSource::Command(command))),
        _ => Err(refuse::invalid("password: more than one source is given", "give one of them")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn request() -> AddRepoRequest {
        AddRepoRequest {
            repo: "vault".to_owned(),
            uri: "/srv".to_owned(),
            password: Some(PasswordSource {
                password: Some("pa${ss".to_owned()),
                ..PasswordSource::default()
            }),
            env: BTreeMap::from([("B".to_owned(), "${KEY}".to_owned())]),
            ..AddRepoRequest::default()
        }
    }

    #[test]
    fn a_password_stands_for_itself_and_a_variable_for_its_value() {
        let repo = added(request()).unwrap();
        assert_eq!(repo.password, SecretSource::Inline("pa$${ss".parse().unwrap()));
        assert_eq!(repo.env, [("B".to_owned(), "${KEY}".parse().unwrap())]);
    }

    #[test]
    fn one_source_of_the_password_is_needed() {
        let none = AddRepoRequest { password: None, ..request() };
        assert!(added(none).is_err());
        let two = PasswordSource {
            password: Some("x".to_owned()),
            file: Some("/x".to_owned()),
            command: None,
        };
        assert!(added(AddRepoRequest { password: Some(two), ..request() }).is_err());
    }

    #[test]
    fn c2_a_refusal_repeats_no_secret() {
        let uri = "rest:https://nas:hunter2@vault/${".to_owned();
        let env = BTreeMap::from([("KEY".to_owned(), "hunter2${".to_owned())]);
        for refused in [
            added(AddRepoRequest { uri, ..request() }).unwrap_err(),
            added(AddRepoRequest { env, ..request() }).unwrap_err(),
        ] {
            assert!(!format!("{refused:?}").contains("hunter2"), "{refused:?}");
        }
    }

    #[test]
    fn an_edit_leaves_alone_what_it_does_not_name() {
        let repo = added(request()).unwrap();
        assert_eq!(edited(repo.clone(), EditRepoRequest::default()).unwrap(), repo);
        let request = EditRepoRequest {
            env: BTreeMap::from([("A".to_owned(), "1".to_owned())]),
            env_removed: vec!["B".to_owned()],
            member_uri: Some("/srv/{instance}".to_owned()),
            ..EditRepoRequest::default()
        };
        let after = edited(repo, request).unwrap();
        assert_eq!(after.env, [("A".to_owned(), "1".parse().unwrap())]);
        assert!(after.member.uri.is_some());
        let cleared = with_member(after.clone(), Some(String::new()), None).unwrap();
        assert_eq!(cleared.member.uri, None);
        let unknown = EditRepoRequest { env_removed: vec!["B".to_owned()], ..Default::default() };
        assert!(edited(after, unknown).is_err());
    }
}
