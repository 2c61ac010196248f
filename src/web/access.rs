//! Who asks, and whether they may: the one decision that every request passes.
//!
//! 1. Without any user the machine itself may do everything and nobody else anything.
//! 2. A key that does not count is refused; nothing else that the request carries makes up for it.
//! 3. Nothing is remembered between requests: what ended counts for none.

use super::accounts::Accounts;
pub use super::cookie::Transport;
use super::refusal::Refusal;
use super::roles::{Needs, needs};
use crate::clock;
use crate::model::{AccessSecret, ApiKeyId, Role, Secret, SessionId, Timestamp, UserName};
use crate::store::Trust;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tonic::Status;

/// What an API key begins with, so that it is known for one wherever it turns up.
pub const KEY_PREFIX: &str = "hf_";
/// A use within this time of the last one is not written down again.
const NOTE_USE_EVERY: Duration = Duration::from_secs(60);

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
#[derive(Clone)]
pub struct Caller {
    /// Where from: the TCP peer, or whom a trusted proxy names.
    pub address: IpAddr,
    /// From this machine itself, passed on by nobody.
    pub loopback: bool,
    /// Over TLS, up to us or up to a trusted proxy.
    pub encrypted: bool,
    /// The Cookie header.
    pub cookie: Option<Secret>,
    /// The key after `Authorization: Bearer`.
    pub bearer: Option<Secret>,
    /// The page that asks.
    pub origin: Option<String>,
    /// What the program calls itself.
    pub agent: String,
}

impl Caller {
    /// From where they ask, without what they hold.
    fn visitor(&self) -> Visitor {
        let transport = if self.encrypted { Transport::Secure } else { Transport::Plain };
        let Self { address, loopback, ref agent, .. } = *self;
        Visitor { address, loopback, transport, agent: agent.clone() }
    }
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
    /// Who `caller` is, if they may call the method of this path (`/package.Service/Method`).
    fn enter(
        &self,
        caller: &Caller,
        method_path: &str,
    ) -> impl Future<Output = Result<Identity, Status>> + Send;

    /// Waits until the caller is not what they were: signed out, expired, or of another role. An
    /// answer that is still being sent ends then.
    fn left(&self, identity: Identity) -> impl Future<Output = ()> + Send + 'static;
}

impl Access for Arc<Accounts> {
    async fn enter(&self, caller: &Caller, method_path: &str) -> Result<Identity, Status> {
        let needs = needs(method_path).ok_or(Refusal::NoSuchMethod)?;
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

    fn left(&self, identity: Identity) -> impl Future<Output = ()> + Send + 'static {
        /// Expiry comes without a notice.
        const LOOK_EVERY: Duration = Duration::from_secs(60);
        let (accounts, mut changes) = (Self::clone(self), self.changes());
        async move {
            loop {
                let noticed = tokio::time::timeout(LOOK_EVERY, changes.changed()).await;
                if matches!(noticed, Ok(Err(_))) || !accounts.still(&identity).await {
                    return;
                }
            }
        }
    }
}

impl Accounts {
    /// Who the caller is, and whether there is any user.
    async fn identify(&self, caller: &Caller) -> Result<(Identity, bool), Refusal> {
        let (visitor, bearer) = (caller.visitor(), caller.bearer.clone());
        let cookie = caller.cookie.as_ref();
        let token = cookie.and_then(|header| self.cookie().find(header, visitor.transport));
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::model::KeyId;
    use tonic::Code;

    const SEE: &str = "/holdfast.api.v1.PlanService/List";
    const CHANGE: &str = "/holdfast.api.v1.PlanService/Remove";
    const OPEN: &str = "/holdfast.api.v1.SessionService/WhoAmI";

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    fn caller(address: &str) -> Caller {
        let address: IpAddr = address.parse().unwrap();
        Caller {
            address,
            loopback: address.is_loopback(),
            encrypted: false,
            cookie: None,
            bearer: None,
            origin: None,
            agent: "test".to_owned(),
        }
    }

    fn accounts() -> (tempfile::TempDir, Arc<Accounts>) {
        let dir = tempfile::tempdir().unwrap();
        let trust = Arc::new(Trust::open(dir.path()).unwrap());
        (dir, Arc::new(Accounts::new(trust, KeyId::from_bytes([1; 32]))))
    }

    async fn code(accounts: &Arc<Accounts>, caller: &Caller, path: &str) -> Code {
        match accounts.enter(caller, path).await {
            Ok(_) => Code::Ok,
            Err(status) => status.code(),
        }
    }

    /// Adds a user, who signs in; the caller with their cookie.
    async fn signed_in(accounts: &Arc<Accounts>, role: Role) -> Caller {
        let password = || secret("correct horse battery");
        accounts.add("anna".parse().unwrap(), password(), role).await.unwrap();
        let by = Identity::nobody(caller("192.0.2.1").visitor());
        let opened = accounts.login(&by, " Anna ", password()).await.unwrap();
        Caller { cookie: Some(opened.cookie), ..caller("192.0.2.1") }
    }

    #[tokio::test]
    async fn without_a_user_only_this_machine_may() {
        let (_dir, accounts) = accounts();
        let (here, there) = (caller("127.0.0.1"), caller("192.0.2.1"));
        for (path, expected) in
            [(SEE, Code::Unauthenticated), (CHANGE, Code::Unauthenticated), (OPEN, Code::Ok)]
        {
            assert_eq!(code(&accounts, &here, path).await, Code::Ok);
            assert_eq!(code(&accounts, &there, path).await, expected);
        }
        let forwarded = Caller { loopback: false, ..here.clone() };
        assert_eq!(code(&accounts, &forwarded, SEE).await, Code::Unauthenticated);
        assert_eq!(code(&accounts, &here, "/holdfast.api.v1.X/Y").await, Code::Unimplemented);
    }

    #[tokio::test]
    async fn a_viewer_sees_and_changes_nothing() {
        let (_dir, accounts) = accounts();
        let anna = signed_in(&accounts, Role::Viewer).await;
        assert_eq!(code(&accounts, &anna, SEE).await, Code::Ok);
        assert_eq!(code(&accounts, &anna, CHANGE).await, Code::PermissionDenied);
        assert_eq!(code(&accounts, &caller("127.0.0.1"), SEE).await, Code::Unauthenticated);
    }

    #[tokio::test]
    async fn a_key_that_does_not_count_is_not_made_up_for_by_a_login() {
        let (_dir, accounts) = accounts();
        let anna = signed_in(&accounts, Role::Admin).await;
        let both = Caller { bearer: Some(secret("hf_x")), ..anna };
        assert_eq!(code(&accounts, &both, SEE).await, Code::Unauthenticated);
        let (key, text) = accounts.create_key("ci".to_owned(), Role::Viewer, None).await.unwrap();
        let program = Caller { bearer: Some(text), ..caller("192.0.2.9") };
        let identity = accounts.enter(&program, SEE).await.unwrap();
        assert_eq!((identity.key, identity.role), (Some(key.id), Some(Role::Viewer)));
        assert!(accounts.revoke_key(key.id).await.unwrap());
        assert_eq!(code(&accounts, &program, SEE).await, Code::Unauthenticated);
    }

    #[tokio::test]
    async fn who_signs_out_leaves_and_others_stay() {
        let (_dir, accounts) = accounts();
        let nobody = accounts.enter(&caller("192.0.2.2"), OPEN).await.unwrap();
        let unclaimed = accounts.enter(&caller("127.0.0.1"), SEE).await.unwrap();
        let first_left = accounts.left(unclaimed);
        let anna = signed_in(&accounts, Role::Admin).await;
        first_left.await;
        let identity = accounts.enter(&anna, SEE).await.unwrap();
        let mut left = Box::pin(accounts.left(identity.clone()));
        let nobody_left = accounts.left(nobody);
        accounts.create_key("ci".to_owned(), Role::Viewer, None).await.unwrap();
        accounts.revoke_key(ApiKeyId::from_bytes([0; 8])).await.unwrap();
        assert!(futures_util::poll!(&mut left).is_pending(), "somebody else's matter");
        accounts.logout(&identity).await.unwrap();
        left.await;
        assert_eq!(code(&accounts, &anna, SEE).await, Code::Unauthenticated);
        let stays = tokio::time::timeout(Duration::from_millis(200), nobody_left).await;
        assert!(stays.is_err(), "nobody has nothing to lose");
    }

    #[tokio::test]
    async fn c2_an_identity_shows_no_secret() {
        let (_dir, accounts) = accounts();
        let anna = signed_in(&accounts, Role::Admin).await;
        let shown = format!("{:?}", accounts.enter(&anna, SEE).await.unwrap());
        let cookie = anna.cookie.unwrap().expose().to_owned();
        let value = cookie.split(['=', ';']).nth(1).unwrap().to_owned();
        assert!(value.len() == 43 && !shown.contains(&value), "{shown}");
    }
}
