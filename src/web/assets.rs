//! The files of the web interface, compressed when this program was built.
//!
//! Every path that is no file answers with the page itself, which finds its way from there; without
//! the interface that is a page that says how to build it.

use super::denial::{Denial, respond};
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};

/// A file, and its shorter forms where it has any.
#[derive(Debug)]
struct Asset {
    path: &'static str,
    media_type: &'static str,
    etag: &'static str,
    /// How long a browser may keep it without asking.
    cache_control: &'static str,
    plain: &'static [u8],
    brotli: Option<&'static [u8]>,
    gzip: Option<&'static [u8]>,
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

const SHELL: &str = "/index.html";
/// Below it there are files and nothing else: a name that is gone is not the page.
const HASHED: &str = "/assets/";

/// The file of this path, or the page.
pub(super) fn answer(path: &str, headers: &HeaderMap) -> Response {
    let found = find(path).or_else(|| {
        // Services of other instances are no page: a proxy lets the sync path through, and nothing else.
        let page = !path.starts_with(HASHED) && !path.starts_with("/holdfast.");
        page.then(|| find(SHELL)).flatten()
    });
    match found {
        Some(asset) => asset.answer(headers),
        None => {
            let message = format!("there is no file {path}");
            let remedy = "load the page again: holdfast may have been updated";
            Denial::new(StatusCode::NOT_FOUND, "not-found", message, remedy).in_words()
        }
    }
}

fn find(path: &str) -> Option<&'static Asset> {
    let at = ASSETS.binary_search_by_key(&path, |asset| asset.path).ok()?;
    ASSETS.get(at)
}

impl Asset {
    fn answer(&self, asked: &HeaderMap) -> Response {
        let (content, encoding) = self.form(asked);
        let known = is_known(asked, self.etag);
        let (status, body) = if known {
            (StatusCode::NOT_MODIFIED, Body::empty())
        } else {
            (StatusCode::OK, Body::from(Bytes::from_static(content)))
        };
        let mut response = respond(status, self.media_type, body);
        let headers = response.headers_mut();
        let kept = HeaderValue::from_static(self.cache_control);
        headers.insert(header::CACHE_CONTROL, kept);
        headers.insert(header::ETAG, HeaderValue::from_static(self.etag));
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if let Some(encoding) = encoding.filter(|_| !known) {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        response
    }

    fn form(&self, asked: &HeaderMap) -> (&'static [u8], Option<&'static str>) {
        let forms = [(self.brotli, "br"), (self.gzip, "gzip")];
        let taken = forms.into_iter().find_map(|(content, name)| {
            content.filter(|_| takes(asked, name)).map(|content| (content, Some(name)))
        });
        taken.unwrap_or((self.plain, None))
    }
}

/// Whether `Accept-Encoding` names an encoding and does not rule it out.
pub(super) fn takes(asked: &HeaderMap, encoding: &str) -> bool {
    let lines = asked.get_all(header::ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|entry| {
        let mut parts = entry.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(encoding));
        let ruled_out = parts
            .filter_map(|part| part.strip_prefix("q="))
            .any(|weight| weight.parse().is_ok_and(|weight: f32| weight == 0.0));
        named && !ruled_out
    })
}

/// Whether `If-None-Match` names what would be sent.
fn is_known(asked: &HeaderMap, etag: &str) -> bool {
    let lines = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).any(|known| known == etag)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn asked(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn an_encoding_is_taken_where_it_is_named_and_not_ruled_out() {
        let takes = |value| takes(&asked(header::ACCEPT_ENCODING, value), "br");
        for yes in ["br", "gzip, deflate, br", "gzip;q=0.5,BR;q=1.0"] {
            assert!(takes(yes), "{yes}");
        }
        for no in ["gzip", "br;q=0", "gzip, br;q=0.0", "brotli", ""] {
            assert!(!takes(no), "{no}");
        }
    }

    #[test]
    fn files_are_found_by_their_path_and_everything_else_is_the_page() {
        assert!(ASSETS.is_sorted_by_key(|asset| asset.path));
        let page = find(SHELL).unwrap();
        assert_eq!(page.cache_control, "no-cache");
        for path in ["/", "/m/nas/plan/home", "/index.html", "/..%2f..%2fetc/passwd"] {
            let answer = answer(path, &HeaderMap::new());
            assert_eq!(answer.status(), StatusCode::OK, "{path}");
            assert_eq!(answer.headers()[header::ETAG], page.etag, "{path}");
        }
        for none in ["/assets/gone.js", "/holdfast.sync.v1.SyncService/Sync"] {
            let answer = answer(none, &HeaderMap::new());
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{none}");
        }
    }

    #[test]
    fn what_a_browser_knows_is_not_sent_again() {
        let page = find(SHELL).unwrap();
        let known = asked(header::IF_NONE_MATCH, &format!("\"other\", {}", page.etag));
        assert_eq!(answer("/", &known).status(), StatusCode::NOT_MODIFIED);
        let other = asked(header::IF_NONE_MATCH, "W/\"other\"");
        assert_eq!(answer("/", &other).status(), StatusCode::OK);
    }
}
