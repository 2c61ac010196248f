//! Compiles `proto/` to Rust without protoc.

use std::io::Result;
use std::path::Path;

const PROTOS: [&str; 4] = [
    "proto/holdfast/log/v1/log.proto",
    "proto/holdfast/sync/v1/sync.proto",
    "proto/holdfast/api/v1/api.proto",
    "proto/holdfast/api/v1/upkeep.proto",
];

/// Messages of the API that carry a secret: they cannot be printed (invariant C2).
const API_SECRETS: [&str; 6] = [
    ".holdfast.api.v1.CreatedToken",
    ".holdfast.api.v1.PreviewRequest",
    ".holdfast.api.v1.JoinRequest",
    ".holdfast.api.v1.PasswordSource",
    ".holdfast.api.v1.AddRepoRequest",
    ".holdfast.api.v1.EditRepoRequest",
];

fn main() -> Result<()> {
    println!("cargo:rerun-if-changed=proto");
    let present: Vec<_> = PROTOS.iter().filter(|path| Path::new(path).exists()).collect();
    let files = protox::compile(present, ["proto"]).map_err(std::io::Error::other)?;
    tonic_prost_build::configure()
        .bytes(".holdfast.sync.v1")
        .bytes(".holdfast.log.v1")
        .btree_map(".")
        // The API's messages are the public JSON documents: one definition for both.
        .message_attribute(".holdfast.api.v1", "#[derive(serde::Serialize, serde::Deserialize)]")
        .skip_debug(API_SECRETS)
        .compile_fds(files)
}
