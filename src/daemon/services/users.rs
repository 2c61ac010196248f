//! Users of the web interface, and keys of programs.
//!
//! 1. No answer carries a password or its hash; a key's secret is in the answer that creates it.

use super::asker::Asker;
use super::refuse;
use crate::api::user_service_server::UserService;
use crate::api::{
    AddUserRequest, CreateKeyRequest, CreatedKey, Key, KeyList, ListKeysRequest, ListUsersRequest,
    RemoveUserRequest, RevokeKeyRequest, SetPasswordRequest, SetRoleRequest, User as Document,
    UserList,
};
use crate::clock;
use crate::daemon::Node;
use crate::daemon::areas::Area;
use crate::model::{Role, Secret, SessionId, UserName};
use crate::store::trust::{ApiKey, User, UserChange};
use std::sync::Arc;
use std::time::Duration;
use tonic::{Code, Request, Response, Status};

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

    /// Pages that show users, logins or keys ask anew.
    fn changed(&self) {
        self.node.areas.changed(Area::Users);
    }

    async fn all(&self) -> Result<UserList, Status> {
        let users = self.node.with_trust(|trust, _| trust.users(clock::now())).await;
        Ok(UserList { users: users.map_err(refuse::store)?.iter().map(document).collect() })
    }

    async fn one(&self, name: UserName) -> Result<Response<Document>, Status> {
        let wanted = name.clone();
        let found = self.node.with_trust(move |trust, _| trust.user(&wanted, clock::now())).await;
        let user = found.map_err(refuse::store)?.ok_or_else(|| unknown(&name))?;
        Ok(Response::new(document(&user)))
    }

    async fn keys(&self) -> Result<Response<KeyList>, Status> {
        let keys = self.node.with_trust(|trust, _| trust.api_keys()).await;
        Ok(Response::new(KeyList { keys: keys.map_err(refuse::store)?.iter().map(key).collect() }))
    }

    /// As asked, or an admin where there is nobody yet, and a viewer else.
    async fn role_of_new(&self, asked: &str) -> Result<Role, Status> {
        let role = match asked {
            "" => None,
            word => Some(refuse::field::<Role>("role", word)?),
        };
        match (role, self.node.accounts.has_users().await?) {
            (Some(Role::Viewer | Role::Operator), false) => {
                Err(refuse::invalid("the first user is an admin", "leave the role out"))
            }
            (role, true) => Ok(role.unwrap_or(Role::Viewer)),
            (Some(Role::Admin) | None, false) => Ok(Role::Admin),
        }
    }

    /// One's own with the current password; anybody's by an admin. The login that goes on.
    async fn may_set(
        &self,
        asker: &Asker,
        name: &UserName,
        current: Option<String>,
    ) -> Result<Option<SessionId>, Status> {
        match asker {
            Asker::Web(identity) if identity.user.as_ref() == Some(name) => {
                let current = Secret::new(current.unwrap_or_default());
                self.node.accounts.confirm(identity, name, current).await?;
                Ok(identity.session)
            }
            Asker::Web(_) | Asker::Socket => {
                asker.must_be(Role::Admin)?;
                Ok(None)
            }
        }
    }
}

#[tonic::async_trait]
impl UserService for Service {
    async fn list(&self, _: Request<ListUsersRequest>) -> Result<Response<UserList>, Status> {
        Ok(Response::new(self.all().await?))
    }

    async fn add(&self, request: Request<AddUserRequest>) -> Result<Response<Document>, Status> {
        let AddUserRequest { user, password, role } = request.into_inner();
        let name: UserName = refuse::field("user", &user)?;
        let role = self.role_of_new(&role).await?;
        if !self.node.accounts.add(name.clone(), Secret::new(password), role).await? {
            let message = format!("there is a user {name} already");
            let remedy = "holdfast user passwd sets a password, holdfast user role a role";
            return Err(
                crate::api::Error::new("exists", message, remedy).into_status(Code::AlreadyExists)
            );
        }
        self.changed();
        self.one(name).await
    }

    async fn set_password(
        &self,
        request: Request<SetPasswordRequest>,
    ) -> Result<Response<Document>, Status> {
        let asker = Asker::of(&request);
        let SetPasswordRequest { user, password, current } = request.into_inner();
        let name: UserName = refuse::field("user", &user)?;
        let keep = self.may_set(&asker, &name, current).await?;
        if !self.node.accounts.set_password(name.clone(), Secret::new(password), keep).await? {
            return Err(unknown(&name));
        }
        self.changed();
        self.one(name).await
    }

    async fn set_role(
        &self,
        request: Request<SetRoleRequest>,
    ) -> Result<Response<Document>, Status> {
        let SetRoleRequest { user, role } = request.into_inner();
        let name: UserName = refuse::field("user", &user)?;
        let role = refuse::field("role", &role)?;
        done(self.node.accounts.set_role(name.clone(), role).await?, &name)?;
        self.changed();
        self.one(name).await
    }

    async fn remove(
        &self,
        request: Request<RemoveUserRequest>,
    ) -> Result<Response<UserList>, Status> {
        let name: UserName = refuse::field("user", &request.into_inner().user)?;
        done(self.node.accounts.remove(name.clone()).await?, &name)?;
        self.changed();
        Ok(Response::new(self.all().await?))
    }

    async fn list_keys(&self, _: Request<ListKeysRequest>) -> Result<Response<KeyList>, Status> {
        self.keys().await
    }

    async fn create_key(
        &self,
        request: Request<CreateKeyRequest>,
    ) -> Result<Response<CreatedKey>, Status> {
        let CreateKeyRequest { label, role, ttl_s } = request.into_inner();
        let (label, role) = (one_line(&label)?, refuse::field("role", &role)?);
        if ttl_s == Some(0) {
            return Err(refuse::invalid("a key that lives for 0 s is useless", "use 1h or more"));
        }
        let ttl = ttl_s.map(Duration::from_secs);
        let (made, secret) = self.node.accounts.create_key(label, role, ttl).await?;
        self.changed();
        let secret = secret.expose().to_owned();
        Ok(Response::new(CreatedKey { key: Some(key(&made)), secret }))
    }

    async fn revoke_key(
        &self,
        request: Request<RevokeKeyRequest>,
    ) -> Result<Response<KeyList>, Status> {
        let id = request.into_inner().id;
        if !self.node.accounts.revoke_key(refuse::field("id", &id)?).await? {
            let message = format!("there is no API key {id}");
            return Err(refuse::not_found(message, "holdfast user key list"));
        }
        self.changed();
        self.keys().await
    }
}

fn unknown(name: &UserName) -> Status {
    refuse::not_found(format!("there is no user {name}"), "holdfast user list")
}

fn done(change: UserChange, name: &UserName) -> Result<(), Status> {
    match change {
        UserChange::Done => Ok(()),
        UserChange::Unknown => Err(unknown(name)),
        UserChange::LastAdmin => {
            let message = format!("{name} is the last admin, and there are other users");
            Err(refuse::not_now("last-admin", message, "make another user an admin first"))
        }
    }
}

fn one_line(text: &str) -> Result<String, Status> {
    let text = text.trim();
    if text.len() > MAX_LABEL || text.chars().any(char::is_control) {
        let message = format!("the label has {} bytes or control characters", text.len());
        return Err(refuse::invalid(message, &format!("use one line of at most {MAX_LABEL}")));
    }
    Ok(text.to_owned())
}

fn document(user: &User) -> Document {
    Document {
        user: user.name.to_string(),
        role: user.role.to_string(),
        created_at: user.created_at.to_string(),
        last_login: user.last_login.map(|at| at.to_string()),
        sessions: user.sessions,
    }
}

fn key(key: &ApiKey) -> Key {
    Key {
        id: key.id.to_string(),
        label: key.label.clone(),
        role: key.role.to_string(),
        created_at: key.created_at.to_string(),
        expires_at: key.expires_at.map(|at| at.to_string()),
        last_used: key.last_used.map(|at| at.to_string()),
        last_address: key.last_address.clone(),
    }
}
