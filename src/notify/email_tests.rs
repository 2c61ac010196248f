//! Mails against a server on loopback, in clear and in TLS with certificates of its own authority.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::model::{Secret, Timestamp};
use crate::notify::{Action, Answer, Context, Event, Given, Sender, Wording};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::sync::Arc;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

const WITHIN: Duration = Duration::from_secs(10);
const HOST: &str = "127.0.0.1";

/// A mail server for one mail.
struct Server {
    port: u16,
    /// What it was told, with `(TLS)` where that began.
    heard: JoinHandle<String>,
    /// The authority of its certificate, as a PEM file.
    authority: tempfile::NamedTempFile,
}

/// How a server secures a connection.
#[derive(Clone, Copy)]
enum Secures {
    Never,
    FromTheStart,
    WhenAsked,
}

/// It answers the end of the data with `verdict`.
async fn server(secures: Secures, verdict: &'static str) -> Server {
    let listener = TcpListener::bind((HOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (acceptor, authority) = certified();
    let heard = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut heard = String::new();
        let _ended = serve(stream, &acceptor, secures, verdict, &mut heard).await;
        heard
    });
    Server { port, heard, authority }
}

async fn serve(
    stream: TcpStream,
    acceptor: &TlsAcceptor,
    secures: Secures,
    verdict: &str,
    heard: &mut String,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    match secures {
        Secures::Never => {
            stream.write_all(b"220 hi\r\n").await?;
            talk(&mut stream, "250 ok", verdict, heard).await?;
            return Ok(());
        }
        Secures::FromTheStart => {}
        Secures::WhenAsked => {
            stream.write_all(b"220 hi\r\n").await?;
            if !talk(&mut stream, "250-ok\r\n250 STARTTLS", verdict, heard).await? {
                return Ok(());
            }
        }
    }
    let mut stream = BufReader::new(acceptor.accept(stream.into_inner()).await?);
    heard.push_str("(TLS)\n");
    if matches!(secures, Secures::FromTheStart) {
        stream.write_all(b"220 hi\r\n").await?;
    }
    talk(&mut stream, "250-ok\r\n250 AUTH PLAIN", verdict, heard).await?;
    Ok(())
}

/// SMTP (RFC 5321) up to the end, or to a STARTTLS, which is told.
async fn talk(
    stream: &mut BufReader<impl AsyncRead + AsyncWrite + Unpin>,
    hello: &str,
    verdict: &str,
    heard: &mut String,
) -> std::io::Result<bool> {
    let mut in_data = false;
    loop {
        let mut line = String::new();
        if stream.take(1 << 16).read_line(&mut line).await? == 0 {
            return Ok(false);
        }
        heard.push_str(&line);
        let answer = match line.trim_end() {
            "." => verdict,
            _ if in_data => continue,
            "DATA" => "354 go on",
            "QUIT" => "221 bye",
            "STARTTLS" => "220 go on",
            login if login.starts_with("AUTH") => "235 it is you",
            greeting if greeting.starts_with("EHLO") => hello,
            _ => "250 ok",
        };
        in_data = line.trim_end() == "DATA";
        stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
        if ["QUIT", "STARTTLS"].contains(&line.trim_end()) {
            return Ok(line.starts_with("STARTTLS"));
        }
    }
}

/// A certificate for `HOST`, and the file of the authority that signed it.
fn certified() -> (TlsAcceptor, tempfile::NamedTempFile) {
    let mut of_authority = CertificateParams::new(Vec::<String>::new()).unwrap();
    of_authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let (authoritys, servers) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let authority = of_authority.self_signed(&authoritys).unwrap();
    let issuer = Issuer::new(of_authority, authoritys);
    let of_server = CertificateParams::new(vec![HOST.to_owned()]).unwrap();
    let certificate = of_server.signed_by(&servers, &issuer).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(servers.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), authority.pem()).unwrap();
    (TlsAcceptor::from(Arc::new(config)), file)
}

fn settings(port: u16, more: &[(&'static str, &str)]) -> Settings {
    let port = port.to_string();
    let mut settings = Settings::default();
    let given = [
        ("host", HOST),
        ("port", &port),
        ("from", "Backups <nas@example.org>"),
        ("to", "me@example.org"),
    ];
    for (name, value) in given.iter().chain(more) {
        settings.insert(name, Given::Text(Secret::new((*value).to_owned())));
    }
    settings
}

async fn sent(settings: &Settings) -> Result<Option<Answer>, SendError> {
    let mut context = Context::new(Event::BackupFailed, "nas", Timestamp::EPOCH);
    context.message = "no space".to_owned();
    let message = Message::new(context, &Wording::default(), "m1").unwrap();
    Sender::new().unwrap().send(Action::Email, settings, &message, WITHIN).await
}

#[tokio::test]
async fn a_mail_arrives_with_subject_and_text() {
    let server = server(Secures::Never, "250 queued as 4711").await;
    let told = sent(&settings(server.port, &[("security", "none")])).await.unwrap().unwrap();
    assert!(told.0.contains("queued as 4711"), "{told:?}");
    let heard = server.heard.await.unwrap();
    for expected in [
        "MAIL FROM:<nas@example.org>",
        "RCPT TO:<me@example.org>",
        "Subject: nas: backup failed",
        "Message-ID: <m1@holdfast>",
        "no space",
    ] {
        assert!(heard.contains(expected), "{expected} is not in {heard}");
    }
}

#[tokio::test]
async fn a_mail_server_refuses_for_now_or_for_good() {
    for (verdict, again) in [("451 later", true), ("550 never", false)] {
        let server = server(Secures::Never, verdict).await;
        let error = sent(&settings(server.port, &[("security", "none")])).await.unwrap_err();
        assert_eq!(matches!(error, SendError::Retry { .. }), again, "{error}");
    }
}

#[tokio::test]
async fn a_mail_and_its_password_go_through_tls_that_a_named_authority_vouches_for() {
    for (secures, security) in [(Secures::FromTheStart, "tls"), (Secures::WhenAsked, "starttls")] {
        let server = server(secures, "250 queued").await;
        let authority = server.authority.path().to_str().unwrap();
        let more = [
            ("security", security),
            ("ca-file", authority),
            ("user", "nas"),
            ("password", "hunter22"),
        ];
        let told = sent(&settings(server.port, &more)).await;
        assert!(told.is_ok_and(|told| told.is_some_and(|Answer(said)| said.contains("queued"))));
        let heard = server.heard.await.unwrap();
        let (clear, sealed) = heard.split_once("(TLS)").unwrap();
        assert!(sealed.contains("AUTH PLAIN") && sealed.contains("no space"), "{heard}");
        assert!(!clear.contains("AUTH") && !clear.contains("MAIL"), "{heard}");
    }
}

#[tokio::test]
async fn no_mail_goes_to_a_server_that_nobody_vouches_for() {
    let stranger = certified().1;
    let stranger = ("ca-file", stranger.path().to_str().unwrap());
    for (secures, security) in [(Secures::FromTheStart, "tls"), (Secures::WhenAsked, "starttls")] {
        for authority in [None, Some(stranger)] {
            let server = server(secures, "250 queued").await;
            let more: Vec<_> = [("security", security)].into_iter().chain(authority).collect();
            let error = sent(&settings(server.port, &more)).await.unwrap_err();
            assert!(error.to_string().contains("certificate"), "{error}");
            let heard = server.heard.await.unwrap();
            assert!(!heard.contains("MAIL"), "{heard}");
        }
    }
}

#[tokio::test]
async fn a_mail_is_never_sent_in_clear_where_tls_was_asked_for() {
    let server = server(Secures::Never, "250 ok").await;
    sent(&settings(server.port, &[("security", "starttls")])).await.unwrap_err();
    let heard = server.heard.await.unwrap();
    assert!(!heard.contains("MAIL FROM"), "{heard}");
}
