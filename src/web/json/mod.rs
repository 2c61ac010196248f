//! The API as JSON over HTTP: the same calls, found and translated by their description.
//!
//! 1. A document has the field names and forms of `--json`.
//! 2. A method has no JSON form of its own: what the services answer is what is printed.

mod codec;
mod document;

use super::denial::{error_document, respond};
use crate::api::{DESCRIPTORS, Error};
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use codec::Raw;
use document::Document;
use futures_util::stream::{self, Stream, StreamExt};
use http::uri::PathAndQuery;
use http::{Extensions, StatusCode};
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, MethodDescriptor};
use std::sync::LazyLock;
use tonic::metadata::MetadataMap;
use tonic::service::Routes;
use tonic::{Code, Status, Streaming};

const PACKAGE: &str = "holdfast.api.v1";
const MEDIA_TYPE: &str = "application/json";
const STREAM_TYPE: &str = "application/x-ndjson";
/// The largest answer that is not a stream, as the command line has it.
const LARGEST_ANSWER: usize = 64 << 20;

/// The services, and their description, which is unfolded with the first call.
#[derive(Debug)]
pub(super) struct Api {
    routes: Routes,
    pool: LazyLock<DescriptorPool>,
}

/// A call with its input.
pub(super) struct Call {
    method: MethodDescriptor,
    input: Bytes,
}

impl Api {
    /// # Panics
    /// Never: the description was made when this program was built, and a test reads it.
    pub(super) fn new(routes: Routes) -> Self {
        Self {
            routes,
            pool: LazyLock::new(|| DescriptorPool::decode(DESCRIPTORS).unwrap_or_default()),
        }
    }

    /// The method of `Service/Method`.
    pub(super) fn method(&self, name: &str) -> Option<MethodDescriptor> {
        let (service, method) = name.split_once('/')?;
        let service = self.pool.get_service_by_name(&format!("{PACKAGE}.{service}"))?;
        service.methods().find(|found| found.name() == method && !found.is_client_streaming())
    }

    /// Calls and answers; what `extensions` hold reaches the service.
    pub(super) async fn call(
        &self,
        call: Call,
        extensions: Extensions,
    ) -> Result<Response, Status> {
        let (path, output) = (path_of(&call.method)?, call.method.output());
        let mut client =
            tonic::client::Grpc::new(self.routes.clone()).max_decoding_message_size(LARGEST_ANSWER);
        let request = tonic::Request::from_parts(MetadataMap::new(), extensions, call.input);
        if call.method.is_server_streaming() {
            let answer = client.server_streaming(request, path, Raw).await?;
            return Ok(streamed(answer, output));
        }
        let answer = client.unary(request, path, Raw).await?;
        let (metadata, message, _) = answer.into_parts();
        let body = document(&output, &message)? + "\n";
        Ok(with_metadata(respond(StatusCode::OK, MEDIA_TYPE, body.into()), metadata))
    }
}

/// `/holdfast.api.v1.Service/Method`.
pub(super) fn full_path(method: &MethodDescriptor) -> String {
    format!("/{}/{}", method.parent_service().full_name(), method.name())
}

fn path_of(method: &MethodDescriptor) -> Result<PathAndQuery, Status> {
    full_path(method).parse().map_err(|_| Status::internal("a method's name is not a path"))
}

impl Call {
    /// With a JSON document as its input; nothing at all is the empty one.
    pub(super) fn read(method: MethodDescriptor, json: &[u8]) -> Result<Self, Status> {
        let json = if json.is_empty() { b"{}" } else { json };
        let mut reader = serde_json::Deserializer::from_slice(json);
        let read = DynamicMessage::deserialize(method.input(), &mut reader)
            .and_then(|message| reader.end().map(|()| message));
        let message = read.map_err(|error| {
            let remedy = format!("send a JSON object that is a {}", method.input().name());
            Error::new("invalid", error.to_string(), remedy).into_status(Code::InvalidArgument)
        })?;
        Ok(Self { method, input: message.encode_to_vec().into() })
    }
}

fn document(kind: &MessageDescriptor, message: &Bytes) -> Result<String, Status> {
    let message = DynamicMessage::decode(kind.clone(), message.clone())
        .map_err(|error| Status::internal(error.to_string()))?;
    serde_json::to_string(&Document(&message)).map_err(|error| Status::internal(error.to_string()))
}

/// One document per line; an error ends the stream as its last line.
fn streamed(answer: tonic::Response<Streaming<Bytes>>, kind: MessageDescriptor) -> Response {
    let (metadata, messages, _) = answer.into_parts();
    let body = Body::from_stream(lines(messages, kind).map(Ok::<_, Status>));
    with_metadata(respond(StatusCode::OK, STREAM_TYPE, body), metadata)
}

fn lines(messages: Streaming<Bytes>, kind: MessageDescriptor) -> impl Stream<Item = String> {
    stream::unfold(Some(messages), move |messages| {
        let kind = kind.clone();
        async move {
            let mut messages = messages?;
            match messages
                .message()
                .await
                .and_then(|next| next.map(|message| document(&kind, &message)).transpose())
            {
                Ok(None) => None,
                Ok(Some(document)) => Some((document + "\n", Some(messages))),
                Err(status) => Some((error_document(&Error::of_status(&status)) + "\n", None)),
            }
        }
    })
}

/// What the service set besides its answer, such as a cookie.
fn with_metadata(mut response: Response, metadata: MetadataMap) -> Response {
    let cookies = metadata.into_headers();
    for cookie in cookies.get_all(http::header::SET_COOKIE) {
        response.headers_mut().append(http::header::SET_COOKIE, cookie.clone());
    }
    response
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
