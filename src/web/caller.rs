//! Who asks, as far as HTTP tells; and whether a page of somebody else's made the browser ask.

use super::access::Caller;
use super::denial::Denial;
use super::hosts::{self, Hosts};
use crate::model::Secret;
use crate::net::{RemoteAddress, TlsSeen};
use axum::extract::Request;
use http::uri::Authority;
use http::{HeaderMap, HeaderName, StatusCode, Version, header};

/// Each says that somebody passed the request on.
const FORWARDING: [HeaderName; 6] = [
    header::FORWARDED,
    header::VIA,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-real-ip"),
];
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// No browser has a longer name that matters to a person.
const LONGEST_AGENT: usize = 256;

/// Who sent `request` to the host that it names.
pub(super) fn caller(remote: &RemoteAddress, addressed: &Authority, request: &Request) -> Caller {
    let headers = request.headers();
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let agent = text(header::USER_AGENT).unwrap_or_default();
    Caller {
        address: remote.client.unwrap_or(remote.socket.ip()).to_canonical(),
        loopback: is_loopback(remote, addressed, request),
        encrypted: is_encrypted(remote, request),
        cookie: text(header::COOKIE).map(|value| Secret::new(value.to_owned())),
        bearer: text(header::AUTHORIZATION)
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, key)| Secret::new(key.trim().to_owned())),
        origin: text(header::ORIGIN).map(str::to_owned),
        agent: agent.chars().filter(|c| !c.is_control()).take(LONGEST_AGENT).collect(),
    }
}

/// Only a request that nobody passed on comes from this machine itself. A proxy that says nothing
/// of itself still gives itself away: it is listed as one, keeps the name that it was called by, or
/// speaks HTTP/1.0.
fn is_loopback(remote: &RemoteAddress, addressed: &Authority, request: &Request) -> bool {
    remote.socket.ip().to_canonical().is_loopback()
        && !remote.via_proxy
        && hosts::is_loopback_name(addressed)
        && request.version() >= Version::HTTP_11
        && !is_forwarded(request.headers())
}

/// A trusted proxy's word counts for the way that is behind it.
fn is_encrypted(remote: &RemoteAddress, request: &Request) -> bool {
    let by_us = matches!(request.extensions().get(), Some(TlsSeen::Tls { .. }));
    let proto = request.headers().get("x-forwarded-proto").map(http::HeaderValue::as_bytes);
    if remote.via_proxy { proto == Some(b"https") } else { by_us }
}

fn is_forwarded(headers: &HeaderMap) -> bool {
    let any =
        |name: &HeaderName| FORWARDING.contains(name) || name.as_str().starts_with("x-forwarded-");
    headers.keys().any(any)
}

/// Refuses what a page of another origin made a browser send.
pub(super) fn refuse_foreign(
    hosts: &Hosts,
    addressed: &Authority,
    headers: &HeaderMap,
) -> Result<(), Denial> {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let mut origins = headers.get_all(header::ORIGIN).iter().map(text);
    if let Some(origin) = origins.find(|origin| !hosts.is_own_origin(origin, addressed)) {
        return Err(foreign(&format!("a page of {origin:?}")));
    }
    let site = headers.get(FETCH_SITE).map(text);
    match site.as_deref() {
        None | Some("same-origin" | "none") => Ok(()),
        Some(_) => Err(foreign("a page of another site")),
    }
}

fn foreign(whose: &str) -> Denial {
    Denial::new(
        StatusCode::FORBIDDEN,
        "foreign-origin",
        format!("{whose} asked, and only pages of this instance may"),
        "open the web interface of this instance itself; a proxy has to keep the Host header",
    )
}
