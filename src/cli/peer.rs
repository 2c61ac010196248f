//! `holdfast peer`.

use super::{Client, Context, Exit, Failure, Output, elsewhere, parse, words};
use crate::api::peer_service_client::PeerServiceClient;
use crate::api::{
    AllowedPeer, EditPeerRequest, GetIdentityRequest, GrantRequest, ListPeersRequest, Peer,
    PeerRequest, PeerTest, RefusedApplicant, RemovedKey, RenamePeerRequest, RevokeRequest,
    TextList, Verification,
};
use crate::clock;
use crate::grant::Permission;
use crate::model::Timestamp;
use crate::pairing::PeerUrl;
use tonic::transport::Channel;

/// The instances this one is paired with
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Example:\n  holdfast peer list\n  holdfast peer test nas")]
pub(crate) enum Command {
    /// List all peers and how the link to each is
    #[command(after_help = "Example:\n  holdfast peer list")]
    List,
    /// Show one peer: link, grants both ways, what is held of its history
    #[command(after_help = "Example:\n  holdfast peer show nas")]
    Show(Named),
    Edit(Edit),
    /// Set this machine's own label for a peer; an empty one removes it
    #[command(after_help = "Example:\n  holdfast peer rename nas 'NAS in the cellar'")]
    Rename {
        #[command(flatten)]
        named: Named,
        /// The label
        label: String,
    },
    /// Let a peer do more here; unites with what it may do already
    #[command(after_help = "Example:\n  holdfast peer grant hub 'read-operations=*,!repo:private'")]
    Grant {
        #[command(flatten)]
        named: Named,
        /// PERM[=SCOPE,..]
        #[arg(required = true, value_name = "GRANT", value_parser = parse::grant)]
        grants: Vec<crate::api::Grant>,
    },
    /// Take permissions away from a peer, at once
    #[command(after_help = "Example:\n  holdfast peer revoke hub read-operations")]
    Revoke {
        #[command(flatten)]
        named: Named,
        /// The permissions, without scopes
        #[arg(required = true, value_name = "PERM", value_parser = permission)]
        permissions: Vec<Permission>,
    },
    /// Part from a peer: its history stays, its key is refused from now on
    #[command(after_help = "Example:\n  holdfast peer remove laptop")]
    Remove {
        #[command(flatten)]
        named: Named,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Stop refusing a key: of a peer that was removed, or that two machines use
    #[command(after_help = "Example:\n  holdfast peer allow laptop")]
    Allow(Named),
    /// Try the way to a peer step by step, and say what to do about the first that fails
    #[command(after_help = "Example:\n  holdfast peer test nas")]
    Test(Named),
    /// Check what is held here of a peer's history against its hash chains, now
    #[command(after_help = "Example:\n  holdfast peer verify nas")]
    Verify(Named),
    /// List the commands that wait for peers that are away, and those that were refused meanwhile
    #[command(after_help = "Example:\n  holdfast peer commands\n  holdfast peer commands laptop")]
    Commands {
        /// Only those to this peer
        peer: Option<String>,
    },
    /// Take back a command that waits for a peer, or put a refused one away
    #[command(after_help = "Example:\n  holdfast peer withdraw 4f1c2a9b")]
    Withdraw {
        /// Its id, or the beginning of it
        command: String,
    },
}

/// Which peer.
#[derive(Debug, clap::Args)]
pub(crate) struct Named {
    /// Its instance id, label or key id; a unique prefix will do
    peer: String,
}

/// Change where a peer is reached, or which folders it may use here
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  \
    holdfast peer edit nas --url https://nas.example --url http://10.0.0.7:9899")]
#[group(multiple = true, id = "change")]
pub(crate) struct Edit {
    #[command(flatten)]
    named: Named,
    /// Where it is reached, instead of the present ones; may be repeated
    #[arg(long, value_name = "URL", group = "change")]
    url: Vec<PeerUrl>,
    /// Where it may restore, or point a plan or a local repo; instead of the present ones
    #[arg(long, value_name = "DIR", value_parser = parse::path, group = "change")]
    allow_path: Vec<String>,
    /// Let it use no folder here
    #[arg(long, conflicts_with = "allow_path", group = "change")]
    no_allow_path: bool,
}

fn permission(text: &str) -> Result<Permission, crate::model::UnknownWord> {
    text.parse()
}

impl From<Named> for PeerRequest {
    fn from(named: Named) -> Self {
        Self { peer: named.peer }
    }
}

impl Edit {
    fn request(self) -> EditPeerRequest {
        let urls: Vec<_> = self.url.iter().map(ToString::to_string).collect();
        let changes_paths = self.no_allow_path || !self.allow_path.is_empty();
        EditPeerRequest {
            peer: self.named.peer,
            urls: (!urls.is_empty()).then_some(TextList { items: urls }),
            allowed_paths: changes_paths.then_some(TextList { items: self.allow_path }),
        }
    }
}

impl Command {
    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client().await?;
        let mut peers = client.peers();
        let output = context.output;
        match self {
            Self::List => {
                let list = peers.list(ListPeersRequest {}).await?.into_inner();
                let now = clock::now();
                output.show(&list.peers, || {
                    let refused = list.refused.iter().map(|one| refused(one, now));
                    let removed = list.removed.iter().map(|one| removed(one, now));
                    let table = std::iter::once(listed(output, &list.peers, now));
                    table.chain(refused).chain(removed).collect::<Vec<_>>().join("\n")
                })?;
            }
            Self::Show(named) => {
                let peer = peers.show(PeerRequest::from(named)).await?.into_inner();
                show(&client, output, &peer).await?;
            }
            Self::Edit(edit) => {
                let peer = peers.edit(edit.request()).await?.into_inner();
                show(&client, output, &peer).await?;
            }
            Self::Rename { named, label } => {
                let request = RenamePeerRequest { peer: named.peer, label };
                let peer = peers.rename(request).await?.into_inner();
                show(&client, output, &peer).await?;
            }
            Self::Grant { named, grants } => {
                let request = GrantRequest { peer: named.peer, grants };
                let peer = peers.grant(request).await?.into_inner();
                show(&client, output, &peer).await?;
            }
            Self::Revoke { named, permissions } => {
                let permissions = permissions.iter().map(ToString::to_string).collect();
                let request = RevokeRequest { peer: named.peer, permissions };
                let peer = peers.revoke(request).await?.into_inner();
                show(&client, output, &peer).await?;
            }
            Self::Remove { named, yes } => remove(output, &mut peers, named, yes).await?,
            Self::Allow(named) => {
                let allowed = peers.allow(PeerRequest::from(named)).await?.into_inner();
                // A removed one is no peer until it pairs again; one of two with one key still is.
                let key = PeerRequest { peer: allowed.key_id.clone() };
                let is_peer = !output.is_json() && peers.show(key).await.is_ok();
                output.show(&allowed, || allowed_again(&allowed, is_peer))?;
            }
            Self::Test(named) => {
                let test = peers.test(PeerRequest::from(named)).await?.into_inner();
                output.show(&test, || tested(&test))?;
                return Ok(ended(test.ok));
            }
            Self::Verify(named) => {
                let found = peers.verify(PeerRequest::from(named)).await?.into_inner();
                output.show(&found, || verified(&found))?;
                return Ok(ended(found.ok));
            }
            Self::Commands { peer } => elsewhere::list(&client, output, peer).await?,
            Self::Withdraw { command } => elsewhere::withdraw(&client, output, command).await?,
        }
        Ok(Exit::Done)
    }
}

const fn ended(good: bool) -> Exit {
    if good { Exit::Done } else { Exit::Failed }
}

async fn show(client: &Client, output: Output, peer: &Peer) -> Result<(), Failure> {
    // What has to be done there is done to us: by the name that we have.
    let own = match output.is_json() {
        true => String::new(),
        false => client.status().identity(GetIdentityRequest {}).await?.into_inner().instance,
    };
    output.show(peer, || shown(peer, &own, clock::now()))
}

async fn remove(
    output: Output,
    peers: &mut PeerServiceClient<Channel>,
    named: Named,
    yes: bool,
) -> Result<(), Failure> {
    if !yes && output.is_interactive() {
        let peer = peers.show(PeerRequest { peer: named.peer.clone() }).await?.into_inner();
        let question = format!(
            "{} will be refused, and plans here that use its repos stop. Type {} to remove it:",
            peer.instance, peer.instance
        );
        if output.ask(&question)? != peer.instance {
            return Err(Failure::local("declined", "nothing was removed", ""));
        }
    }
    let removed = peers.remove(PeerRequest::from(named)).await?.into_inner();
    output.show(&removed, || {
        let plans = match removed.disabled_plans.as_slice() {
            [] => String::new(),
            plans => format!("\nthese plans no longer run: {}", plans.join(", ")),
        };
        format!("{} is removed and its key refused; its history stays{plans}", removed.instance)
    })
}

pub(crate) fn listed(output: Output, peers: &[Peer], now: Timestamp) -> String {
    if peers.is_empty() {
        return "no peers yet: holdfast token create here, then holdfast join on the other machine"
            .to_owned();
    }
    let row = |peer: &Peer| {
        [
            name(peer),
            role(peer).to_owned(),
            link(peer, now),
            words::maybe_relative(peer.last_heard.as_deref(), now),
            words::grants(&peer.grants),
            words::received(&peer.grants_received),
        ]
    };
    let header = ["peer", "role", "state", "last heard", "may here", "we may there"];
    output.table(header, peers.iter().map(row))
}

/// Somebody who asked in vain, below the table.
fn refused(refused: &RefusedApplicant, now: Timestamp) -> String {
    let RefusedApplicant { instance, key_id, message, remedy, .. } = refused;
    let from = refused.address.as_ref().map(|from| format!(" from {from}")).unwrap_or_default();
    let when = words::relative(&refused.at, now);
    let text = format!("refused {when}: {instance}{from} ({key_id}): {message}; {remedy}");
    words::marked("refused", &text)
}

/// Somebody whose key is refused by a decision made here.
fn removed(removed: &RemovedKey, now: Timestamp) -> String {
    let RemovedKey { instance, key_id, removed_at, replaced_by } = removed;
    let when = words::relative(removed_at, now);
    if let Some(new) = replaced_by {
        // To let it in again would be to have both.
        return format!("replaced by {new} {when}: {instance} ({key_id})");
    }
    format!(
        "removed {when}: {instance} ({key_id}); let it in again: holdfast peer allow {instance}"
    )
}

fn allowed_again(allowed: &AllowedPeer, is_peer: bool) -> String {
    let AllowedPeer { instance, key_id } = allowed;
    let next = match is_peer {
        true => {
            "the machine that connects next is taken for the real one; it comes back by itself within 15 minutes, at once after `holdfast join` or a restart there"
        }
        false => "it pairs again with a new token: holdfast token create",
    };
    format!("{instance} ({key_id}) is no longer refused; {next}")
}

fn name(peer: &Peer) -> String {
    match &peer.label {
        Some(label) => format!("{} ({label})", peer.instance),
        None => peer.instance.clone(),
    }
}

fn role(peer: &Peer) -> &str {
    match peer.role.as_str() {
        "known-host" => "we dial it",
        "authorized-client" => "it dials us",
        other => other,
    }
}

fn link(peer: &Peer, now: Timestamp) -> String {
    let since = match (peer.state.as_str(), &peer.since) {
        ("offline" | "refused", Some(at)) => format!(" since {}", words::relative(at, now)),
        _ => String::new(),
    };
    // That a peer is out of sight needs nobody: why is told where it is shown alone.
    let needs_someone = matches!(peer.state.as_str(), "refused" | "incompatible");
    let reason = peer.reason.as_ref().filter(|_| needs_someone);
    let reason = reason.map(|text| format!(": {text}")).unwrap_or_default();
    words::marked(&peer.state, &format!("{}{since}{reason}", peer.state))
}

fn shown(peer: &Peer, own: &str, now: Timestamp) -> String {
    let mut lines = vec![
        format!("{}  {}", name(peer), peer.key_id),
        format!("link          {}", role(peer)),
        format!("state         {}", link(peer, now)),
    ];
    let mut add = |title: &str, text: Option<String>| {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            lines.push(format!("{title:<14}{text}"));
        }
    };
    // Where somebody is needed, the state says it already.
    let because = matches!(peer.state.as_str(), "offline" | "connected");
    add("because", peer.reason.clone().filter(|_| because));
    add("what to do", peer.remedy.clone());
    add("last heard", Some(words::maybe_relative(peer.last_heard.as_deref(), now)));
    add("urls", Some(peer.urls.join(", ")));
    add("address", peer.address.clone());
    add("version", peer.version.clone());
    add("may here", Some(words::grants(&peer.grants)));
    add("folders here", Some(peer.allowed_paths.join(", ")));
    add("we may there", Some(words::received(&peer.grants_received)));
    add("declared", peer.declared.then(|| "in the config file; change it there".to_owned()));
    add("history held", peer.log.as_ref().map(|log| held(log, now)));
    add("shared repos", consent_missing(peer, own));
    lines.join("\n")
}

/// A shared repo needs a grant on both ends: which one is missing, and the command that gives it.
fn consent_missing(peer: &Peer, own: &str) -> Option<String> {
    const RECEIVE: &str = "receive-shared-repos";
    const SEND: &str = "send-shared-repos";
    let here = |word: &str| peer.grants.iter().any(|grant| grant.permission == word);
    let there = |word: &str| peer.grants_received.iter().any(|grant| grant.permission == word);
    let name = &peer.instance;
    if there(RECEIVE) && !here(SEND) {
        let command = format!("holdfast peer grant {name} {SEND}");
        return Some(format!("none are taken from {name}; to take them: {command}"));
    }
    (here(RECEIVE) && !there(SEND))
        .then(|| format!("{name} takes none from here; there: holdfast peer grant {own} {SEND}"))
}

fn held(log: &crate::api::PeerLog, now: Timestamp) -> String {
    let verified = match &log.verified_at {
        Some(at) => format!("the same as there {}", words::relative(at, now)),
        None => "not yet compared".to_owned(),
    };
    let behind = if log.behind { "; newer entries are on their way" } else { "" };
    format!("{} operations in {} shards, {verified}{behind}", log.operations, log.shards)
}

fn tested(test: &PeerTest) -> String {
    let lines = test.steps.iter().map(|step| {
        let mark = words::marked(if step.ok { "ok" } else { "failed" }, &step.step);
        let remedy = step.remedy.as_ref().map(|text| format!("\n    → {text}")).unwrap_or_default();
        format!("{mark:<12}  {:>5} ms  {}{remedy}", step.ms, step.detail)
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn verified(found: &Verification) -> String {
    let state = if found.ok { "ok" } else { "failed" };
    format!(
        "{}\n{} entries in {} shards checked, {} damaged, {} repaired",
        words::marked(state, &found.message),
        found.entries,
        found.shards,
        found.damaged,
        found.repaired,
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::api::{Grant, PeerLog, ReceivedGrant, TestStep};

    fn now() -> Timestamp {
        Timestamp::parse("2026-11-21T04:00:00.000Z").unwrap()
    }

    fn nas() -> Peer {
        Peer {
            instance: "nas".to_owned(),
            key_id: "ed25519.x".to_owned(),
            role: "authorized-client".to_owned(),
            state: "offline".to_owned(),
            since: Some("2026-11-21T02:00:00.000Z".to_owned()),
            last_heard: Some("2026-11-21T02:00:00.000Z".to_owned()),
            grants: vec![Grant {
                permission: "receive-shared-repos".to_owned(),
                scopes: vec!["repo:vault".to_owned()],
            }],
            grants_received: vec![ReceivedGrant {
                permission: "read-operations".to_owned(),
                scopes: vec!["*".to_owned()],
                with_exceptions: false,
            }],
            log: Some(PeerLog {
                shards: 2,
                operations: 14,
                verified_at: Some("2026-11-21T02:00:00.000Z".to_owned()),
                behind: false,
            }),
            ..Peer::default()
        }
    }

    #[test]
    fn an_offline_peer_says_since_when() {
        let table = listed(Output::plain(), &[nas()], now());
        let row = table.lines().nth(1).unwrap();
        assert_eq!(
            row.split("  ").filter(|cell| !cell.is_empty()).map(str::trim).collect::<Vec<_>>(),
            [
                "nas",
                "it dials us",
                "· offline since 2 h ago",
                "2 h ago",
                "take repos: repo vault",
                "see: everything"
            ]
        );
    }

    #[test]
    fn the_detail_says_what_is_held() {
        let text = shown(&nas(), "hub", now());
        let held = "history held  14 operations in 2 shards, the same as there 2 h ago";
        assert!(text.lines().any(|line| line == held), "{text}");
    }

    #[test]
    fn why_a_peer_is_offline_is_told_where_it_is_shown_alone() {
        let reason = Some("no connection to 10.0.0.7 port 9898".to_owned());
        let peer = Peer { reason, ..nas() };
        assert_eq!(link(&peer, now()), "· offline since 2 h ago");
        assert!(shown(&peer, "hub", now()).contains("\nbecause       no connection to 10.0.0.7"));
        let refused = Peer { state: "refused".to_owned(), ..peer };
        assert!(link(&refused, now()).ends_with("2 h ago: no connection to 10.0.0.7 port 9898"));
    }

    #[test]
    fn a_consent_that_one_end_lacks_is_said_with_its_command() {
        let there = "nas takes none from here; there: holdfast peer grant hub send-shared-repos";
        assert_eq!(consent_missing(&nas(), "hub").as_deref(), Some(there));
        let told = |permission: &str| ReceivedGrant {
            permission: permission.to_owned(),
            ..ReceivedGrant::default()
        };
        let both = Peer { grants_received: vec![told("send-shared-repos")], ..nas() };
        assert_eq!(consent_missing(&both, "hub"), None);
        let offered = Peer {
            grants: Vec::new(),
            grants_received: vec![told("receive-shared-repos")],
            ..nas()
        };
        let here =
            "none are taken from nas; to take them: holdfast peer grant nas send-shared-repos";
        assert_eq!(consent_missing(&offered, "hub").as_deref(), Some(here));
    }

    #[test]
    fn who_was_removed_is_listed_with_the_way_back() {
        let laptop = RemovedKey {
            instance: "laptop".to_owned(),
            key_id: "ed25519.y".to_owned(),
            removed_at: "2026-11-18T04:00:00.000Z".to_owned(),
            replaced_by: None,
        };
        let line =
            "removed 3 d ago: laptop (ed25519.y); let it in again: holdfast peer allow laptop";
        assert_eq!(removed(&laptop, now()), line);
        let replaced = RemovedKey { replaced_by: Some("desk".to_owned()), ..laptop };
        assert_eq!(removed(&replaced, now()), "replaced by desk 3 d ago: laptop (ed25519.y)");
    }

    #[test]
    fn only_who_was_removed_needs_a_token() {
        let nas = AllowedPeer { instance: "nas".to_owned(), key_id: "ed25519.x".to_owned() };
        assert!(allowed_again(&nas, false).ends_with("new token: holdfast token create"));
        let clone = allowed_again(&nas, true);
        assert!(clone.contains("by itself") && !clone.contains("token"), "{clone}");
    }

    #[test]
    fn no_peers_says_the_next_step() {
        assert!(
            listed(Output::plain(), &[], now()).starts_with("no peers yet: holdfast token create")
        );
    }

    #[test]
    fn a_failed_step_says_what_to_do() {
        let step = TestStep {
            step: "tls".to_owned(),
            ok: false,
            detail: "certificate expired".to_owned(),
            remedy: Some("renew it on nas".to_owned()),
            ms: 12,
        };
        let text = tested(&PeerTest { peer: "nas".to_owned(), ok: false, steps: vec![step] });
        assert_eq!(text, "✗ tls            12 ms  certificate expired\n    → renew it on nas");
    }
}
