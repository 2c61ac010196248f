//! The web interface's messages (`ui/src/gen`) are those of `proto/`.
//!
//! `HOLDFAST_WRITE_MESSAGES=1 cargo test --test ui_messages` writes them anew; it needs Node and
//! `npm ci` in `ui`.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::process::Command;

use sha2::{Digest, Sha256};

const WRITE: &str = "HOLDFAST_WRITE_MESSAGES";

fn ui() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("ui")
}

fn write_messages() {
    let folder = tempfile::tempdir().unwrap();
    let set = folder.path().join("descriptors.bin");
    std::fs::write(&set, holdfast::api::DESCRIPTORS).unwrap();
    let made =
        Command::new("node").current_dir(ui()).arg("scripts/messages.mjs").arg(&set).status();
    assert!(made.unwrap().success(), "scripts/messages.mjs failed");
}

#[test]
fn the_messages_of_the_ui_are_those_of_the_protos() {
    if std::env::var_os(WRITE).is_some() {
        write_messages();
    }
    let digest = Sha256::digest(holdfast::api::DESCRIPTORS);
    let now: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let written = std::fs::read_to_string(ui().join("src/gen/DESCRIPTORS.sha256")).unwrap();
    assert_eq!(
        written.trim(),
        now,
        "ui/src/gen is older than proto/: run {WRITE}=1 cargo test --test ui_messages"
    );
}
