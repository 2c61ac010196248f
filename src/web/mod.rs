//! The web interface: who may use it.
//!
//! Decides nothing about backups or peers; what is asked for through it is answered by the same
//! services as on the socket.
//!
//! 1. Without any user only this machine itself is answered; as soon as there is one, nobody is
//!    without signing in.
//! 2. A method that no table row names is refused.

pub mod access;
pub mod accounts;
pub mod cookie;
pub mod first_code;
pub mod limits;
pub mod password;
pub mod refusal;
pub mod roles;
