//! Addresses and folders of peers as requests write them.

use super::refuse;
use crate::pairing::PeerUrl;
use std::path::{Component, Path};
use tonic::Status;

/// No peer has more addresses, or more folders.
const MAX: usize = 8;
/// No peer may use more folders.
const MAX_FOLDERS: usize = 64;

/// Reads addresses of a peer, each once.
pub(super) fn read(texts: &[String]) -> Result<Vec<PeerUrl>, Status> {
    let mut urls = Vec::new();
    for text in texts {
        let url: PeerUrl = refuse::field("url", text)?;
        if !urls.contains(&url) {
            urls.push(url);
        }
    }
    if urls.len() > MAX {
        let message = format!("{} addresses are given, a peer has at most {MAX}", urls.len());
        return Err(refuse::invalid(message, "leave some out"));
    }
    Ok(urls)
}

/// Those that fit, the first ones first, each once.
pub(super) fn merged(urls: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut merged = Vec::new();
    for url in urls {
        if merged.len() < MAX && !merged.contains(&url) {
            merged.push(url);
        }
    }
    merged
}

/// Reads the folders that a peer may use here: absolute, and nothing that climbs out of them.
pub(super) fn folders(texts: &[String]) -> Result<Vec<String>, Status> {
    if texts.len() > MAX_FOLDERS {
        let message =
            format!("{} folders are given, at most {MAX_FOLDERS} are allowed", texts.len());
        return Err(refuse::invalid(message, "give a folder that contains them"));
    }
    for text in texts {
        let path = Path::new(text);
        let climbs = path.components().any(|part| part == Component::ParentDir);
        if !path.is_absolute() || climbs {
            let message = format!("folder {text:?} is not absolute, or has \"..\" in it");
            return Err(refuse::invalid(message, "write it from / on"));
        }
    }
    Ok(texts.to_vec())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_address_is_kept_once_and_a_wrong_one_refuses_all() {
        let urls = read(&texts(&["https://h/", "https://h:443", "http://h"])).unwrap();
        assert_eq!(urls.len(), 2);
        assert!(read(&texts(&["https://h", "h"])).is_err());
    }

    #[test]
    fn a_folder_cannot_climb() {
        assert!(folders(&texts(&["/srv"])).is_ok());
        for bad in ["srv", "/srv/../etc", ""] {
            assert!(folders(&texts(&[bad])).is_err(), "{bad}");
        }
    }
}
