//! Who asks: what the HTTP surface says, or whoever can open the socket.

use super::refuse;
use crate::daemon::Node;
use crate::model::Role;
use crate::web::access::Identity;
use tonic::{Request, Status};

/// Who sent a request.
#[derive(Debug, Clone)]
pub(super) enum Asker {
    /// Somebody at the socket, whose mode is the whole of its access control.
    Socket,
    /// Somebody who came by HTTP and was let in.
    Web(Box<Identity>),
}

impl Asker {
    /// Who sent this.
    pub(super) fn of<T>(request: &Request<T>) -> Self {
        match request.extensions().get::<Identity>() {
            Some(identity) => Self::Web(Box::new(identity.clone())),
            None => Self::Socket,
        }
    }

    /// The user, or the label of the API key; `None` on the machine itself, without a login.
    pub(super) async fn name(&self, node: &Node) -> Option<String> {
        let Self::Web(identity) = self else { return None };
        if let Some(user) = &identity.user {
            return Some(user.to_string());
        }
        let id = identity.key?;
        let keys = node.with_trust(|trust, _| trust.api_keys()).await.unwrap_or_default();
        let label = keys.into_iter().find(|key| key.id == id).map(|key| key.label);
        let label = label.filter(|label| !label.is_empty()).unwrap_or_else(|| id.to_string());
        Some(format!("API key {label}"))
    }

    /// Where a method's least role is not enough for all that it can be asked.
    pub(super) fn must_be(&self, role: Role) -> Result<(), Status> {
        match self {
            Self::Socket => Ok(()),
            Self::Web(identity) => Ok(identity.must_be(role)?),
        }
    }

    /// A command that this machine is to run is written by whoever can write its files, or open its
    /// socket; what comes by HTTP names none, whatever its role.
    pub(super) fn names_no_command(&self, field: &str, is_named: bool) -> Result<(), Status> {
        match self {
            Self::Web(_) if is_named => {
                let message = format!("{field}: commands are not taken by the web interface");
                let remedy = "write it into the config file, or use the command line there";
                Err(refuse::not_now("by-hand", message, remedy))
            }
            Self::Web(_) | Self::Socket => Ok(()),
        }
    }

    /// A stored secret is shown to whoever can open the socket; no browser receives one, whatever its
    /// role.
    pub(super) fn is_at_the_socket(&self, command: &str) -> Result<(), Status> {
        match self {
            Self::Web(_) => {
                let message = "stored secrets are not shown by the web interface".to_owned();
                let remedy = format!("run `{command}` on this machine");
                Err(refuse::not_now("by-hand", message, &remedy))
            }
            Self::Socket => Ok(()),
        }
    }

    /// Whether they may do what takes this role.
    pub(super) fn is(&self, role: Role) -> bool {
        self.must_be(role).is_ok()
    }
}
