//! The one place that speaks to a service.

use super::{Action, Message, Request, Settings, TemplateError, email, request};
use reqwest::header::{HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, StatusCode, redirect};
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use std::sync::Arc;
use std::time::Duration;

/// How much of an answer is read.
const ANSWER_LIMIT: usize = 4 << 10;
/// How long a connection may take, within the time of the whole.
const CONNECT: Duration = Duration::from_secs(15);
/// No service is waited for longer than this before the next try.
const AFTER_LIMIT: Duration = Duration::from_secs(24 * 3600);

/// What a service said that took the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer(pub String);

/// Why a message was not delivered. Neither says anything of a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Another try may succeed.
    #[error("{reason}")]
    Retry {
        /// What happened.
        reason: String,
        /// When the service says to come back.
        after: Option<Duration>,
    },
    /// No other try will.
    #[error("{0}")]
    GiveUp(String),
}

impl From<TemplateError> for SendError {
    fn from(error: TemplateError) -> Self {
        Self::GiveUp(error.to_string())
    }
}

/// Sends messages; clones share their connections.
#[derive(Debug, Clone)]
pub struct Sender {
    client: Client,
}

impl Sender {
    /// A sender that trusts the machine's certificates.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new() -> Result<Self, SendError> {
        let unusable =
            |error: &dyn std::fmt::Display| SendError::GiveUp(format!("no HTTP client: {error}"));
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(&error))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            // A redirect would carry token and text to where somebody else says.
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT)
            .user_agent(concat!("holdfast/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| unusable(&error.without_url()))?;
        Ok(Self { client })
    }

    /// Delivers a message, within a time. `None`: the service has nothing for such an event.
    ///
    /// # Errors
    /// It was not delivered, and whether another try is worth it.
    pub async fn send(
        &self,
        action: Action,
        settings: &Settings,
        message: &Message,
        within: Duration,
    ) -> Result<Option<Answer>, SendError> {
        let sent = if action == Action::Email {
            email::send(settings, message, within).await.map(Some)
        } else {
            match request(action, settings, message)? {
                Some(request) => self.perform(request, within).await.map(Some),
                None => return Ok(None),
            }
        };
        let shown = |text: String| settings.redact(action, &text);
        match sent {
            Ok(said) => Ok(said.map(|text| Answer(shown(text)))),
            Err(SendError::GiveUp(reason)) => Err(SendError::GiveUp(shown(reason))),
            Err(SendError::Retry { reason, after }) => {
                Err(SendError::Retry { reason: shown(reason), after })
            }
        }
    }

    async fn perform(&self, request: Request, within: Duration) -> Result<String, SendError> {
        let unusable = |what: &str| SendError::GiveUp(format!("the {what} cannot be sent"));
        let method =
            Method::from_bytes(request.method.as_bytes()).map_err(|_| unusable("method"))?;
        let url = reqwest::Url::parse(&request.url).map_err(|_| unusable("url"))?;
        let mut sending = self.client.request(method, url).timeout(within).body(request.body);
        for (name, value) in request.headers {
            let shown = name.clone();
            let bad = move |()| SendError::GiveUp(format!("header {shown} cannot be sent"));
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad(()))?;
            let mut value = HeaderValue::from_str(&value)
                .map_err(|_| SendError::GiveUp(format!("header {name} cannot be sent")))?;
            value.set_sensitive(true);
            sending = sending.header(name, value);
        }
        let response = sending.send().await.map_err(|error| not_reached(error, within))?;
        let (status, after) = (response.status(), retry_after(&response));
        let text = beginning(response).await;
        let said = format!("{status} {}", text.trim()).trim_end().to_owned();
        judge(status, said, after)
    }
}

/// What the status of an answer means.
fn judge(status: StatusCode, said: String, after: Option<Duration>) -> Result<String, SendError> {
    let busy = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
    if status.is_success() {
        Ok(said)
    } else if status.is_server_error() || busy.contains(&status) {
        Err(SendError::Retry { reason: format!("the service says {said}"), after })
    } else if status.is_redirection() {
        let hint = "redirects are not followed; write the address that it leads to";
        Err(SendError::GiveUp(format!("the service says {status}: {hint}")))
    } else {
        Err(SendError::GiveUp(format!("the service says {said}")))
    }
}

fn not_reached(error: reqwest::Error, within: Duration) -> SendError {
    // The address may hold a token.
    let error = error.without_url();
    let reason = if error.is_timeout() {
        format!("no answer within {} s", within.as_secs())
    } else {
        let mut said = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(inner) = source {
            said = format!("{said}: {inner}");
            source = inner.source();
        }
        said
    };
    if error.is_builder() {
        return SendError::GiveUp(reason);
    }
    SendError::Retry { reason, after: None }
}

fn retry_after(response: &reqwest::Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(AFTER_LIMIT))
}

/// The beginning of an answer; the rest is not read.
async fn beginning(mut response: reqwest::Response) -> String {
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = ANSWER_LIMIT - bytes.len();
        bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if bytes.len() >= ANSWER_LIMIT {
            break;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
#[path = "send_tests.rs"]
mod tests;
