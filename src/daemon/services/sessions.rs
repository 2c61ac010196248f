//! Signing in and out, and the logins in force.
//!
//! 1. The secret of a login is in the header that sets the cookie, and in no message.

use super::asker::Asker;
use super::refuse;
use crate::api::session_service_server::SessionService;
use crate::api::{
    FirstUserRequest, ListSessionsRequest, LoginRequest, LogoutRequest, RevokeSessionRequest,
    Session as Document, SessionList, WhoAmI, WhoAmIRequest,
};
use crate::clock;
use crate::daemon::Node;
use crate::daemon::areas::Area;
use crate::model::{Role, Secret, SessionId, UserName};
use crate::store::trust::Session;
use crate::web::access::Identity;
use crate::web::accounts::Opened;
use std::sync::Arc;
use tonic::metadata::MetadataValue;
use tonic::{Request, Response, Status};

/// Answers for one instance.
pub(super) struct Service {
    node: Arc<Node>,
}

impl Service {
    pub(super) const fn new(node: Arc<Node>) -> Self {
        Self { node }
    }

    async fn who(&self, identity: &Identity) -> Result<WhoAmI, Status> {
        let users_exist = self.node.accounts.has_users().await?;
        let instance = match identity.role {
            Some(_) => self.node.config.current().instance.to_string(),
            None => String::new(),
        };
        Ok(WhoAmI {
            instance,
            user: identity.user.as_ref().map(ToString::to_string),
            role: identity.role.map_or("none", Role::as_str).to_owned(),
            users_exist,
            loopback: identity.visitor.loopback,
            code_needed: !users_exist && !identity.visitor.loopback,
        })
    }

    async fn opened(&self, opened: Opened) -> Result<Response<WhoAmI>, Status> {
        self.node.areas.changed(Area::Users);
        with_cookie(self.who(&opened.identity).await?, &opened.cookie)
    }

    async fn list_of(&self, asker: &Asker) -> Result<SessionList, Status> {
        let (of, current) = match asker {
            Asker::Web(identity) if !asker.is(Role::Admin) => {
                (Some(named(identity)?), identity.session)
            }
            Asker::Web(identity) => (None, identity.session),
            Asker::Socket => (None, None),
        };
        let read =
            move |trust: &crate::store::Trust, _: &_| trust.sessions(of.as_ref(), clock::now());
        let sessions = self.node.with_trust(read).await.map_err(refuse::store)?;
        let sessions = sessions.iter().map(|session| document(session, current)).collect();
        Ok(SessionList { sessions })
    }

    /// Ends one login that the asker sees.
    async fn end(&self, asker: &Asker, id: &str) -> Result<(), Status> {
        let seen = self.list_of(asker).await?.sessions;
        let unknown = || refuse::not_found(format!("there is no login {id:?}"), "list them anew");
        seen.iter().find(|session| session.id == id).ok_or_else(unknown)?;
        self.node.accounts.end_session(refuse::field("id", id)?).await?;
        Ok(())
    }
}

#[tonic::async_trait]
impl SessionService for Service {
    async fn who_am_i(&self, request: Request<WhoAmIRequest>) -> Result<Response<WhoAmI>, Status> {
        match Asker::of(&request) {
            Asker::Web(identity) => Ok(Response::new(self.who(&identity).await?)),
            Asker::Socket => Ok(Response::new(WhoAmI {
                instance: self.node.config.current().instance.to_string(),
                user: None,
                role: Role::Admin.to_string(),
                users_exist: self.node.accounts.has_users().await?,
                loopback: true,
                code_needed: false,
            })),
        }
    }

    async fn login(&self, request: Request<LoginRequest>) -> Result<Response<WhoAmI>, Status> {
        let by = visitor(&request)?;
        let LoginRequest { user, password } = request.into_inner();
        let opened = self.node.accounts.login(&by, &user, Secret::new(password)).await?;
        self.opened(opened).await
    }

    async fn logout(&self, request: Request<LogoutRequest>) -> Result<Response<WhoAmI>, Status> {
        let by = visitor(&request)?;
        let cookie = self.node.accounts.logout(&by).await?;
        self.node.areas.changed(Area::Users);
        with_cookie(self.who(&Identity::nobody(by.visitor)).await?, &cookie)
    }

    async fn create_first_user(
        &self,
        request: Request<FirstUserRequest>,
    ) -> Result<Response<WhoAmI>, Status> {
        let by = visitor(&request)?;
        let FirstUserRequest { user, password, code } = request.into_inner();
        let (password, code) = (Secret::new(password), code.map(Secret::new));
        let opened = self.node.accounts.create_first(&by, &user, password, code).await?;
        self.opened(opened).await
    }

    async fn list(
        &self,
        request: Request<ListSessionsRequest>,
    ) -> Result<Response<SessionList>, Status> {
        Ok(Response::new(self.list_of(&Asker::of(&request)).await?))
    }

    async fn revoke(
        &self,
        request: Request<RevokeSessionRequest>,
    ) -> Result<Response<SessionList>, Status> {
        let asker = Asker::of(&request);
        let id = request.into_inner().id;
        match (&asker, id.as_str()) {
            (Asker::Web(identity), "") => {
                let user = named(identity)?;
                self.node.accounts.end_others(user, identity.session).await?;
            }
            (_, id) => self.end(&asker, id).await?,
        }
        self.node.areas.changed(Area::Users);
        Ok(Response::new(self.list_of(&asker).await?))
    }
}

/// Who came by HTTP: only a browser has use for a login.
fn visitor<T>(request: &Request<T>) -> Result<Identity, Status> {
    match Asker::of(request) {
        Asker::Web(identity) => Ok(*identity),
        Asker::Socket => {
            let message = "the socket needs no login";
            Err(refuse::not_now("socket", message, "sign in at the web address"))
        }
    }
}

/// The name of who is signed in; a key and the loopback of an instance without users have none.
fn named(identity: &Identity) -> Result<UserName, Status> {
    let message = "nobody is signed in with a name";
    identity.user.clone().ok_or_else(|| refuse::not_now("no-login", message, "sign in"))
}

fn with_cookie(answer: WhoAmI, cookie: &Secret) -> Result<Response<WhoAmI>, Status> {
    let mut value: MetadataValue<_> =
        cookie.expose().parse().map_err(|_| Status::internal("the cookie is no header"))?;
    value.set_sensitive(true);
    let mut response = Response::new(answer);
    response.metadata_mut().insert("set-cookie", value);
    Ok(response)
}

fn document(session: &Session, current: Option<SessionId>) -> Document {
    Document {
        id: session.id.to_string(),
        user: session.user.to_string(),
        created_at: session.created_at.to_string(),
        last_used: session.last_used.to_string(),
        expires_at: session.ends_at().to_string(),
        address: session.address.clone(),
        agent: session.agent.clone(),
        current: current == Some(session.id),
    }
}
