//! A refused call: what the daemon puts into the status, and how a client reads it.

use super::Error;
use crate::model::what_and_remedy;
use prost::Message as _;
use tonic::{Code, Status};

/// What names an [`Error`] among the details.
const TYPE_URL: &str = "type.googleapis.com/holdfast.api.v1.Error";

/// `google.rpc.Status`, the form in which every gRPC client reads details.
#[derive(Clone, PartialEq, prost::Message)]
struct Details {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, prost::Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

impl Error {
    /// With what to do about it; where that is empty, what the message itself says to do.
    #[must_use]
    pub fn new(code: &str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        let (message, remedy) = (message.into(), remedy.into());
        let (what, said) = match remedy.is_empty() {
            true => what_and_remedy(&message),
            false => (message.as_str(), Some(remedy.as_str())),
        };
        Self { code: code.to_owned(), message: what.to_owned(), remedy: said.map(str::to_owned) }
    }

    /// As the answer to a call.
    #[must_use]
    pub fn into_status(self, code: Code) -> Status {
        let error = Any { type_url: TYPE_URL.to_owned(), value: self.encode_to_vec() };
        let details =
            Details { code: code.into(), message: self.message.clone(), details: vec![error] };
        Status::with_details(code, self.message, details.encode_to_vec().into())
    }

    /// As a client shows it; a status without details names its gRPC code.
    #[must_use]
    pub fn of_status(status: &Status) -> Self {
        let details = Details::decode(status.details()).unwrap_or_default().details;
        details
            .iter()
            .find(|detail| detail.type_url == TYPE_URL)
            .and_then(|detail| Self::decode(&*detail.value).ok())
            .filter(|error| !error.code.is_empty())
            .unwrap_or_else(|| Self::new(word_of(status.code()), status.message(), ""))
    }
}

/// The word for a gRPC code that came without details.
const fn word_of(code: Code) -> &'static str {
    match code {
        Code::Ok => "ok",
        Code::Cancelled => "cancelled",
        Code::Unknown => "failed",
        Code::InvalidArgument => "invalid",
        Code::DeadlineExceeded => "timeout",
        Code::NotFound => "not-found",
        Code::AlreadyExists => "exists",
        Code::PermissionDenied => "denied",
        Code::ResourceExhausted => "limit",
        Code::FailedPrecondition => "not-now",
        Code::Aborted => "changed-meanwhile",
        Code::OutOfRange => "out-of-range",
        Code::Unimplemented => "not-built",
        Code::Internal => "internal",
        Code::Unavailable => "unavailable",
        Code::DataLoss => "data-loss",
        Code::Unauthenticated => "unauthenticated",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_error_crosses_in_the_details() {
        let error = Error::new("expired", "the token expired", "make a new one on nas");
        assert_eq!(Error::of_status(&error.clone().into_status(Code::FailedPrecondition)), error);
    }

    #[test]
    fn a_status_without_details_still_says_something() {
        let error = Error::of_status(&Status::not_found("no peer nas"));
        assert_eq!((error.code.as_str(), error.message.as_str()), ("not-found", "no peer nas"));
        assert_eq!(error.remedy, None);
    }
}
