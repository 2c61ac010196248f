//! Which part answers a request, and what has to hold before it is asked.
//!
//! ```text
//! request ─► Host is ours? ─┬─ /csp-report ─► a line in the log
//!                           ├─ /download ──► GET? own page? room? Access ─► downloads
//!                           ├─ /api/v1/S/M ──────┐
//!                           ├─ /holdfast.api… ───┴► POST? type? own page? room? Access ─► services
//!                           └─ other ─► files of the interface, or its page
//! ```

use super::access::{Access, Caller, Identity};
use super::caller::{caller, refuse_foreign};
use super::denial::{Denial, respond, status_in_grpc};
use super::download::{self, Downloads};
use super::hosts::Hosts;
use super::json::{self, Api};
use super::reports::{self, Reports};
use super::{assets, headers};
use crate::config::LiveConfig;
use crate::net::RemoteAddress;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::uri::Authority;
use http::{HeaderMap, Method, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Frame, SizeHint};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;
use tonic::service::Routes;
use tonic_web::GrpcWebLayer;
use tower::{Layer as _, ServiceExt as _};

const JSON_PREFIX: &str = "/api/v1/";
const GRPC_PREFIXES: [&str; 2] = ["/holdfast.api.", "/grpc.reflection."];
const GRPC_TYPES: [&str; 4] = [
    "application/grpc-web+proto",
    "application/grpc-web",
    "application/grpc+proto",
    "application/grpc",
];
const JSON_TYPE: &str = "application/json";
/// Calls at once, streams included.
const CALLS: usize = 512;

/// How large a request may be, and how long it may take to arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arrival {
    pub(super) bytes: usize,
    pub(super) within: Duration,
}

impl Arrival {
    /// The largest is a configuration to import.
    const KNOWN: Self = Self { bytes: 4 << 20, within: Duration::from_secs(30) };
    /// All that somebody has to say who is not signed in is a name and a password.
    pub(super) const STRANGER: Self = Self { bytes: 16 << 10, within: Duration::from_secs(5) };

    const fn of(identity: &Identity) -> Self {
        if identity.role.is_some() { Self::KNOWN } else { Self::STRANGER }
    }
}

/// What the surface is made of.
pub struct Surface<A> {
    /// The services, as on the Unix socket.
    pub routes: Routes,
    /// Files out of snapshots.
    pub downloads: Arc<dyn Downloads>,
    /// Who may call them.
    pub access: A,
    /// The configuration: `urls` are names of ours.
    pub config: Arc<LiveConfig>,
    /// The addresses bound.
    pub listening: Vec<SocketAddr>,
}

/// Answers every path of a listening address but the sync path.
pub fn router<A: Access>(surface: Surface<A>) -> Router {
    let Surface { routes, downloads, access, config, listening } = surface;
    let site = Site {
        api: Api::new(routes.clone()),
        routes,
        downloads,
        access,
        hosts: Hosts::new(config, listening),
        reports: Reports::default(),
        calls: Arc::new(Semaphore::new(CALLS)),
    };
    Router::new().fallback(answer::<A>).with_state(Arc::new(site))
}

struct Site<A> {
    routes: Routes,
    downloads: Arc<dyn Downloads>,
    api: Api,
    access: A,
    hosts: Hosts,
    reports: Reports,
    calls: Arc<Semaphore>,
}

/// What a path is.
#[derive(Debug, PartialEq, Eq)]
enum Target<'a> {
    Report,
    Download,
    /// `Service/Method`.
    Json(&'a str),
    Grpc,
    File,
}

impl<'a> Target<'a> {
    fn of(path: &'a str) -> Self {
        if path == reports::PATH {
            Self::Report
        } else if path == download::PATH {
            Self::Download
        } else if let Some(method) = path.strip_prefix(JSON_PREFIX) {
            Self::Json(method)
        } else if path == "/api" || path.starts_with("/api/") {
            Self::Json("")
        } else if GRPC_PREFIXES.iter().any(|prefix| path.starts_with(prefix)) {
            Self::Grpc
        } else {
            Self::File
        }
    }
}

async fn answer<A: Access>(State(site): State<Arc<Site<A>>>, request: Request) -> Response {
    let mut response = match site.hosts.addressed(request.uri(), request.headers()) {
        Ok(addressed) => site.route(addressed, request).await,
        Err(denial) => denial.in_words(),
    };
    headers::guard(response.headers_mut());
    response
}

impl<A: Access> Site<A> {
    async fn route(&self, addressed: Authority, request: Request) -> Response {
        let path = request.uri().path().to_owned();
        match Target::of(&path) {
            Target::Report => self.reports.take(request).await,
            Target::Download => {
                let answered = self.download(&addressed, request).await;
                answered.unwrap_or_else(Denial::in_words)
            }
            Target::Json(method) => {
                let answered = self.json(method, &addressed, request).await;
                answered.unwrap_or_else(Denial::in_json)
            }
            Target::Grpc => self.grpc(&path, &addressed, request).await,
            Target::File => file(&path, &request),
        }
    }

    async fn json(
        &self,
        method: &str,
        addressed: &Authority,
        mut request: Request,
    ) -> Result<Response, Denial> {
        let method = self.api.method(method).ok_or_else(|| {
            let message = format!("there is no method {method:?}");
            Denial::new(StatusCode::NOT_FOUND, "not-found", message, "see docs/api.md")
        })?;
        self.refuse_unfit(&[JSON_TYPE], addressed, &request)?;
        let permit = self.room()?;
        let path = json::full_path(&method);
        let (left, arrival) = self.enter(&path, addressed, &mut request).await?;
        let (parts, body) = request.into_parts();
        let input = read(body, arrival).await?;
        let called = async {
            let call = json::Call::read(method, &input)?;
            self.api.call(call, parts.extensions).await
        };
        Ok(until(left, holding(permit, called.await?)))
    }

    async fn grpc(&self, path: &str, addressed: &Authority, mut request: Request) -> Response {
        let content_type = request.headers().get(header::CONTENT_TYPE).cloned();
        if let Err(denial) = self.refuse_unfit(&GRPC_TYPES, addressed, &request) {
            return denial.in_words();
        }
        let permit = match self.room() {
            Ok(permit) => permit,
            Err(denial) => return denial.in_grpc(content_type.as_ref()),
        };
        let (left, arrival) = match self.enter(path, addressed, &mut request).await {
            Ok(entered) => entered,
            Err(status) => return status_in_grpc(status, content_type.as_ref()),
        };
        match self.services(request, arrival).await {
            Ok(response) => until(left, holding(permit, response)),
            Err(denial) => denial.in_grpc(content_type.as_ref()),
        }
    }

    /// It is the method of the API that reads a file, and needs what that needs.
    async fn download(
        &self,
        addressed: &Authority,
        mut request: Request,
    ) -> Result<Response, Denial> {
        refuse_foreign(&self.hosts, addressed, request.headers())?;
        let wanted = download::Wanted::read(&request)?;
        let permit = self.room()?;
        let (left, _) = self.enter(download::METHOD, addressed, &mut request).await?;
        let response = download::answer(self.downloads.as_ref(), wanted).await?;
        Ok(until(left, holding(permit, response)))
    }

    /// gRPC-Web has one message and is read first, so that a slow one costs no service anything; so is
    /// whatever a stranger sends.
    async fn services(&self, request: Request, arrival: Arrival) -> Result<Response, Denial> {
        let services = GrpcWebLayer::new().layer(self.routes.clone());
        let request = if is_web(request.headers()) || arrival == Arrival::STRANGER {
            let (parts, body) = request.into_parts();
            let message = read(body, arrival).await?;
            Request::from_parts(parts, Body::from(message))
        } else {
            request
        };
        let mut response = match services.oneshot(request).await {
            Ok(response) => response.map(Body::new),
            Err(never) => match never {},
        };
        let no_store = header::HeaderValue::from_static("no-store");
        response.headers_mut().insert(header::CACHE_CONTROL, no_store);
        Ok(response)
    }

    /// What no simple form and no page of another site can send.
    fn refuse_unfit(
        &self,
        types: &[&str],
        addressed: &Authority,
        request: &Request,
    ) -> Result<(), Denial> {
        if request.method() != Method::POST {
            return Err(wrong_method(request, "POST"));
        }
        if !types.contains(&media_type(request.headers())) {
            let message = format!("content type {:?} sent", media_type(request.headers()));
            let remedy = format!("send {}", types.join(" or "));
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Denial::new(status, "content-type", message, remedy));
        }
        refuse_foreign(&self.hosts, addressed, request.headers())
    }

    fn room(&self) -> Result<OwnedSemaphorePermit, Denial> {
        Arc::clone(&self.calls).try_acquire_owned().map_err(|_| {
            let message = format!("{CALLS} calls are under way, and no more are taken");
            let status = StatusCode::SERVICE_UNAVAILABLE;
            Denial::new(status, "limit", message, "close what is open elsewhere, or try again")
        })
    }

    /// Asks who it is; the services find that in the extensions, without what the caller holds. What
    /// this returns ends when they are let in no more.
    async fn enter(
        &self,
        path: &str,
        addressed: &Authority,
        request: &mut Request,
    ) -> Result<(Left, Arrival), Status> {
        let caller: Caller = match request.extensions().get::<RemoteAddress>() {
            Some(remote) => caller(remote, addressed, request),
            None => return Err(Status::internal("a request came from nowhere")),
        };
        let identity = self.access.enter(&caller, path).await?;
        let (left, arrival) = (self.access.left(identity.clone()), Arrival::of(&identity));
        request.extensions_mut().insert(identity);
        Ok((Box::pin(left), arrival))
    }
}

fn file(path: &str, request: &Request) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return assets::answer(path, request.headers());
    }
    respond(StatusCode::METHOD_NOT_ALLOWED, "text/plain", Body::empty())
}

fn wrong_method(request: &Request, right: &str) -> Denial {
    let message = format!("{} is not how this is called", request.method());
    let status = StatusCode::METHOD_NOT_ALLOWED;
    Denial::new(status, "method", message, format!("send a {right}"))
}

/// Without parameters.
fn media_type(headers: &HeaderMap) -> &str {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.and_then(|value| value.split(';').next()).unwrap_or_default().trim()
}

fn is_web(headers: &HeaderMap) -> bool {
    media_type(headers).starts_with("application/grpc-web")
}

/// A body that is there in time and no larger than it may be.
pub(super) async fn read(body: Body, arrival: Arrival) -> Result<Bytes, Denial> {
    let Arrival { bytes, within } = arrival;
    let reading = Limited::new(body, bytes).collect();
    match tokio::time::timeout(within, reading).await {
        Ok(Ok(read)) => Ok(read.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            let message = format!("the request is larger than {bytes} bytes");
            Err(Denial::new(StatusCode::PAYLOAD_TOO_LARGE, "limit", message, "send less at once"))
        }
        Ok(Err(_)) => {
            let message = "the request broke off";
            Err(Denial::new(StatusCode::BAD_REQUEST, "invalid", message, "send it again"))
        }
        Err(_) => {
            let message = format!("the request took longer than {} s", within.as_secs());
            Err(Denial::new(StatusCode::REQUEST_TIMEOUT, "timeout", message, "send it again"))
        }
    }
}

/// The call is over when its answer has ended.
fn holding(permit: OwnedSemaphorePermit, response: Response) -> Response {
    response.map(|body| {
        Body::new(body.map_frame(move |frame| {
            let _held = &permit;
            frame
        }))
    })
}

/// An answer that may go on for hours ends when the caller is let in no more.
fn until(left: Left, response: Response) -> Response {
    let farewell = farewell(media_type(response.headers()));
    response.map(|body| Body::new(Until { body, left: Some(left), farewell }))
}

/// The end of a call as its protocol says it; none where only a cut says that something is missing.
fn farewell(media_type: &str) -> Option<Frame<Bytes>> {
    let status = Status::unauthenticated("not signed in any more");
    let mut trailers = HeaderMap::new();
    status.add_header(&mut trailers).ok()?;
    if media_type.starts_with("application/grpc-web") {
        return web_trailers(&trailers).map(Frame::data);
    }
    media_type.starts_with("application/grpc").then(|| Frame::trailers(trailers))
}

/// Trailers as a last message: a byte with its highest bit set, the length, and lines as of HTTP/1
/// (PROTOCOL-WEB.md of gRPC).
fn web_trailers(trailers: &HeaderMap) -> Option<Bytes> {
    let mut lines = Vec::new();
    for (name, value) in trailers {
        lines.extend([name.as_str().as_bytes(), b":", value.as_bytes(), b"\r\n"].concat());
    }
    let length = u32::try_from(lines.len()).ok()?;
    Some([&[0x80], length.to_be_bytes().as_slice(), &lines].concat().into())
}

/// Comes when the caller is let in no more.
type Left = Pin<Box<dyn Future<Output = ()> + Send>>;

struct Until {
    body: Body,
    /// `None` once it has come.
    left: Option<Left>,
    farewell: Option<Frame<Bytes>>,
}

impl hyper::body::Body for Until {
    type Data = Bytes;
    type Error = axum::Error;

    /// What is there is sent: the answer to signing out is one, too.
    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        let Some(left) = &mut this.left else { return Poll::Ready(None) };
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        if left.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        this.left = None;
        let cut = || Err(axum::Error::new(Status::unauthenticated("not signed in any more")));
        Poll::Ready(Some(this.farewell.take().map_or_else(cut, Ok)))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_none() || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// What is read of a stream that never ends by itself, after whose reader has left.
    async fn read_after_leaving(content_type: &str) -> Result<(Bytes, bool), axum::Error> {
        let response = Response::builder().header(header::CONTENT_TYPE, content_type);
        let endless = futures_util::stream::pending::<Result<Bytes, axum::Error>>();
        let response = response.body(Body::from_stream(endless)).unwrap();
        let read = until(Box::pin(async {}), response).into_body().collect().await?;
        let has_status = read.trailers().is_some_and(|all| all["grpc-status"] == "16");
        Ok((read.to_bytes(), has_status))
    }

    #[tokio::test]
    async fn a_stream_whose_reader_may_read_no_more_ends_as_its_protocol_says() {
        let (web, _) = read_after_leaving("application/grpc-web+proto").await.unwrap();
        let text = String::from_utf8_lossy(&web[5..]).into_owned();
        assert_eq!((web[0], usize::from(web[4])), (0x80, text.len()));
        assert!(text.contains("grpc-status:16\r\n"), "{text}");
        let (native, has_status) = read_after_leaving("application/grpc+proto").await.unwrap();
        assert!(native.is_empty() && has_status);
        assert!(read_after_leaving("application/octet-stream").await.is_err());
    }

    #[test]
    fn a_path_is_of_the_api_or_a_page() {
        assert_eq!(Target::of("/api/v1/PlanService/List"), Target::Json("PlanService/List"));
        assert_eq!(Target::of("/api/v2/PlanService/List"), Target::Json(""));
        assert_eq!(Target::of("/api"), Target::Json(""));
        assert_eq!(Target::of("/holdfast.api.v1.PlanService/List"), Target::Grpc);
        assert_eq!(Target::of("/csp-report"), Target::Report);
        for page in ["/", "/apiary", "/m/nas", "/holdfast"] {
            assert_eq!(Target::of(page), Target::File, "{page}");
        }
    }
}
