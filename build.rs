//! Compiles `proto/` to Rust without protoc.

use std::io::Result;
use std::path::Path;

const PROTOS: [&str; 3] = [
    "proto/holdfast/log/v1/log.proto",
    "proto/holdfast/sync/v1/sync.proto",
    "proto/holdfast/api/v1/api.proto",
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
        .compile_fds(files)
}
