//! A message as a mail, and the server that takes it.

use super::{Message, SendError, Settings};
use lettre::message::{Mailbox, header::ContentType};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use std::time::Duration;

/// The mail, in its form on the wire.
pub(super) fn mail(settings: &Settings, message: &Message) -> Result<lettre::Message, SendError> {
    let mut mail = lettre::Message::builder()
        .from(mailbox(settings.text("from"))?)
        .subject(&message.title)
        // One message sent twice after a crash is one mail to a reader that threads by it.
        .message_id(Some(format!("<{}@holdfast>", message.id)))
        .header(ContentType::TEXT_PLAIN);
    for to in settings.list("to") {
        mail = mail.to(mailbox(to)?);
    }
    let body = if message.body.is_empty() { message.title.clone() } else { message.body.clone() };
    mail.body(body).map_err(|error| SendError::GiveUp(format!("no mail can be made: {error}")))
}

fn mailbox(text: &str) -> Result<Mailbox, SendError> {
    text.parse().map_err(|error| SendError::GiveUp(format!("{text:?} is no mail address: {error}")))
}

/// Hands a mail to the server; what the server said.
pub(super) async fn send(
    settings: &Settings,
    message: &Message,
    within: Duration,
) -> Result<String, SendError> {
    let mail = mail(settings, message)?;
    let response =
        transport(settings, within).await?.send(mail).await.map_err(|error| classify(&error))?;
    let said: Vec<_> = response.message().map(str::to_owned).collect();
    Ok(format!("{} {}", response.code(), said.join(" ")))
}

async fn transport(
    settings: &Settings,
    within: Duration,
) -> Result<AsyncSmtpTransport<Tokio1Executor>, SendError> {
    let host = settings.text("host");
    let (tls, port) = match settings.get("security").unwrap_or("starttls") {
        "tls" => (Tls::Wrapper(parameters(settings).await?), 465),
        "none" => (Tls::None, 25),
        _ => (Tls::Required(parameters(settings).await?), 587),
    };
    let given = settings.number("port").and_then(|port| u16::try_from(port).ok());
    let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
        .port(given.unwrap_or(port))
        .tls(tls)
        .timeout(Some(within));
    if let Some(user) = settings.get("user") {
        let password = settings.text("password").to_owned();
        transport = transport.credentials(Credentials::new(user.to_owned(), password));
    }
    Ok(transport.build())
}

async fn parameters(settings: &Settings) -> Result<TlsParameters, SendError> {
    let unusable =
        |what: &str, error: &dyn std::fmt::Display| SendError::GiveUp(format!("{what}: {error}"));
    let mut builder = TlsParameters::builder(settings.text("host").to_owned());
    if let Some(path) = settings.get("ca-file") {
        let pem = tokio::fs::read(path).await.map_err(|e| unusable("ca-file", &e))?;
        let authority = Certificate::from_pem(&pem).map_err(|e| unusable("ca-file", &e))?;
        builder = builder.add_root_certificate(authority);
    }
    builder.build_rustls().map_err(|error| unusable("TLS", &error))
}

fn classify(error: &lettre::transport::smtp::Error) -> SendError {
    let said = format!("the mail server: {error}");
    // A refusal of what we are or say stays one; a busy or absent server may change its mind.
    if error.is_permanent() || error.is_client() {
        SendError::GiveUp(said)
    } else {
        SendError::Retry { reason: said, after: None }
    }
}

#[cfg(test)]
#[path = "email_tests.rs"]
mod tests;
