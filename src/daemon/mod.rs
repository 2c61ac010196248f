//! What joins the parts into an instance. So far: who comes in.

pub mod admission;
