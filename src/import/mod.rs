//! What other programs leave behind, as a configuration and a history of holdfast.
//!
//! It writes nothing: what it makes is handed out, and the caller decides where it goes.

pub mod backrest;
