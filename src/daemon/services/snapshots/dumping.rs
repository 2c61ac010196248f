//! Files out of a snapshot, streamed.

use super::super::refuse;
use super::super::stream::{Answers, Outlet, Stop, streamed};
use super::named::{self, Found};
use super::paths;
use crate::api::{DumpChunk, DumpRequest};
use crate::daemon::Node;
use crate::restic::{Archive, Dump, EntryKind};
use std::sync::Arc;
use tonic::{Response, Status};

pub(super) async fn dump(
    node: &Arc<Node>,
    request: DumpRequest,
) -> Result<Response<Answers<DumpChunk>>, Status> {
    let path = paths::path(&request.path)?;
    let wanted = request.format.as_deref().map(archive).transpose()?;
    let found = named::find(node, &request.snapshot.unwrap_or_default()).await?;
    let kinds = paths::kinds(node, &found, std::slice::from_ref(&path)).await?;
    let kind = kinds.get(&path).copied().unwrap_or(EntryKind::Other);
    let format = format(&path, kind, wanted)?;
    let archive = wanted.unwrap_or(Archive::Tar);
    let dump = Dump { snapshot: found.snapshot.id.clone(), path, archive };
    let node = Arc::clone(node);
    Ok(streamed(move |outlet| send(node, found, dump, format, outlet)))
}

fn archive(text: &str) -> Result<Archive, Status> {
    match text {
        "tar" => Ok(Archive::Tar),
        "zip" => Ok(Archive::Zip),
        _ => Err(refuse::invalid(format!("format {text:?} is not known"), "it is tar or zip")),
    }
}

/// What will come.
fn format(path: &str, kind: EntryKind, wanted: Option<Archive>) -> Result<&'static str, Status> {
    match (kind, wanted) {
        (EntryKind::File, None) => Ok("file"),
        (EntryKind::File, Some(_)) => Err(refuse::invalid(
            format!("{path:?} is a file, and only a folder is packed"),
            "leave out the format",
        )),
        (EntryKind::Dir, None | Some(Archive::Tar)) => Ok("tar"),
        (EntryKind::Dir, Some(Archive::Zip)) => Ok("zip"),
        (
            EntryKind::Symlink
            | EntryKind::Device
            | EntryKind::CharDevice
            | EntryKind::Fifo
            | EntryKind::Socket
            | EntryKind::Other,
            _,
        ) => {
            let message = format!("{path:?} is a {kind}, which has no content");
            Err(refuse::invalid(message, "dump the folder that it is in, or restore it"))
        }
    }
}

async fn send(
    node: Arc<Node>,
    found: Found,
    dump: Dump,
    format: &'static str,
    outlet: Outlet<DumpChunk>,
) -> Result<(), Stop> {
    let mut pieces = node.engine.dump(&found.repo, dump).await.map_err(refuse::job)?;
    outlet.send(DumpChunk { format: Some(format.to_owned()), data: Vec::new() }).await?;
    while let Some(piece) = pieces.next().await {
        let data = piece.map_err(refuse::cut_short)?;
        outlet.send(DumpChunk { format: None, data }).await?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_a_folder_is_packed_and_only_what_has_content_is_dumped() {
        assert_eq!(format("/x", EntryKind::File, None).unwrap(), "file");
        assert_eq!(format("/x", EntryKind::Dir, None).unwrap(), "tar");
        assert_eq!(format("/x", EntryKind::Dir, Some(Archive::Zip)).unwrap(), "zip");
        assert!(format("/x", EntryKind::File, Some(Archive::Tar)).is_err());
        let said = format("/x", EntryKind::Symlink, None).unwrap_err();
        assert!(said.message().contains("\"/x\" is a symlink"), "{said:?}");
        assert!(archive("rar").is_err());
    }
}
