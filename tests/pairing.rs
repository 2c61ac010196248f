//! Pairing and what becomes of peers, with the real binary on both sides.
#![allow(clippy::unwrap_used)]

mod machine;

use machine::Machine;

#[test]
fn a_machine_keeps_its_key_over_a_kill() {
    let mut nas = Machine::start("nas");
    let key = nas.key();
    nas.restart();
    assert_eq!(nas.key(), key);
}
