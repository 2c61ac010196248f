//! A client that sends exactly what it is told, one request per connection.

use bytes::{Buf as _, Bytes};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use prost::Message;
use serde_json::Value;
use std::net::Ipv4Addr;
use tokio::net::TcpStream;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name} in {self:?}")).to_str().unwrap()
    }

    /// The document of a call that must succeed.
    #[track_caller]
    pub(crate) fn document(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text());
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Status and code of a call that must be refused, after checking that it says something.
    #[track_caller]
    pub(crate) fn refused(&self) -> (u16, String) {
        assert_ne!(self.status, StatusCode::OK, "was not refused: {}", self.text());
        let document: Value = serde_json::from_slice(&self.body).unwrap();
        let error = &document["error"];
        assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{document}");
        assert!(error.as_object().unwrap().contains_key("remedy"), "{document}");
        (self.status.as_u16(), error["code"].as_str().unwrap().to_owned())
    }

    /// The messages of a gRPC-Web answer, and its trailers.
    #[track_caller]
    pub(crate) fn grpc_web<M: Message + Default>(&self) -> (Vec<M>, String) {
        let (mut body, mut messages, mut trailers) = (self.body.clone(), Vec::new(), String::new());
        while body.has_remaining() {
            let (kind, length) = (body.get_u8(), body.get_u32() as usize);
            let frame = body.split_to(length);
            if kind == 0x80 {
                trailers = String::from_utf8(frame.to_vec()).unwrap();
            } else {
                messages.push(M::decode(frame).unwrap());
            }
        }
        (messages, trailers)
    }
}

/// A request to be sent to a port on loopback.
pub(crate) struct Ask {
    port: u16,
    request: http::request::Builder,
    body: Bytes,
}

impl Ask {
    pub(crate) fn get(port: u16, path: &str) -> Self {
        Self::new(port, Method::GET, path, Bytes::new())
    }

    /// A call of the JSON API.
    pub(crate) fn json(port: u16, method: &str, body: &str) -> Self {
        let body = Bytes::copy_from_slice(body.as_bytes());
        Self::new(port, Method::POST, &format!("/api/v1/{method}"), body)
            .with("content-type", "application/json")
    }

    /// A call as a browser's gRPC-Web makes it.
    pub(crate) fn grpc_web(port: u16, method: &str, message: &impl Message) -> Self {
        let message = message.encode_to_vec();
        let mut body = vec![0];
        body.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
        body.extend(message);
        let path = format!("/holdfast.api.v1.{method}");
        Self::new(port, Method::POST, &path, body.into())
            .with("content-type", "application/grpc-web+proto")
    }

    pub(crate) fn new(port: u16, method: Method, path: &str, body: Bytes) -> Self {
        Self { port, request: Request::builder().method(method).uri(path), body }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// Sends it; without a word on the host, to the address itself.
    pub(crate) async fn answer(self) -> Answer {
        let tcp = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(tcp)).await.unwrap();
        let connection = tokio::spawn(connection);
        let mut request = self.request.body(Full::new(self.body)).unwrap();
        let host = format!("127.0.0.1:{}", self.port).parse().unwrap();
        request.headers_mut().entry("host").or_insert(host);
        let (parts, body) = sender.send_request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        connection.abort();
        Answer { status: parts.status, headers: parts.headers, body }
    }
}
