//! Identity, KEM, transcript, typestate handshake, sealed channel.
