//! What joins the parts into an instance. So far: who comes in, and its sessions.

pub mod admission;
pub mod links;
