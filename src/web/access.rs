//! Who asks, and whether they may: the one decision that every request passes.
//!
//! 1. Without any user the machine itself may do everything and nobody else anything.
//! 2. A key that does not count is refused; nothing else that the request carries makes up for it.
//! 3. Nothing is remembered between requests: what ended counts for none.

use super::accounts::Accounts;
use super::cookie::Transport;
use super::refusal::Refusal;
use super::roles::{Needs, needs};
use crate::clock;
use crate::model::{AccessSecret, ApiKeyId, Role, Secret, SessionId, Timestamp, UserName};
use crate::store::Trust;
use std::future::Future;
use std::net::IpAddr;
use std::time::Duration;
use tonic::Status;

/// What an API key begins with, so that it is known for one wherever it turns up.
pub const KEY_PREFIX: &str = "hf_";
/// A use within this time of the last one is not written down again.
const NOTE_USE_EVERY: Duration = Duration::from_secs(60);
/// A browser says more of itself than anybody reads.
const MAX_AGENT: usize = 200;

/// From where somebody asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    /// The address; of a trusted proxy's client where there is a proxy.
    pub address: IpAddr,
    /// This machine itself, with nothing between: never where a request was forwarded.
    pub loopback: bool,
    /// Whether the connection is encrypted.
    pub transport: Transport,
    /// The browser or program.
    pub agent: String,
}

/// Who asks, as far as HTTP tells.
pub struct Caller {
    /// From where.
    pub visitor: Visitor,
    /// The `Cookie` header.
    pub cookie: Option<Secret>,
    /// What follows `Bearer` in the `Authorization` header.
    pub bearer: Option<Secret>,
}

/// Who asks, as this instance knows them. What a request without one is allowed is the socket's matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Who is signed in.
    pub user: Option<UserName>,
    /// What they may do; `None` for somebody who is not signed in.
    pub role: Option<Role>,
    /// The login.
    pub session: Option<SessionId>,
    /// The API key.
    pub key: Option<ApiKeyId>,
    /// From where.
    pub visitor: Visitor,
}

impl Identity {
    /// Somebody who is not signed in.
    #[must_use]
    pub fn nobody(visitor: Visitor) -> Self {
        Self { user: None, role: None, session: None, key: None, visitor }
    }

    /// Whether they may do what takes this role.
    ///
    /// # Errors
    /// They may not.
    pub fn must_be(&self, needs: Role) -> Result<(), Refusal> {
        match self.role {
            Some(has) if has >= needs => Ok(()),
            Some(has) => Err(Refusal::Role { has, needs }),
            None => Err(Refusal::NotSignedIn),
        }
    }
}

/// Decides about every request that comes by HTTP.
pub trait Access: Send + Sync + 'static {
    /// Who the caller is, if they may call the method of this gRPC path.
    fn enter(
        &self,
        caller: Caller,
        path: &str,
    ) -> impl Future<Output = Result<Identity, Status>> + Send;

    /// Waits until the caller is not what they were: signed out, expired, or of another role. An
    /// answer that is still being sent ends then.
    fn left(&self, identity: Identity) -> impl Future<Output = ()> + Send;
}

impl Access for Accounts {
    async fn enter(&self, caller: Caller, path: &str) -> Result<Identity, Status> {
        let needs = needs(path).ok_or(Refusal::NoSuchMethod)?;
        let (identity, users) = self.identify(caller).await?;
        match (needs, identity.role) {
            (Needs::Nothing, _) => Ok(identity),
            (Needs::Role(_), None) if !users => Err(Refusal::NoUsers.into()),
            (Needs::Role(role), _) => {
                identity.must_be(role)?;
                Ok(identity)
            }
        }
    }

    async fn left(&self, identity: Identity) {
        /// Expiry comes without a notice.
        const LOOK_EVERY: Duration = Duration::from_secs(60);
        let mut changes = self.changes();
        loop {
            let noticed = tokio::time::timeout(LOOK_EVERY, changes.changed()).await;
            if matches!(noticed, Ok(Err(_))) || !self.still(&identity).await {
                return;
            }
        }
    }
}

impl Accounts {
    /// Who the caller is, and whether there is any user.
    async fn identify(&self, caller: Caller) -> Result<(Identity, bool), Refusal> {
        let Caller { mut visitor, cookie, bearer } = caller;
        visitor.agent = visitor.agent.chars().filter(|c| !c.is_control()).take(MAX_AGENT).collect();
        let token = cookie.and_then(|header| self.cookie().find(&header, visitor.transport));
        self.with_trust(move |trust| {
            let now = clock::now();
            let users = trust.has_users()?;
            let identity = match (bearer, token) {
                (Some(bearer), _) => by_key(trust, &bearer, visitor, now)?,
                (None, Some(token)) => by_session(trust, &token, visitor, now)?,
                (None, None) => Identity::nobody(visitor),
            };
            let unclaimed = !users && identity.role.is_none() && identity.visitor.loopback;
            let role = if unclaimed { Some(Role::Admin) } else { identity.role };
            Ok((Identity { role, ..identity }, users))
        })
        .await
    }

    /// Whether the caller would be let in as the same as before.
    async fn still(&self, identity: &Identity) -> bool {
        let Identity { user, role, session, key, .. } = identity.clone();
        let found = self.with_trust(move |trust| {
            let now = clock::now();
            Ok(match (session, key) {
                (Some(session), _) => {
                    // A role that changes ends the login.
                    user.is_some() && trust.is_session(session, now)?
                }
                (None, Some(key)) => trust.is_api_key(key, now)?,
                (None, None) => role.is_none() || !trust.has_users()?,
            })
        });
        // A database that cannot be read now is no reason to cut somebody off; the next look is.
        found.await.unwrap_or(true)
    }
}

fn by_key(
    trust: &Trust,
    bearer: &Secret,
    visitor: Visitor,
    now: Timestamp,
) -> Result<Identity, Refusal> {
    let secret = bearer.expose().strip_prefix(KEY_PREFIX).and_then(AccessSecret::from_text);
    let secret = secret.ok_or(Refusal::WrongKey)?;
    let key = trust.api_key_by(&secret.hash(), now)?.ok_or(Refusal::WrongKey)?;
    let address = visitor.address.to_string();
    if key.last_address.as_ref() != Some(&address) || is_news(key.last_used, now) {
        trust.touch_api_key(key.id, &address, now)?;
    }
    Ok(Identity { role: Some(key.role), key: Some(key.id), ..Identity::nobody(visitor) })
}

/// A login that is over is nobody's: the browser shows the page to sign in.
fn by_session(
    trust: &Trust,
    token: &AccessSecret,
    visitor: Visitor,
    now: Timestamp,
) -> Result<Identity, Refusal> {
    let Some(session) = trust.session_by(&token.hash(), now)? else {
        return Ok(Identity::nobody(visitor));
    };
    let address = visitor.address.to_string();
    if session.address != address || is_news(Some(session.last_used), now) {
        trust.touch_session(session.id, &address, now)?;
    }
    Ok(Identity {
        user: Some(session.user),
        role: Some(session.role),
        session: Some(session.id),
        ..Identity::nobody(visitor)
    })
}

fn is_news(last: Option<Timestamp>, now: Timestamp) -> bool {
    last.is_none_or(|last| now.since(last) >= NOTE_USE_EVERY)
}
