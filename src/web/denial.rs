//! A request that is not answered: one refusal, said in the form of whoever asked.

use crate::api::Error;
use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use tonic::{Code, Status};

/// What is wrong, and the HTTP status that fits.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Denial {
    status: StatusCode,
    error: Error,
}

impl Denial {
    pub(super) fn new(
        status: StatusCode,
        code: &str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { status, error: Error::new(code, message, remedy) }
    }

    /// As plain text, for a person with a browser.
    pub(super) fn in_words(self) -> Response {
        let Error { message, remedy, .. } = self.error;
        let remedy = remedy.map(|remedy| format!("{remedy}.\n")).unwrap_or_default();
        respond(self.status, "text/plain; charset=utf-8", format!("{message}.\n{remedy}").into())
    }

    /// `{"error": …}`, as the command line prints it under `--json`.
    pub(super) fn in_json(self) -> Response {
        respond(self.status, "application/json", (error_document(&self.error) + "\n").into())
    }

    /// As gRPC has it: HTTP 200 and the status in the headers, in the caller's own framing.
    pub(super) fn in_grpc(self, content_type: Option<&HeaderValue>) -> Response {
        let code = code_of(self.status);
        status_in_grpc(self.error.into_status(code), content_type)
    }
}

impl From<Status> for Denial {
    fn from(status: Status) -> Self {
        Self { status: http_status(status.code()), error: Error::of_status(&status) }
    }
}

/// A status that no call gave.
pub(super) fn status_in_grpc(status: Status, content_type: Option<&HeaderValue>) -> Response {
    let mut response = status.into_http::<Body>();
    if let Some(content_type) = content_type {
        response.headers_mut().insert(header::CONTENT_TYPE, content_type.clone());
    }
    response
}

/// `{"error":{"code","message","remedy"}}`, on one line.
pub(super) fn error_document(error: &Error) -> String {
    serde_json::json!({ "error": error }).to_string()
}

/// An answer that is there as a whole and is not to be kept.
pub(super) fn respond(status: StatusCode, media_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What HTTP calls it.
const fn http_status(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::InvalidArgument | Code::OutOfRange => StatusCode::BAD_REQUEST,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted | Code::FailedPrecondition => StatusCode::CONFLICT,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded | Code::Cancelled => StatusCode::GATEWAY_TIMEOUT,
        Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// What gRPC calls it.
fn code_of(status: StatusCode) -> Code {
    match status.as_u16() {
        401 => Code::Unauthenticated,
        403 | 421 => Code::PermissionDenied,
        404 | 405 => Code::Unimplemented,
        413 | 429 => Code::ResourceExhausted,
        503 => Code::Unavailable,
        408 => Code::DeadlineExceeded,
        400..500 => Code::InvalidArgument,
        _ => Code::Internal,
    }
}
