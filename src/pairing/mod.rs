//! Token text, and redeeming a token at a given now.
