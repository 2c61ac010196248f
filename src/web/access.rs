//! Who may call what: decided here, asked by the HTTP surface before each call.

use crate::api::Error;
use crate::model::Secret;
use std::future::Future;
use std::net::IpAddr;
use tonic::{Code, Status};

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

/// Who it is found to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user; `None` without users.
    pub user: Option<String>,
}

/// Decides.
pub trait Access: Send + Sync + 'static {
    /// Whether `caller` may call the method of this path (`/package.Service/Method`).
    fn enter(
        &self,
        caller: &Caller,
        method_path: &str,
    ) -> impl Future<Output = Result<Identity, Status>> + Send;
}

/// Without any user: this machine itself may do everything, and nobody else anything.
#[derive(Debug, Clone, Copy, Default)]
pub struct LoopbackOnly;

impl Access for LoopbackOnly {
    async fn enter(&self, caller: &Caller, _: &str) -> Result<Identity, Status> {
        if caller.loopback {
            return Ok(Identity { user: None });
        }
        let message = "this instance has no user yet, and so it answers on its own machine only";
        let remedy = "open http://127.0.0.1:9898 on the machine itself and create a login there";
        Err(Error::new("loopback-only", message, remedy).into_status(Code::PermissionDenied))
    }
}
