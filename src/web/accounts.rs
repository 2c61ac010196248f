//! Users, their logins, and API keys: opened, changed, ended.
//!
//! 1. A login has a new secret, whatever the browser held before; the one it held ends.
//! 2. A wrong name and a wrong password are the same answer after the same work.
//! 3. Every try counts for its address and for its account before it is looked at.

use super::access::{Identity, KEY_PREFIX, Visitor};
use super::cookie::CookieName;
use super::first_code::FirstCode;
use super::limits::{Limits, Subject};
use super::password::Passwords;
use super::refusal::Refusal;
use crate::clock;
use crate::model::{AccessSecret, ApiKeyId, KeyId, Role, Secret, SessionId, UserName};
use crate::store::trust::{ApiKey, LONGEST, NewSession, NewUser, UserChange};
use crate::store::{StoreError, Trust};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Everybody who may use the web interface of one instance.
pub struct Accounts {
    trust: Arc<Trust>,
    passwords: Passwords,
    limits: Limits,
    code: Mutex<Option<FirstCode>>,
    cookie: CookieName,
    changed: watch::Sender<()>,
}

/// A login that was opened.
pub struct Opened {
    /// Whose.
    pub identity: Identity,
    /// The `Set-Cookie` header that keeps it.
    pub cookie: Secret,
}

impl Accounts {
    /// Those in this store, of the instance with this key.
    #[must_use]
    pub fn new(trust: Arc<Trust>, key: KeyId) -> Self {
        Self {
            trust,
            passwords: Passwords::default(),
            limits: Limits::default(),
            code: Mutex::new(None),
            cookie: CookieName::of(key),
            changed: watch::Sender::new(()),
        }
    }

    /// Makes the code by which the first user may be created from another machine; `None` where
    /// there is a user already.
    ///
    /// # Errors
    /// The store cannot be read, or the system has no randomness.
    pub fn invite(&self) -> Result<Option<Secret>, Refusal> {
        if self.trust.has_users()? {
            return Ok(None);
        }
        let code = FirstCode::from_bytes(random()?);
        let shown = code.reveal();
        self.set_code(Some(code));
        Ok(Some(shown))
    }

    /// The cookie of this instance.
    pub(super) const fn cookie(&self) -> &CookieName {
        &self.cookie
    }

    /// Tells of every change of who may do what.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Opens a login; the one that came along with the request ends.
    ///
    /// # Errors
    /// Name or password is wrong, or it was tried too often.
    pub async fn login(
        &self,
        by: &Identity,
        name: &str,
        password: Secret,
    ) -> Result<Opened, Refusal> {
        // Phones begin words with a capital.
        let name = name.trim().to_ascii_lowercase().parse::<UserName>().ok();
        let tried = self.count_try(&by.visitor, name.as_ref()).await?;
        let wanted = name.clone();
        let read = move |trust: &Trust| match wanted {
            Some(name) => Ok(trust.credentials(&name)?),
            None => Ok(None),
        };
        let credentials = self.with_trust(read).await?;
        let hash = credentials.as_ref().map(|found| found.password.clone());
        let right = self.passwords.verify(password, hash).await?;
        let (true, Some(name), Some(credentials)) = (right, name, credentials) else {
            tracing::warn!(address = %by.visitor.address, "a login was refused");
            return Err(Refusal::WrongLogin);
        };
        self.forgive(&tried);
        self.open(by, name, credentials.role, credentials.password).await
    }

    async fn open(
        &self,
        by: &Identity,
        user: UserName,
        role: Role,
        password: Secret,
    ) -> Result<Opened, Refusal> {
        let (secret, id) = (AccessSecret::from_bytes(random()?), SessionId::from_bytes(random()?));
        let new = NewSession {
            id,
            token: secret.hash(),
            user: user.clone(),
            address: by.visitor.address.to_string(),
            agent: by.visitor.agent.clone(),
        };
        let before = by.session;
        let opened = self.with_trust(move |trust| {
            Ok(trust.open_session(&new, &password, before, clock::now())?)
        });
        if !opened.await? {
            return Err(Refusal::WrongLogin);
        }
        self.told();
        let visitor = by.visitor.clone();
        tracing::info!(%user, address = %visitor.address, "signed in");
        let cookie = self.cookie.set(&secret, LONGEST, visitor.transport);
        let nobody = Identity::nobody(visitor);
        let identity = Identity { user: Some(user), role: Some(role), session: Some(id), ..nobody };
        Ok(Opened { identity, cookie })
    }

    /// Ends the caller's login. The `Set-Cookie` header that has the browser forget it.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn logout(&self, by: &Identity) -> Result<Secret, Refusal> {
        if let Some(id) = by.session {
            self.with_trust(move |trust| Ok(trust.end_session(id)?)).await?;
            self.told();
        }
        Ok(self.cookie.clear(by.visitor.transport))
    }

    /// Creates the first user, an admin, and signs them in.
    ///
    /// # Errors
    /// There is one, or the caller is elsewhere and has not the code.
    pub async fn create_first(
        &self,
        by: &Identity,
        name: &str,
        password: Secret,
        code: Option<Secret>,
    ) -> Result<Opened, Refusal> {
        if self.has_users().await? {
            return Err(Refusal::UsersExist);
        }
        if !by.visitor.loopback {
            self.check_code(&by.visitor, code.as_ref())?;
        }
        let name: UserName = name.trim().parse()?;
        let password = self.passwords.hash(password).await?;
        let user = NewUser { name: name.clone(), password: password.clone(), role: Role::Admin };
        if !self.with_trust(move |trust| Ok(trust.add_first_user(&user, clock::now())?)).await? {
            return Err(Refusal::UsersExist);
        }
        self.set_code(None);
        self.open(by, name, Role::Admin, password).await
    }

    fn check_code(&self, visitor: &Visitor, typed: Option<&Secret>) -> Result<(), Refusal> {
        let subject = Subject::address(visitor.address);
        self.limits.take(&subject, clock::monotonic()).map_err(Refusal::TooOften)?;
        let code = self.code.lock().unwrap_or_else(PoisonError::into_inner);
        let code = code.as_ref().ok_or(Refusal::NoCode)?;
        if !typed.is_some_and(|typed| code.is(typed)) {
            return Err(Refusal::WrongCode);
        }
        self.limits.give_back(&subject);
        Ok(())
    }

    /// Adds a user. `false` if the name is taken.
    ///
    /// # Errors
    /// It is no password.
    pub async fn add(&self, name: UserName, password: Secret, role: Role) -> Result<bool, Refusal> {
        let password = self.passwords.hash(password).await?;
        let user = NewUser { name, password, role };
        let added = self.with_trust(move |trust| Ok(trust.add_user(&user, clock::now())?)).await?;
        self.set_code(None);
        self.told();
        Ok(added)
    }

    /// Sets a password, and ends the user's other logins. `false` if there is no such user.
    ///
    /// # Errors
    /// It is no password.
    pub async fn set_password(
        &self,
        name: UserName,
        password: Secret,
        keep: Option<SessionId>,
    ) -> Result<bool, Refusal> {
        let hash = self.passwords.hash(password).await?;
        let set = move |trust: &Trust| Ok(trust.set_password(&name, &hash, keep)?);
        let found = self.with_trust(set).await?;
        self.told();
        Ok(found)
    }

    /// Whether this is the password of somebody who is signed in: a stolen login shall not become
    /// a stolen account.
    ///
    /// # Errors
    /// It is not, or it was tried too often.
    pub async fn confirm(
        &self,
        by: &Identity,
        name: &UserName,
        password: Secret,
    ) -> Result<(), Refusal> {
        let account = Subject::Account(name.clone());
        self.limits.take(&account, clock::monotonic()).map_err(Refusal::TooOften)?;
        let wanted = name.clone();
        let found = self.with_trust(move |trust| Ok(trust.credentials(&wanted)?)).await?;
        if !self.passwords.verify(password, found.map(|found| found.password)).await? {
            tracing::warn!(user = %name, address = %by.visitor.address, "a password was refused");
            return Err(Refusal::WrongPassword);
        }
        self.limits.give_back(&account);
        Ok(())
    }

    /// Sets a role, and ends the user's logins.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn set_role(&self, name: UserName, role: Role) -> Result<UserChange, Refusal> {
        let change = self.with_trust(move |trust| Ok(trust.set_role(&name, role)?)).await?;
        self.told();
        Ok(change)
    }

    /// Removes a user and their logins.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn remove(&self, name: UserName) -> Result<UserChange, Refusal> {
        let change = self.with_trust(move |trust| Ok(trust.remove_user(&name)?)).await?;
        self.told();
        Ok(change)
    }

    /// Ends a login. `false` if there is none with this id.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn end_session(&self, id: SessionId) -> Result<bool, Refusal> {
        let ended = self.with_trust(move |trust| Ok(trust.end_session(id)?)).await?;
        self.told();
        Ok(ended)
    }

    /// Ends all logins of a user but one.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn end_others(&self, user: UserName, keep: Option<SessionId>) -> Result<(), Refusal> {
        self.with_trust(move |trust| Ok(trust.end_other_sessions(&user, keep)?)).await?;
        self.told();
        Ok(())
    }

    /// Makes an API key; its secret is in this answer only.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn create_key(
        &self,
        label: String,
        role: Role,
        ttl: Option<Duration>,
    ) -> Result<(ApiKey, Secret), Refusal> {
        let (secret, now) = (AccessSecret::from_bytes(random()?), clock::now());
        let key = ApiKey {
            id: ApiKeyId::from_bytes(random()?),
            label,
            role,
            created_at: now,
            expires_at: ttl.map(|ttl| now.plus(ttl)),
            last_used: None,
            last_address: None,
        };
        let (stored, hash) = (key.clone(), secret.hash());
        self.with_trust(move |trust| Ok(trust.add_api_key(&stored, &hash)?)).await?;
        Ok((key, Secret::new(format!("{KEY_PREFIX}{}", secret.reveal().expose()))))
    }

    /// Ends a key. `false` if there is none with this id.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn revoke_key(&self, id: ApiKeyId) -> Result<bool, Refusal> {
        let ended = self.with_trust(move |trust| Ok(trust.revoke_api_key(id)?)).await?;
        self.told();
        Ok(ended)
    }

    /// Whether there is any user.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn has_users(&self) -> Result<bool, Refusal> {
        self.with_trust(|trust| Ok(trust.has_users()?)).await
    }

    /// Counts a try to sign in. An address from which the user is signed in is not held up by what
    /// others try with that name.
    async fn count_try(
        &self,
        visitor: &Visitor,
        name: Option<&UserName>,
    ) -> Result<Vec<Subject>, Refusal> {
        let mut subjects = vec![Subject::address(visitor.address)];
        if let Some(name) = name {
            let (user, address) = (name.clone(), visitor.address.to_string());
            let known = self.with_trust(move |trust| {
                Ok(trust.is_session_from(&user, &address, clock::now())?)
            });
            if !known.await? {
                subjects.push(Subject::Account(name.clone()));
            }
        }
        for subject in &subjects {
            self.limits.take(subject, clock::monotonic()).map_err(Refusal::TooOften)?;
        }
        Ok(subjects)
    }

    fn forgive(&self, subjects: &[Subject]) {
        for subject in subjects {
            self.limits.give_back(subject);
        }
    }

    fn set_code(&self, code: Option<FirstCode>) {
        *self.code.lock().unwrap_or_else(PoisonError::into_inner) = code;
    }

    fn told(&self) {
        self.changed.send_replace(());
    }

    /// A call to `trust.db`, which may wait for the disk.
    pub(super) async fn with_trust<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Trust) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let trust = Arc::clone(&self.trust);
        let called = tokio::task::spawn_blocking(move || call(&trust)).await;
        called.unwrap_or(Err(Refusal::Store(StoreError::Closed)))
    }
}

fn random<const N: usize>() -> Result<[u8; N], Refusal> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| Refusal::Randomness(error.to_string()))?;
    Ok(bytes)
}
