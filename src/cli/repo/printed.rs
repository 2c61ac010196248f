//! What is printed of repos.

use super::super::{Output, words};
use super::Added;
use crate::api::{RemovedReceived, RemovedRepo, Repo, RepoMember, UpkeepSettings};
use crate::clock;
use crate::model::Timestamp;

pub(super) fn added(added: &Added) -> String {
    let repo = shown(&added.repo, clock::now());
    match &added.password {
        Some(password) => format!("{repo}\n\n{}", kept_safe(&added.repo.id, password)),
        None => repo,
    }
}

pub(super) fn kept_safe(repo: &str, password: &str) -> String {
    format!(
        "password    {password}\n\
         Write it down and keep it somewhere else: without it nothing can be restored.\n\
         Shown again on this machine by: holdfast repo show {repo} --password"
    )
}

/// `owner`: its name, where one is known.
pub(super) fn parted(removed: &RemovedRepo, owner: Option<&str>) -> String {
    let mut lines = vec![format!("{} is removed here; its snapshots stay", removed.repo)];
    let plans = removed.disabled_plans.join(", ");
    lines.extend((!plans.is_empty()).then(|| format!("these plans no longer run: {plans}")));
    let kept = removed.kept_in.as_ref().zip(removed.kept_until.as_ref());
    lines.extend(kept.map(|(file, until)| {
        format!("its part of the config, with a password that stands there, is kept until {until}: {file}")
    }));
    let owner = removed.origin.as_deref().map(|key| owner.unwrap_or(key));
    let again = |peer| format!("take it again: holdfast repo add {} --from {peer}", removed.repo);
    lines.extend(owner.map(again));
    lines.join("\n")
}

/// One of a peer that can be taken again.
pub(super) fn removed_here(removed: &RemovedReceived) -> String {
    let RemovedReceived { repo, origin_instance: owner, .. } = removed;
    format!(
        "- {repo} of {owner}: removed here, taken again by holdfast repo add {repo} --from {owner}"
    )
}

pub(crate) fn listed(output: Output, repos: &[Repo], now: Timestamp) -> String {
    if repos.is_empty() {
        return "no repos yet: holdfast repo add ID URI --password-file FILE".to_owned();
    }
    let row = |repo: &Repo| {
        [
            repo.id.clone(),
            words::marked(&repo.state, &repo.state),
            sharing(repo),
            whereabouts(repo).to_owned(),
            repo.size
                .as_ref()
                .map_or_else(|| "–".to_owned(), |size| words::bytes(size.stored_bytes)),
            words::maybe_relative(repo.last_check.as_deref(), now),
        ]
    };
    let header = ["repo", "state", "sharing", "where", "size", "last check"];
    output.table(header, repos.iter().map(row))
}

/// What may not be used as it came has no location here.
fn whereabouts(repo: &Repo) -> &str {
    repo.uri.as_deref().unwrap_or("–")
}

fn sharing(repo: &Repo) -> String {
    match (&repo.origin, repo.shared) {
        (Some(origin), _) => format!("from {}", repo.origin_instance.as_ref().unwrap_or(origin)),
        (None, true) => "shared".to_owned(),
        (None, false) => "not shared".to_owned(),
    }
}

pub(super) fn shown(repo: &Repo, now: Timestamp) -> String {
    let mut lines = vec![
        format!("{}  {}", repo.id, words::marked(&repo.state, &repo.state)),
        format!("where       {}", whereabouts(repo)),
        format!("sharing     {}", sharing(repo)),
        format!("guid        {}", repo.guid.as_deref().unwrap_or("not known yet")),
    ];
    lines.extend(repo.kind.as_ref().map(|kind| format!("kind        {kind}")));
    lines.extend(repo.place.as_ref().map(|place| format!("place       {place}")));
    lines.extend(repo.size.as_ref().map(|size| {
        let (stored, at) = (words::bytes(size.stored_bytes), words::relative(&size.at, now));
        format!("size        {stored} stored, measured {at}")
    }));
    let read_only =
        repo.read_only.then_some("read-only here: its owner prunes, checks and forgets");
    lines.extend(read_only.map(ToOwned::to_owned));
    lines.extend(repo.conflict.as_ref().map(|text| format!("conflict    {text}")));
    lines.extend(repo.reason.as_ref().map(|text| format!("because     {text}")));
    lines.extend(repo.locked_by.as_ref().map(|who| format!("locked by   {who}")));
    lines.extend(
        repo.last_check.as_ref().map(|at| format!("last check  {}", words::relative(at, now))),
    );
    lines.extend(
        repo.last_prune.as_ref().map(|at| format!("last prune  {}", words::relative(at, now))),
    );
    let next = [
        ("forget", &repo.next_forget),
        ("prune ", &repo.next_prune),
        ("check ", &repo.next_check),
        ("stats ", &repo.next_stats),
    ];
    let due = next.into_iter().filter_map(|(what, at)| Some((what, at.as_deref()?)));
    lines.extend(due.map(|(what, at)| format!("next {what} {}", words::due(at, now))));
    lines.extend(repo.upkeep.iter().flat_map(kept));
    lines.extend(repo.members.iter().map(member));
    let dropped = if repo.origin.is_some() { "not taken" } else { "not sent " };
    lines.extend(
        repo.dropped.iter().map(|drop| format!("{dropped}   {}: {}", drop.field, drop.reason)),
    );
    lines.join("\n")
}

fn member(member: &RepoMember) -> String {
    let more = member.reason.iter().chain(&member.dropped);
    let more = more.map(|text| format!("; {text}")).collect::<String>();
    format!("member      {} {}{more}", member.instance, member.state)
}

/// How it is kept in order, in a few lines.
fn kept(upkeep: &UpkeepSettings) -> Vec<String> {
    let line = |name: &str, when: &Option<String>, what: &Option<String>| {
        let when = when.as_ref()?;
        let what = what.as_ref().map(|what| format!(", {what}")).unwrap_or_default();
        Some(format!("{name:<12}{when}{what}"))
    };
    [
        line("forget", &upkeep.forget_schedule, &upkeep.forget),
        line("prune", &upkeep.prune_schedule, &upkeep.max_unused),
        line("check", &upkeep.check_schedule, &upkeep.read_data),
        line("stats", &upkeep.stats_schedule, &None),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::DroppedField;

    #[test]
    fn a_received_repo_names_its_owner_and_what_was_not_taken() {
        let repo = Repo {
            id: "vault".to_owned(),
            state: "ready".to_owned(),
            uri: Some("rest:https://vault.example/".to_owned()),
            origin: Some("ed25519.x".to_owned()),
            origin_instance: Some("hub".to_owned()),
            read_only: true,
            dropped: vec![DroppedField {
                field: "env RESTIC_PASSWORD_COMMAND".to_owned(),
                reason: "a peer may not name a command".to_owned(),
            }],
            ..Repo::default()
        };
        let text = shown(&repo, Timestamp::EPOCH);
        assert!(text.contains("sharing     from hub"), "{text}");
        assert!(text.contains("read-only here"), "{text}");
        assert!(
            text.ends_with(
                "not taken   env RESTIC_PASSWORD_COMMAND: a peer may not name a command"
            )
        );
    }

    #[test]
    fn a_received_repo_that_was_removed_can_be_taken_again() {
        let removed = RemovedRepo {
            repo: "vault".to_owned(),
            origin: Some("ed25519.x".to_owned()),
            disabled_plans: vec!["home".to_owned()],
            ..RemovedRepo::default()
        };
        let text = parted(&removed, None);
        assert_eq!(
            text,
            "vault is removed here; its snapshots stay\nthese plans no longer run: home\n\
             take it again: holdfast repo add vault --from ed25519.x"
        );
        assert!(parted(&removed, Some("hub")).ends_with("holdfast repo add vault --from hub"));
    }

    #[test]
    fn an_owner_sees_how_it_stands_with_its_members() {
        let member = |state: &str, reason: Option<&str>| RepoMember {
            instance: "laptop".to_owned(),
            state: state.to_owned(),
            reason: reason.map(ToOwned::to_owned),
            ..RepoMember::default()
        };
        let members = vec![member("taken", None), member("refused", Some("not an allowed path"))];
        let repo = Repo { id: "vault".to_owned(), members, ..Repo::default() };
        let text = shown(&repo, Timestamp::EPOCH);
        assert!(text.contains("\nmember      laptop taken\n"), "{text}");
        assert!(text.ends_with("\nmember      laptop refused; not an allowed path"), "{text}");
    }

    #[test]
    fn an_owner_sees_what_members_are_not_sent() {
        let dropped = DroppedField {
            field: "env AWS_ACCESS_KEY_ID".to_owned(),
            reason: "members have member-uri or member-env instead".to_owned(),
        };
        let repo = Repo { id: "vault".to_owned(), dropped: vec![dropped], ..Repo::default() };
        let text = shown(&repo, Timestamp::EPOCH);
        assert!(text.contains("\nnot sent    env AWS_ACCESS_KEY_ID: members have"), "{text}");
    }

    #[test]
    fn upkeep_whose_time_is_past_is_due() {
        let repo = Repo {
            next_prune: Some("1970-01-01T00:00:00.000Z".to_owned()),
            next_check: Some("1970-01-01T00:16:00.000Z".to_owned()),
            ..Repo::default()
        };
        let text = shown(&repo, Timestamp::from_millis(480_000));
        assert!(text.contains("\nnext prune  due\nnext check  in 8 min"), "{text}");
    }

    #[test]
    fn no_repos_says_the_next_step() {
        assert!(listed(Output::plain(), &[], Timestamp::EPOCH).contains("holdfast repo add"));
    }
}
