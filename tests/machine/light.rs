//! Empty repositories that open in a moment.
//!
//! restic makes the key of a new repository so that to open it takes a fifth of a second of the
//! machine, each time that restic is run; what a test makes a hundred runs of spends its time there.
//! These are repositories as `restic init` makes them, whose keys (of the passwords `correct horse` and
//! `swordfish`) were wrapped again with a scrypt of 1024 rounds. Nothing else about them is different.
#![allow(dead_code, unreachable_pub)]

use std::fs;
use std::path::Path;

/// Puts one of the three there.
pub fn repository(at: &Path, which: u8) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/light/{which}"));
    for folder in ["data", "index", "keys", "locks", "snapshots"] {
        fs::create_dir_all(at.join(folder)).unwrap();
    }
    fs::copy(from.join("config"), at.join("config")).unwrap();
    for key in fs::read_dir(from.join("keys")).unwrap() {
        let key = key.unwrap();
        fs::copy(key.path(), at.join("keys").join(key.file_name())).unwrap();
    }
}
