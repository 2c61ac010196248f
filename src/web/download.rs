//! Files and folders out of a snapshot, as a browser saves or previews them.
//!
//! 1. Nothing is shown as a page: it is saved, or previewed as a picture or as plain text.
//! 2. What the content is, its bytes say; no name and no request does.
//! 3. Only a page of this instance, or a program with a key, can ask.

use super::denial::Denial;
use super::disposition::attachment;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use tonic::Status;

/// Where they are.
pub const PATH: &str = "/download";
/// The method of the API that needs the same of a caller.
pub(super) const METHOD: &str = "/holdfast.api.v1.SnapshotService/Dump";

/// So much of a text is previewed; the rest is cut off.
const TEXT: usize = 512 << 10;
/// A larger picture is not previewed.
const PICTURE: usize = 16 << 20;
const POLICY: &str = "sandbox; default-src 'none'";

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The repo.
    pub repo: String,
    /// The snapshot.
    pub snapshot: String,
    /// What of it.
    pub path: String,
    /// `zip` or `tar`, of a folder.
    pub format: Option<String>,
    manner: Manner,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Saved,
    Previewed,
}

/// What comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// The content of a file.
    File,
    /// A folder.
    Zip,
    /// A folder.
    Tar,
}

/// What comes, piece by piece; an error in it breaks the download off.
pub struct Download {
    /// What it is.
    pub content: Content,
    /// Its bytes.
    pub pieces: BoxStream<'static, Result<Bytes, Status>>,
}

/// Whoever reads snapshots.
#[tonic::async_trait]
pub trait Downloads: Send + Sync + 'static {
    /// Opens it; an error says why nothing will come.
    async fn open(&self, wanted: &Wanted) -> Result<Download, Status>;
}

impl Wanted {
    /// What a request asks for, if one may ask so.
    pub(super) fn read(request: &Request) -> Result<Self, Denial> {
        if request.method() != Method::GET {
            let message = format!("{} is not how a file is fetched", request.method());
            let status = StatusCode::METHOD_NOT_ALLOWED;
            return Err(Denial::new(status, "method", message, "send a GET"));
        }
        refuse_stray(request.headers())?;
        let query = request.uri().query().unwrap_or_default();
        let mut wanted = Self {
            repo: String::new(),
            snapshot: String::new(),
            path: String::new(),
            format: None,
            manner: Manner::Saved,
        };
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            let value = value.into_owned();
            match key.as_ref() {
                "repo" => wanted.repo = value,
                "snapshot" => wanted.snapshot = value,
                "path" => wanted.path = value,
                "format" => wanted.format = Some(value),
                "preview" if value == "1" => wanted.manner = Manner::Previewed,
                _ => return Err(invalid(format!("{key:?}={value:?} means nothing here"))),
            }
        }
        let given = [&wanted.repo, &wanted.snapshot, &wanted.path];
        if given.iter().any(|text| text.is_empty()) {
            return Err(invalid("repo, snapshot and path have to be given".to_owned()));
        }
        if wanted.manner == Manner::Previewed && wanted.format.is_some() {
            return Err(invalid("an archive has no preview".to_owned()));
        }
        Ok(wanted)
    }

    /// What it is saved as.
    fn name(&self, content: Content) -> String {
        let last = self.path.rsplit('/').find(|part| !part.is_empty());
        let short = || self.snapshot.chars().take(8).collect::<String>();
        let name = last.map_or_else(|| format!("{}-{}", self.repo, short()), str::to_owned);
        match content {
            Content::File => name,
            Content::Zip => format!("{name}.zip"),
            Content::Tar => format!("{name}.tar"),
        }
    }
}

fn invalid(message: String) -> Denial {
    let remedy = "write /download?repo=R&snapshot=S&path=/P, and format=zip or tar for a folder";
    Denial::new(StatusCode::BAD_REQUEST, "invalid", message, remedy)
}

/// A browser that does not say which page asks could be sent here by any.
fn refuse_stray(headers: &HeaderMap) -> Result<(), Denial> {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    if site == Some(b"same-origin") || headers.contains_key(header::AUTHORIZATION) {
        return Ok(());
    }
    let remedy = "follow the link of the interface; a program sends its key, \
                  or Sec-Fetch-Site: same-origin";
    let message = "only a page of this instance fetches files";
    Err(Denial::new(StatusCode::FORBIDDEN, "foreign-origin", message, remedy))
}

/// What was asked for, ready to be sent.
pub(super) async fn answer(from: &dyn Downloads, wanted: Wanted) -> Result<Response, Denial> {
    let download = from.open(&wanted).await?;
    match wanted.manner {
        Manner::Saved => Ok(saved(&wanted, download)),
        Manner::Previewed => previewed(download).await,
    }
}

fn saved(wanted: &Wanted, Download { content, pieces }: Download) -> Response {
    let media_type = match content {
        Content::File => "application/octet-stream",
        Content::Zip => "application/zip",
        Content::Tar => "application/x-tar",
    };
    let mut response = sandboxed(media_type, Body::from_stream(pieces));
    let disposition = attachment(&wanted.name(content));
    response.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
    response
}

async fn previewed(Download { content, pieces }: Download) -> Result<Response, Denial> {
    if content != Content::File {
        return Err(invalid("only a file has a preview".to_owned()));
    }
    let (bytes, whole) = beginning(pieces).await?;
    let (media_type, bytes) = match picture(&bytes) {
        Some(media_type) if whole => (media_type, bytes),
        Some(_) => return Err(unshown("this picture is too large for a preview")),
        None => ("text/plain; charset=utf-8", text(bytes)?),
    };
    let is_cut = !whole || bytes.len() == TEXT;
    let mut response = sandboxed(media_type, Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("inline"));
    if is_cut {
        headers.insert("holdfast-preview", HeaderValue::from_static("cut"));
    }
    Ok(response)
}

/// The first bytes, of a picture all; and whether that is all there is.
async fn beginning(
    mut pieces: BoxStream<'static, Result<Bytes, Status>>,
) -> Result<(Bytes, bool), Denial> {
    let mut bytes = BytesMut::new();
    while let Some(piece) = pieces.next().await {
        bytes.extend_from_slice(&piece?);
        let enough = if picture(&bytes).is_some() { PICTURE } else { TEXT };
        if bytes.len() > enough {
            return Ok((bytes.freeze(), false));
        }
    }
    Ok((bytes.freeze(), true))
}

/// By the bytes that each begins with. No SVG: that is a page.
fn picture(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

/// As much as is previewed, up to the last whole character.
fn text(bytes: Bytes) -> Result<Bytes, Denial> {
    let bytes = bytes.slice(..bytes.len().min(TEXT));
    let end = match std::str::from_utf8(&bytes) {
        Ok(text) => text.len(),
        // Nothing but a character that was cut in two.
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        Err(_) => return Err(unshown("this is neither text nor a picture")),
    };
    if bytes[..end].contains(&0) {
        return Err(unshown("this is neither text nor a picture"));
    }
    Ok(bytes.slice(..end))
}

fn unshown(message: &str) -> Denial {
    let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    Denial::new(status, "no-preview", message, "download it")
}

fn sandboxed(media_type: &'static str, body: Body) -> Response {
    let mut response = super::denial::respond(StatusCode::OK, media_type, body);
    let policy = HeaderValue::from_static(POLICY);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use futures_util::stream;

    /// Gives what it was made with.
    struct Given(Content, Vec<u8>);

    #[tonic::async_trait]
    impl Downloads for Given {
        async fn open(&self, _: &Wanted) -> Result<Download, Status> {
            let pieces: Vec<_> =
                self.1.chunks(1000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
            Ok(Download { content: self.0, pieces: Box::pin(stream::iter(pieces)) })
        }
    }

    fn request(query: &str) -> Request {
        let request = Request::get(format!("/download?{query}"));
        request.header("sec-fetch-site", "same-origin").body(Body::empty()).unwrap()
    }

    const FILE: &str = "repo=vault&snapshot=0123456789&path=%2Fhome%2Fa%20b%2Bc.html";

    async fn answered(query: &str, content: Content, bytes: &[u8]) -> Result<Response, Denial> {
        answer(&Given(content, bytes.to_vec()), Wanted::read(&request(query)).unwrap()).await
    }

    async fn body(response: Response) -> Vec<u8> {
        axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()
    }

    #[test]
    fn only_a_get_of_an_own_page_or_with_a_key_is_answered() {
        assert_eq!(Wanted::read(&request(FILE)).unwrap().path, "/home/a b+c.html");
        let bare = |site: Option<&str>, bearer: bool, method| {
            let mut request = Request::builder().method(method).uri(format!("/download?{FILE}"));
            if let Some(site) = site {
                request = request.header("sec-fetch-site", site);
            }
            if bearer {
                request = request.header("authorization", "Bearer hf_x");
            }
            Wanted::read(&request.body(Body::empty()).unwrap()).is_ok()
        };
        assert!(bare(Some("same-origin"), false, "GET"));
        assert!(bare(None, true, "GET"));
        for site in [None, Some("cross-site"), Some("same-site"), Some("none")] {
            assert!(!bare(site, false, "GET"), "{site:?}");
        }
        assert!(!bare(Some("same-origin"), false, "POST"));
        for query in
            ["", "repo=a&snapshot=b", "repo=a&snapshot=b&path=/&x=1", "preview=1&format=zip"]
        {
            assert!(Wanted::read(&request(query)).is_err(), "{query}");
        }
    }

    #[tokio::test]
    async fn a_page_in_a_snapshot_is_saved_and_never_shown() {
        let page = b"<script>alert(1)</script>";
        let response = answered(FILE, Content::File, page).await.unwrap();
        let header =
            |response: &Response, name| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header(&response, "content-type"), "application/octet-stream");
        assert!(
            header(&response, "content-disposition")
                .starts_with("attachment; filename=\"a b+c.html\"")
        );
        assert_eq!(header(&response, "content-security-policy"), POLICY);
        assert_eq!(body(response).await, page);
        let preview = answered(&format!("{FILE}&preview=1"), Content::File, page).await.unwrap();
        assert_eq!(header(&preview, "content-type"), "text/plain; charset=utf-8");
        assert_eq!(header(&preview, "content-security-policy"), POLICY);
        let folder = answered(&format!("{FILE}&format=zip"), Content::Zip, b"PK").await.unwrap();
        assert!(header(&folder, "content-disposition").contains(".html.zip"));
        let root = "repo=vault&snapshot=0123456789&path=/&format=tar";
        let root = answered(root, Content::Tar, b"").await.unwrap();
        assert!(header(&root, "content-disposition").contains("\"vault-01234567.tar\""));
    }

    #[tokio::test]
    async fn a_preview_is_a_picture_or_the_beginning_of_a_text() {
        let preview = async |bytes: &[u8]| {
            let response = answered(&format!("{FILE}&preview=1"), Content::File, bytes).await?;
            let media_type = response.headers()["content-type"].to_str().unwrap().to_owned();
            Ok::<_, Denial>((media_type, body(response).await.len()))
        };
        let png = [b"\x89PNG\r\n\x1a\n".to_vec(), vec![0; 5 << 20]].concat();
        assert_eq!(preview(&png).await.unwrap(), ("image/png".to_owned(), png.len()));
        let huge = [b"\x89PNG\r\n\x1a\n".to_vec(), vec![0; PICTURE]].concat();
        assert!(preview(&huge).await.is_err());
        let text = "ä".repeat(TEXT);
        assert_eq!(preview(text.as_bytes()).await.unwrap().1, TEXT);
        let odd = format!("x{text}");
        assert_eq!(preview(odd.as_bytes()).await.unwrap().1, TEXT - 1, "no half character");
        assert!(preview(b"\x7fELF\0\0").await.is_err());
        assert!(preview(b"\xff\xfe\xfa").await.is_err());
        assert!(
            preview(b"<svg xmlns='http://www.w3.org/2000/svg'/>")
                .await
                .unwrap()
                .0
                .starts_with("text/plain")
        );
    }
}
