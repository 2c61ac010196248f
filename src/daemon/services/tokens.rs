//! Pairing tokens: made, listed, taken back. Redeeming one is `admission`'s.
//!
//! 1. C2: the secret is in the one answer that creates it; only its hash is stored.

use super::{addresses, grants, peers, refuse};
use crate::api::token_service_server::TokenService;
use crate::api::{
    CreateTokenRequest, CreatedToken, ListTokensRequest, RevokeTokenRequest, Token as Document,
    TokenList,
};
use crate::clock;
use crate::daemon::Node;
use crate::daemon::areas::Area;
use crate::grant::Grants;
use crate::model::{KeyId, Timestamp};
use crate::pairing::{Invitation, PairingSecret, PeerUrl, Token, TokenId, TokenRow, Ttl};
use std::sync::Arc;
use std::time::Duration;
use tonic::{Request, Response, Status};

/// A label is a line, not a letter.
const MAX_LABEL: usize = 200;

/// Answers for one instance.
pub(super) struct Service {
    node: Arc<Node>,
}

impl Service {
    pub(super) const fn new(node: Arc<Node>) -> Self {
        Self { node }
    }

    async fn row(
        &self,
        request: &CreateTokenRequest,
        secret: &PairingSecret,
    ) -> Result<TokenRow, Status> {
        let now = clock::now();
        Ok(TokenRow {
            id: TokenId::from_bytes(random()?),
            secret_hash: secret.hash(),
            label: label(&request.label)?,
            created_at: now,
            expires_at: ttl(request.ttl_s)?.expires_at(now),
            max_uses: request.max_uses,
            uses: 0,
            revoked: false,
            grants: grants::read(&request.grants)?,
            asks: asks(request)?,
            replaces: self.replaced(request).await?,
        })
    }

    async fn replaced(&self, request: &CreateTokenRequest) -> Result<Option<KeyId>, Status> {
        let Some(name) = request.replaces.as_deref() else { return Ok(None) };
        one_use(request.max_uses)?;
        let peer = peers::find(&self.node, name).await?;
        peers::must_not_be_declared(&self.node, &peer)?;
        Ok(Some(peer.key))
    }

    fn urls(&self, given: &[String]) -> Result<Vec<PeerUrl>, Status> {
        match given {
            [] => Ok(self.node.config.current().urls.clone()),
            given => addresses::read(given),
        }
    }

    async fn rows(&self) -> Result<Vec<TokenRow>, Status> {
        self.node.with_trust(|trust, _| trust.tokens()).await.map_err(refuse::store)
    }
}

#[tonic::async_trait]
impl TokenService for Service {
    async fn create(
        &self,
        request: Request<CreateTokenRequest>,
    ) -> Result<Response<CreatedToken>, Status> {
        let request = request.into_inner();
        let secret = PairingSecret::from_bytes(random()?);
        let urls = self.urls(&request.urls)?;
        let row = self.row(&request, &secret).await?;
        let stored = row.clone();
        let added = self.node.with_trust(move |trust, _| trust.add_token(&stored)).await;
        added.map_err(refuse::store)?;
        self.node.areas.changed(Area::Tokens);
        let instance = self.node.config.current().instance.clone();
        let token = Token { listener: self.node.key(), instance, secret };
        Ok(Response::new(created(&row, &token, &urls)))
    }

    async fn list(&self, _: Request<ListTokensRequest>) -> Result<Response<TokenList>, Status> {
        let (rows, now) = (self.rows().await?, clock::now());
        let tokens = rows.iter().rev().map(|row| document(row, now)).collect();
        Ok(Response::new(TokenList { tokens }))
    }

    async fn revoke(
        &self,
        request: Request<RevokeTokenRequest>,
    ) -> Result<Response<Document>, Status> {
        let row = pick(self.rows().await?, &request.into_inner().token)?;
        let id = row.id;
        let revoked = self.node.with_trust(move |trust, _| trust.revoke_token(id)).await;
        revoked.map_err(refuse::store)?;
        self.node.areas.changed(Area::Tokens);
        Ok(Response::new(document(&TokenRow { revoked: true, ..row }, clock::now())))
    }
}

fn random<const N: usize>() -> Result<[u8; N], Status> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| refuse::not_now("randomness", error.to_string(), "try again"))?;
    Ok(bytes)
}

fn label(text: &str) -> Result<String, Status> {
    let text = text.trim();
    peers::label_must_fit(text, MAX_LABEL)?;
    Ok(text.to_owned())
}

/// The second machine would take the entry over from the first.
fn one_use(max_uses: u32) -> Result<(), Status> {
    if max_uses == 1 {
        return Ok(());
    }
    let message = "one machine replaces one: a token that replaces a peer is used once";
    Err(refuse::invalid(message, "use --max-uses 1 with --replaces"))
}

fn ttl(seconds: Option<u64>) -> Result<Ttl, Status> {
    match seconds {
        None => Ok(Ttl::Never),
        Some(0) => Err(refuse::invalid("a token that lives for 0 s is useless", "use 15m or more")),
        Some(seconds) => Ok(Ttl::For(Duration::from_secs(seconds))),
    }
}

/// Exclusions are told to nobody: whoever accepted such an ask would grant more than was asked for.
fn asks(request: &CreateTokenRequest) -> Result<Grants, Status> {
    let asks = grants::read(&request.asks)?;
    if let Some((permission, _)) = asks.iter().find(|(_, scopes)| scopes.has_exclusions()) {
        let message = format!("the ask for {permission} excludes something");
        let remedy = "ask without exclusions; whoever joins grants less with --allow";
        return Err(refuse::invalid(message, remedy));
    }
    Ok(asks)
}

fn created(row: &TokenRow, token: &Token, urls: &[PeerUrl]) -> CreatedToken {
    let text = token.reveal().expose().to_owned();
    let link = urls.first().map(|url| {
        let invitation = Invitation { token: token.clone(), url: Some(url.clone()) };
        invitation.reveal().expose().to_owned()
    });
    let places = match urls {
        [] => " --url https://HOST".to_owned(),
        urls => urls.iter().map(|url| format!(" --url {url}")).collect(),
    };
    CreatedToken {
        id: row.id.to_string(),
        link,
        // Quoted, as a shell may take the '#' for a comment.
        join_command: format!("holdfast join '{text}'{places}"),
        token: text,
        label: named(&row.label),
        expires_at: row.expires_at.map(|at| at.to_string()),
        max_uses: row.max_uses,
        uses: row.uses,
        grants: grants::shown(&row.grants),
        asks: grants::shown(&row.asks),
        replaces: row.replaces.map(|key| key.to_string()),
    }
}

fn document(row: &TokenRow, now: Timestamp) -> Document {
    Document {
        id: row.id.to_string(),
        label: named(&row.label),
        state: row.state(now).to_string(),
        expires_at: row.expires_at.map(|at| at.to_string()),
        max_uses: row.max_uses,
        uses: row.uses,
        grants: grants::shown(&row.grants),
        asks: grants::shown(&row.asks),
        replaces: row.replaces.map(|key| key.to_string()),
    }
}

/// An empty label is none.
fn named(label: &str) -> Option<String> {
    Some(label.to_owned()).filter(|label| !label.is_empty())
}

/// By id or label, or by a prefix of an id that only one has.
fn pick(rows: Vec<TokenRow>, name: &str) -> Result<TokenRow, Status> {
    let is = |row: &TokenRow| row.id.to_string() == name || row.label == name;
    let begins = |row: &TokenRow| row.id.to_string().starts_with(name);
    let (exact, others): (Vec<_>, Vec<_>) =
        rows.into_iter().filter(|_| !name.is_empty()).partition(is);
    let mut found = match exact.is_empty() {
        true => others.into_iter().filter(begins).collect(),
        false => exact,
    };
    match (found.pop(), found.len()) {
        (Some(row), 0) => Ok(row),
        (None, _) => {
            Err(refuse::not_found(format!("there is no token {name:?}"), "holdfast token list"))
        }
        (Some(row), _) => {
            found.push(row);
            let ids: Vec<_> = found.iter().map(|row| row.id.to_string()).collect();
            let message = format!("{name:?} could be {}", ids.join(", "));
            Err(refuse::invalid(message, "name the token by its id"))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn row(id: &str, label: &str) -> TokenRow {
        TokenRow {
            id: id.parse().unwrap(),
            secret_hash: PairingSecret::from_bytes([1; 32]).hash(),
            label: label.to_owned(),
            created_at: Timestamp::EPOCH,
            expires_at: None,
            max_uses: 1,
            uses: 0,
            revoked: false,
            grants: Grants::none(),
            asks: Grants::none(),
            replaces: None,
        }
    }

    #[test]
    fn a_token_is_named_by_id_label_or_a_unique_prefix() {
        let rows =
            || vec![row("0a0b0c0d", "nas"), row("0a0b0c0e", "twice"), row("10000000", "twice")];
        let id = |name: &str| pick(rows(), name).map(|row| row.id.to_string());
        assert_eq!(id("nas").unwrap(), "0a0b0c0d");
        assert_eq!(id("0a0b0c0e").unwrap(), "0a0b0c0e");
        assert_eq!(id("1").unwrap(), "10000000");
        for unclear in ["0a", "twice", "", "ff"] {
            assert!(id(unclear).is_err(), "{unclear}");
        }
    }

    #[test]
    fn one_machine_replaces_one() {
        assert!(one_use(1).is_ok());
        assert!(one_use(0).is_err() && one_use(2).is_err());
    }

    #[test]
    fn a_token_without_a_label_has_none() {
        let label = |text: &str| document(&row("0a0b0c0d", text), Timestamp::EPOCH).label;
        assert_eq!(label(""), None);
        assert_eq!(label("nas").as_deref(), Some("nas"));
    }

    #[test]
    fn the_join_command_holds_the_whole_token_quoted() {
        let token = Token {
            listener: KeyId::from_bytes([3; 32]),
            instance: "hub".parse().unwrap(),
            secret: PairingSecret::from_bytes([4; 32]),
        };
        let urls = ["https://hub.example".parse().unwrap()];
        let made = created(&row("0a0b0c0d", ""), &token, &urls);
        let wanted = format!("holdfast join '{}' --url https://hub.example", made.token);
        assert_eq!(made.join_command, wanted);
        assert_eq!(made.link.unwrap(), format!("holdfast://hub.example#{}", made.token));
        let bare = created(&row("0a0b0c0d", ""), &token, &[]);
        assert_eq!((bare.link, bare.label), (None, None));
    }
}
