//! Files and folders out of snapshots, as a browser saves them: `GET /download/NAME?…`.
//!
//! What is in a backup is anybody's: a browser is to keep it or, of a picture, show it, and never to
//! take it for a page of ours.

use super::denial::Denial;
use crate::api::snapshot_service_client::SnapshotServiceClient;
use crate::api::{DumpChunk, DumpRequest, SnapshotName};
use axum::body::Body;
use axum::response::Response;
use futures_util::StreamExt as _;
use http::{Extensions, HeaderValue, StatusCode, header};
use std::fmt::Write as _;
use tonic::service::Routes;
use tonic::{Status, Streaming};

pub(super) const PREFIX: &str = "/download/";
/// The method that it stands for.
pub(super) const METHOD: &str = "/holdfast.api.v1.SnapshotService/Dump";
const POLICY: &str = "default-src 'none'; sandbox";

/// What the query asks for.
pub(super) fn wanted(query: &str) -> Result<DumpRequest, Denial> {
    let mut snapshot = SnapshotName::default();
    let mut request = DumpRequest::default();
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        let value = value.into_owned();
        match &*key {
            "snapshot" => snapshot.snapshot = value,
            "repo" => snapshot.repo = Some(value),
            "plan" => snapshot.plan = Some(value),
            "instance" => snapshot.instance = Some(value),
            "path" => request.path = value,
            "format" => request.format = Some(value),
            _ => {
                let message = format!("{key:?} is not known in the query of a download");
                let remedy = "it takes snapshot, repo, plan, instance, path and format";
                return Err(Denial::new(StatusCode::BAD_REQUEST, "invalid", message, remedy));
            }
        }
    }
    Ok(DumpRequest { snapshot: Some(snapshot), ..request })
}

/// Its content. An error within it breaks the answer off, so that nobody takes a part for the whole.
pub(super) async fn download(
    routes: Routes,
    request: DumpRequest,
    extensions: Extensions,
) -> Result<Response, Status> {
    let name = request.path.rsplit('/').find(|part| !part.is_empty()).unwrap_or("root").to_owned();
    let request =
        tonic::Request::from_parts(tonic::metadata::MetadataMap::new(), extensions, request);
    let mut chunks = SnapshotServiceClient::new(routes).dump(request).await?.into_inner();
    let first = chunks.message().await?.unwrap_or_default();
    Ok(answer(&name, first.format.as_deref().unwrap_or("file"), chunks))
}

fn answer(name: &str, format: &str, chunks: Streaming<DumpChunk>) -> Response {
    let (name, media_type) = match format {
        "tar" => (format!("{name}.tar"), "application/x-tar"),
        "zip" => (format!("{name}.zip"), "application/zip"),
        _ => (name.to_owned(), picture(name).unwrap_or("application/octet-stream")),
    };
    let body = Body::from_stream(chunks.map(|chunk| chunk.map(|chunk| chunk.data)));
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    if let Ok(disposition) = disposition(&name).parse() {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    response
}

/// To be saved under this name, whatever characters are in it (RFC 6266, RFC 8187).
fn disposition(name: &str) -> String {
    let mut disposition = "attachment; filename*=UTF-8''".to_owned();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            disposition.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(disposition, "%{byte:02X}");
        }
    }
    disposition
}

/// The kinds of pictures that hold no script, by the end of the name.
fn picture(name: &str) -> Option<&'static str> {
    let (_, end) = name.rsplit_once('.')?;
    match &*end.to_ascii_lowercase() {
        "png" => Some("image/png"),
        "jpg" | "jpeg" => Some("image/jpeg"),
        "gif" => Some("image/gif"),
        "webp" => Some("image/webp"),
        "avif" => Some("image/avif"),
        "bmp" => Some("image/bmp"),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_query_names_what_is_wanted() {
        let wanted = wanted("snapshot=latest&plan=home&path=%2Fa+b%2F%C3%BC&format=zip").unwrap();
        let snapshot = wanted.snapshot.unwrap();
        assert_eq!(
            (snapshot.snapshot.as_str(), snapshot.plan.as_deref()),
            ("latest", Some("home"))
        );
        assert_eq!((wanted.path.as_str(), wanted.format.as_deref()), ("/a b/ü", Some("zip")));
        assert!(super::wanted("snapshot=latest&of=home").is_err());
    }

    #[test]
    fn no_name_of_a_file_ends_its_header() {
        let said = disposition("ü \"x\";\r\nSet-Cookie: a=b\u{202e}");
        assert!(
            said.is_ascii() && !said.contains(['\r', '\n', '"', ' ', ';'])
                || said.starts_with("attachment; ")
        );
        assert!(!said["attachment; ".len()..].contains([';', '"', ' ', '\r', '\n']), "{said}");
    }

    #[test]
    fn only_pictures_without_script_are_shown() {
        assert_eq!(picture("a.JPG"), Some("image/jpeg"));
        for hostile in ["a.svg", "a.html", "png", "a.png.xhtml"] {
            assert_eq!(picture(hostile), None);
        }
    }
}
