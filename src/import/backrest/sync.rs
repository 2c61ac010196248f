//! Users and peers: nothing of them can be taken over, and the report says what to do instead.

use super::draft::Draft;
use super::ids::Names;
use super::json::{Object, Word};

const PERMISSIONS: &[(&str, i64)] = &[
    ("PERMISSION_UNKNOWN", 0),
    ("PERMISSION_READ_OPERATIONS", 1),
    ("PERMISSION_READ_CONFIG", 2),
    ("PERMISSION_READ_WRITE_CONFIG", 3),
    ("PERMISSION_RECEIVE_SHARED_REPOS", 4),
];

/// Users of the web page: their passwords are hashes that are not read here.
pub(super) fn users(root: &Object<'_>, draft: &mut Draft) {
    let Some(auth) = root.object("auth") else { return };
    if auth.flag("disabled") {
        let why = "there is no login to be switched off; who can open the socket in the data directory may do everything";
        draft.report.left_out(auth.at("disabled"), Some("true"), why);
    }
    for user in auth.objects("users") {
        let name = user.text("name").unwrap_or_default();
        user.has("passwordBcrypt");
        user.has("needsBcrypt");
        let why = format!("passwords cannot be taken over: holdfast user add {}", word(name));
        draft.report.left_out(user.path.clone(), Some(name), why);
    }
}

/// Peers are known by another key and another protocol: each is paired again.
pub(super) fn peers(root: &Object<'_>, names: &Names, draft: &mut Draft) {
    // Older files have it under the name that the program has for it.
    for sync in ["sync", "multihost"].into_iter().filter_map(|key| root.object(key)) {
        if sync.has("identity") {
            mark(&sync, "identity", &["keyId", "ed25519priv", "ed25519pub"]);
            let why = "this instance gets a key of its own: holdfast identity show";
            draft.report.left_out(sync.at("identity"), None, why);
        }
        for token in sync.objects("pairingTokens") {
            for key in ["secret", "createdAtUnix", "expiresAtUnix", "maxUses", "uses"] {
                token.has(key);
            }
            permissions(&token);
            let label = token.text("label").unwrap_or_default();
            draft.report.left_out(
                token.path.clone(),
                Some(label),
                "make a new one: holdfast token create",
            );
        }
        for host in sync.objects("knownHosts") {
            known_host(&host, names, draft);
        }
        for client in sync.objects("authorizedClients") {
            authorized_client(&client, draft);
        }
    }
}

fn mark(object: &Object<'_>, key: &str, names: &[&str]) {
    let Some(inner) = object.object(key) else { return };
    for name in names {
        inner.has(name);
    }
}

struct Peer<'a> {
    name: &'a str,
    url: Option<&'a str>,
    grants: Vec<String>,
}

fn peer<'a>(peer: &Object<'a>) -> Peer<'a> {
    peer.has("keyId");
    peer.has("initialPairingSecret");
    Peer {
        name: peer.text("instanceId").unwrap_or_default(),
        url: peer.text("instanceUrl"),
        grants: permissions(peer),
    }
}

/// What the peer may do, as `PERM=SCOPE,…`. No scope meant everything.
fn permissions(object: &Object<'_>) -> Vec<String> {
    let grant = |found: &Object<'_>| {
        let scopes: Vec<_> = found.texts("scopes", super::json::Shown::Yes);
        let is_plain = |text: &str| {
            text.chars().all(|c| {
                c.is_ascii_alphanumeric() || matches!(c, ':' | '!' | '.' | '_' | '-' | '*')
            })
        };
        let scopes: Vec<_> =
            scopes.iter().map(|(_, scope)| *scope).filter(|s| is_plain(s)).collect();
        let scopes = if scopes.is_empty() { "*".to_owned() } else { scopes.join(",") };
        let permission = match found.word("type", PERMISSIONS) {
            Word::Known("PERMISSION_READ_OPERATIONS") => "read-operations",
            Word::Known("PERMISSION_READ_CONFIG") => "read-config",
            Word::Known("PERMISSION_READ_WRITE_CONFIG") => "write-config",
            Word::Known("PERMISSION_RECEIVE_SHARED_REPOS") => "receive-shared-repos",
            Word::Known(_) | Word::Unknown(_) => return None,
        };
        Some(format!("'{permission}={scopes}'"))
    };
    object.objects("permissions").iter().filter_map(grant).collect()
}

/// We dial it: it makes the token.
fn known_host(host: &Object<'_>, names: &Names, draft: &mut Draft) {
    let Peer { name, url, grants } = peer(host);
    let url = word(url.unwrap_or("https://HOST"));
    let allow = grants.iter().map(|grant| format!(" --allow {grant}")).collect::<String>();
    let why = format!(
        "pair again. On {}: holdfast token create --label {} --url {url}   Then here: holdfast join TOKEN --url {url}{allow}",
        word(name),
        names.instance
    );
    draft.report.left_out(host.path.clone(), Some(name), why);
}

/// It dials us: we make the token.
fn authorized_client(client: &Object<'_>, draft: &mut Draft) {
    let Peer { name, grants, .. } = peer(client);
    let grants = grants.iter().map(|grant| format!(" --grant {grant}")).collect::<String>();
    let why = format!(
        "pair again. Here: holdfast token create --label {}{grants} --url https://THIS-MACHINE   Then on {}: holdfast join TOKEN --url https://THIS-MACHINE",
        word(name),
        word(name)
    );
    draft.report.left_out(client.path.clone(), Some(name), why);
}

/// A text as one word of a shell.
fn word(text: &str) -> String {
    let is_plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':' | '/' | '@');
    let text: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}
