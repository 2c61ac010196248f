//! A folder of this machine, for choosing what to back up.
//!
//! 1. No link is followed, on the way or at the end: restic would save the link, not what it names.
//! 2. At most [`MOST_ENTRIES`] names are looked at, and at most [`MOST_LISTED`] are told at once.

use super::refuse;
use crate::api::{Error, Folder, FolderEntry, FolderRequest};
use rustix::fs::{Access, access};
use std::ffi::OsString;
use std::fs::{self, DirEntry};
use std::io;
use std::path::{Component, Path, PathBuf};
use tonic::{Code, Status};

/// No folder is read further.
const MOST_ENTRIES: usize = 200_000;
/// Of one answer.
const MOST_LISTED: u32 = 2_000;
const LISTED: u32 = 500;

/// A name before it is looked at closely.
struct Found {
    is_file: bool,
    name: OsString,
    kind: &'static str,
}

pub(super) fn list(request: &FolderRequest) -> Result<Folder, Status> {
    let path = path(&request.path)?;
    without_links(&path)?;
    let mut found = read(&path, request.hidden).map_err(|error| unreadable(&path, &error))?;
    found.sort_by(|a, b| (a.is_file, &a.name).cmp(&(b.is_file, &b.name)));
    let start = match &request.after {
        None => 0,
        Some(after) => {
            let at = found.iter().position(|one| one.name.to_string_lossy() == after.as_str());
            let gone =
                || refuse::invalid(format!("after {after:?}: it is not there"), "begin anew");
            at.ok_or_else(gone)? + 1
        }
    };
    let limit = if request.limit == 0 { LISTED } else { request.limit.min(MOST_LISTED) };
    let limit = limit as usize;
    let entries: Vec<_> = found[start..].iter().take(limit).map(|one| entry(&path, one)).collect();
    let more = found.len() - start > entries.len();
    Ok(Folder { path: path.to_string_lossy().into_owned(), entries, more })
}

/// Absolute, and what it says it is.
fn path(text: &str) -> Result<PathBuf, Status> {
    let text = if text.is_empty() { "/" } else { text };
    let path = Path::new(text);
    let is_plain = path.components().all(|part| match part {
        Component::RootDir | Component::Normal(_) => true,
        Component::Prefix(_) | Component::CurDir | Component::ParentDir => false,
    });
    if !text.starts_with('/') || !is_plain || text.contains('\0') {
        let message = format!("path {text:?}: a path begins with / and has no ..");
        return Err(refuse::invalid(message, "write the whole path"));
    }
    Ok(path.components().collect())
}

fn without_links(path: &Path) -> Result<(), Status> {
    let mut way = PathBuf::new();
    for part in path.components() {
        way.push(part);
        let found = fs::symlink_metadata(&way).map_err(|error| unreadable(&way, &error))?;
        if found.is_symlink() {
            let target = fs::read_link(&way).unwrap_or_default();
            let message = format!("path {way:?} is a link to {target:?}");
            return Err(refuse::invalid(message, "choose what it points to"));
        }
    }
    Ok(())
}

fn unreadable(path: &Path, error: &io::Error) -> Status {
    match error.kind() {
        io::ErrorKind::NotFound => refuse::not_found(format!("{path:?} is not there"), ""),
        io::ErrorKind::NotADirectory => {
            refuse::invalid(format!("path {path:?} is no folder"), "choose the folder it is in")
        }
        io::ErrorKind::PermissionDenied => {
            let message = format!("{path:?} may not be read by the daemon's user");
            Error::new("denied", message, "run the daemon as a user that may")
                .into_status(Code::FailedPrecondition)
        }
        _ => refuse::not_now("file", format!("{path:?} cannot be read: {error}"), ""),
    }
}

fn read(path: &Path, hidden: bool) -> io::Result<Vec<Found>> {
    let is_shown =
        |entry: &DirEntry| hidden || !entry.file_name().as_encoded_bytes().starts_with(b".");
    let mut found = Vec::new();
    for entry in fs::read_dir(path)?.take(MOST_ENTRIES) {
        let entry = entry?;
        if is_shown(&entry) {
            let kind = entry.file_type().map_or("other", kind);
            found.push(Found { is_file: kind != "dir", name: entry.file_name(), kind });
        }
    }
    Ok(found)
}

fn kind(kind: fs::FileType) -> &'static str {
    if kind.is_dir() {
        "dir"
    } else if kind.is_file() {
        "file"
    } else if kind.is_symlink() {
        "symlink"
    } else {
        "other"
    }
}

fn entry(folder: &Path, found: &Found) -> FolderEntry {
    let path = folder.join(&found.name);
    let size =
        fs::symlink_metadata(&path).ok().filter(fs::Metadata::is_file).map(|file| file.len());
    let needed = match found.kind {
        "dir" => Some(Access::READ_OK | Access::EXEC_OK),
        "file" => Some(Access::READ_OK),
        // A link is saved by itself, and nothing of another kind has content.
        _ => None,
    };
    let readable = needed.is_none_or(|needed| access(&path, needed).is_ok());
    let name = found.name.to_string_lossy().into_owned();
    FolderEntry { name, r#type: found.kind.to_owned(), size, readable }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["photos", "Documents", ".config"] {
            fs::create_dir(at(name)).unwrap();
        }
        fs::write(at("a.txt"), "four").unwrap();
        symlink("/etc", at("link")).unwrap();
        folder
    }

    fn ask(path: &Path, after: Option<&str>, limit: u32) -> Result<Folder, Status> {
        let path = path.to_str().unwrap().to_owned();
        let after = after.map(str::to_owned);
        list(&FolderRequest { path, hidden: false, after, limit })
    }

    fn names(folder: &Folder) -> Vec<&str> {
        folder.entries.iter().map(|entry| entry.name.as_str()).collect()
    }

    #[test]
    fn folders_come_first_by_name_in_pages() {
        let folder = folder();
        // The way to a temporary folder may have links of the system in it.
        let path = folder.path().canonicalize().unwrap();
        let all = ask(&path, None, 0).unwrap();
        assert_eq!(names(&all), ["Documents", "photos", "a.txt", "link"]);
        assert!(!all.more && all.entries.iter().all(|entry| entry.readable));
        assert_eq!((all.entries[2].size, all.entries[3].r#type.as_str()), (Some(4), "symlink"));
        let first = ask(&path, None, 3).unwrap();
        assert!(first.more);
        let rest = ask(&path, Some("a.txt"), 3).unwrap();
        assert_eq!((names(&rest), rest.more), (vec!["link"], false));
        assert!(ask(&path, Some("gone"), 3).is_err());
    }

    #[test]
    fn no_link_is_followed_and_no_way_leads_up() {
        let folder = folder();
        let path = folder.path().canonicalize().unwrap();
        let said = |path: &Path| ask(path, None, 0).unwrap_err().message().to_owned();
        assert!(said(&path.join("link")).contains("is a link to \"/etc\""));
        assert!(said(&path.join("link/ssl")).contains("is a link to"));
        assert!(said(&path.join("photos/..")).contains("no .."));
        assert!(said(Path::new("home")).contains("begins with /"));
        assert!(said(&path.join("a.txt")).contains("no folder"));
        assert_eq!(ask(&path.join("gone"), None, 0).unwrap_err().code(), Code::NotFound);
        assert_eq!(ask(Path::new(""), None, 1).unwrap().path, "/");
    }
}
