//! What joins the parts into an instance. So far: who comes in, its sessions, what the engine works
//! on, and what each plan promises.

pub mod admission;
pub mod expectations;
pub mod links;
pub mod ports;
