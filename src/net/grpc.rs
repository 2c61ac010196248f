//! The sync call in gRPC's framing, the same for both roles.
//!
//! Compression is never offered and never taken.

use super::gate::GatedBody;
use super::half_open::HalfOpenLink;
use super::link::{LinkError, LinkIncoming, OUTGOING};
use crate::wire::proto::sync::Envelope;
use bytes::Bytes;
use futures_util::stream::{Stream, StreamExt};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use hyper::body::Incoming;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codec::{BufferSettings, EncodeBody, SingleMessageCompressionOverride, Streaming};
use tonic::{Code, Status};
use tonic_prost::{ProstDecoder, ProstEncoder};

/// The one path that has to be reachable from outside.
pub const SYNC_PATH: &str = "/holdfast.sync.v1.SyncService/Sync";

/// The largest envelope: a record of 1 MiB, its tag and its length.
pub const MAX_MESSAGE: usize = (1 << 20) + 64;

/// An idle link keeps these buffers: small, they grow with what is in flight.
const IDLE_BUFFER: usize = 512;
const WRITE_AT_LEAST: usize = 16 * 1024;
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");

/// The two halves of a link over one call.
pub(super) type Halves = (mpsc::Sender<Envelope>, LinkIncoming);

fn buffers() -> BufferSettings {
    BufferSettings::new(IDLE_BUFFER, WRITE_AT_LEAST)
}

fn encoder() -> ProstEncoder<Envelope> {
    ProstEncoder::new(buffers())
}

fn decoder() -> ProstDecoder<Envelope> {
    ProstDecoder::new(buffers())
}

/// The dialer's request, and where its envelopes go.
pub(super) fn request(
    uri: Uri,
    half_open: &HalfOpenLink,
) -> (Request<tonic::body::Body>, mpsc::Sender<Envelope>) {
    let (outgoing, envelopes) = outgoing(half_open);
    let body = EncodeBody::new_client(encoder(), envelopes, None, Some(MAX_MESSAGE));
    let mut request = Request::new(tonic::body::Body::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    request.headers_mut().insert(header::CONTENT_TYPE, GRPC);
    request.headers_mut().insert(header::TE, HeaderValue::from_static("trailers"));
    (request, outgoing)
}

/// The listener's answer to a sync call, and the link's halves.
pub(super) fn accept(
    body: Incoming,
    half_open: &HalfOpenLink,
) -> (Response<tonic::body::Body>, Halves) {
    let (outgoing, envelopes) = outgoing(half_open);
    let single = SingleMessageCompressionOverride::default();
    let answer = EncodeBody::new_server(encoder(), envelopes, None, single, Some(MAX_MESSAGE));
    let mut response = Response::new(tonic::body::Body::new(answer));
    response.headers_mut().insert(header::CONTENT_TYPE, GRPC);
    let gated = GatedBody::new(body, half_open);
    let stream = Streaming::new_request(decoder(), gated, None, Some(MAX_MESSAGE));
    (response, (outgoing, incoming(stream, half_open)))
}

/// What the dialer receives after a good answer.
pub(super) fn answered(response: Response<Incoming>, half_open: &HalfOpenLink) -> LinkIncoming {
    let gated = GatedBody::new(response.into_body(), half_open);
    let stream = Streaming::new_response(decoder(), gated, StatusCode::OK, None, Some(MAX_MESSAGE));
    incoming(stream, half_open)
}

fn incoming(stream: Streaming<Envelope>, half_open: &HalfOpenLink) -> LinkIncoming {
    let envelopes = stream.filter_map(|next| async move {
        match next {
            Ok(envelope) => Some(Ok(envelope)),
            // Either side may end the call; what that means is said inside the channel.
            Err(status) if status.code() == Code::Ok => None,
            Err(status) => Some(Err(LinkError::Broken(status.message().to_owned()))),
        }
    });
    LinkIncoming::new(envelopes, half_open.gate())
}

/// Our direction: ends when its sender is dropped, and when the link is cut.
fn outgoing(
    half_open: &HalfOpenLink,
) -> (mpsc::Sender<Envelope>, impl Stream<Item = Result<Envelope, Status>> + Send + 'static) {
    let (sender, receiver) = mpsc::channel(OUTGOING);
    let cut = Arc::clone(half_open.gate()).cut();
    (sender, ReceiverStream::new(receiver).take_until(Box::pin(cut)).map(Ok))
}

/// A refusal in gRPC's form: HTTP 200 and a status in the headers.
pub(super) fn refusal(code: Code, reason: &str) -> Response<tonic::body::Body> {
    Status::new(code, reason).into_http()
}

/// Whether a request or an answer is gRPC.
pub(super) fn is_grpc(headers: &http::HeaderMap) -> bool {
    let content = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content
        .is_some_and(|content| content.starts_with("application/grpc") && !content.contains("web"))
}

/// A short answer in plain text.
pub(super) fn plain(status: StatusCode, text: &'static str) -> Response<tonic::body::Body> {
    let body = http_body_util::Full::new(Bytes::from_static(text.as_bytes()));
    let mut response = Response::new(tonic::body::Body::new(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
