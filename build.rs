//! Compiles `proto/` to Rust without protoc, and the web interface's files into the program.

#[path = "ui/embed.rs"]
mod assets;

use prost::Message as _;
use std::io::{Error, Result};
use std::path::{Path, PathBuf};

const PROTOS: [&str; 10] = [
    "proto/holdfast/log/v1/log.proto",
    "proto/holdfast/sync/v1/sync.proto",
    "proto/holdfast/api/v1/api.proto",
    "proto/holdfast/api/v1/command.proto",
    "proto/holdfast/api/v1/draft.proto",
    "proto/holdfast/api/v1/fleet.proto",
    "proto/holdfast/api/v1/hooks.proto",
    "proto/holdfast/api/v1/session.proto",
    "proto/holdfast/api/v1/settings.proto",
    "proto/holdfast/api/v1/upkeep.proto",
];

/// Messages of the API that carry a secret: they cannot be printed (invariant C2).
const API_SECRETS: [&str; 15] = [
    ".holdfast.api.v1.CreatedToken",
    ".holdfast.api.v1.PreviewRequest",
    ".holdfast.api.v1.JoinRequest",
    ".holdfast.api.v1.PasswordSource",
    ".holdfast.api.v1.AddRepoRequest",
    ".holdfast.api.v1.EditRepoRequest",
    ".holdfast.api.v1.LoginRequest",
    ".holdfast.api.v1.FirstUserRequest",
    ".holdfast.api.v1.AddUserRequest",
    ".holdfast.api.v1.SetPasswordRequest",
    ".holdfast.api.v1.CreatedKey",
    ".holdfast.api.v1.CheckRepoRequest",
    ".holdfast.api.v1.Written",
    ".holdfast.api.v1.PutChannelRequest",
    ".holdfast.api.v1.ImportRequest",
];

fn out_dir() -> Result<PathBuf> {
    std::env::var_os("OUT_DIR").map(PathBuf::from).ok_or_else(|| Error::other("no OUT_DIR"))
}

fn main() -> Result<()> {
    println!("cargo:rerun-if-changed=proto");
    assets::compress(&out_dir()?)?;
    let present: Vec<_> = PROTOS.iter().filter(|path| Path::new(path).exists()).collect();
    let files = protox::Compiler::new(["proto"])
        .and_then(|mut compiler| {
            compiler.include_imports(true).include_source_info(true).open_files(present)?;
            Ok(compiler.file_descriptor_set())
        })
        .map_err(Error::other)?;
    std::fs::write(out_dir()?.join("descriptors.bin"), files.encode_to_vec())?;
    tonic_prost_build::configure()
        .bytes(".holdfast.sync.v1")
        .bytes(".holdfast.log.v1")
        .btree_map(".")
        // The API's messages are the public JSON documents: one definition for both.
        .message_attribute(".holdfast.api.v1", "#[derive(serde::Serialize, serde::Deserialize)]")
        .skip_debug(API_SECRETS)
        .compile_fds(files)
}
