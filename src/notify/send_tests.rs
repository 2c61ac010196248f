//! The sender against servers on loopback.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::model::{Secret, Timestamp};
use crate::notify::{Context, Event, Given, Wording};
use axum::Router;
use http::{HeaderMap, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use std::sync::Mutex;
use tokio::net::TcpListener;

const WITHIN: Duration = Duration::from_secs(10);

fn message() -> Message {
    let mut context = Context::new(Event::BackupFailed, "nas", Timestamp::EPOCH);
    context.message = "no space".to_owned();
    Message::new(context, &Wording::default(), "m1").unwrap()
}

fn settings(pairs: &[(&'static str, &str)]) -> Settings {
    let mut settings = Settings::default();
    for (name, value) in pairs {
        settings.insert(name, Given::Text(Secret::new((*value).to_owned())));
    }
    settings
}

type Seen = Arc<Mutex<Vec<(String, HeaderMap, String)>>>;

/// A server that keeps what it is sent and answers as told; its address.
async fn server(answer: (u16, &'static [(&'static str, &'static str)], String)) -> (String, Seen) {
    let seen = Seen::default();
    let keeps = Arc::clone(&seen);
    let handler = move |uri: Uri, headers: HeaderMap, body: String| {
        keeps.lock().unwrap().push((uri.to_string(), headers, body));
        let (status, more, text) = answer.clone();
        let mut response = http::Response::builder().status(status);
        for (name, value) in more {
            response = response.header(*name, *value);
        }
        async move { response.body(text).unwrap() }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(handler);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(router.clone());
            let builder = auto::Builder::new(TokioExecutor::new());
            let serve = async move {
                builder.serve_connection(TokioIo::new(stream), service).await.map_err(drop)
            };
            tokio::spawn(serve);
        }
    });
    (url, seen)
}

async fn sent(action: Action, settings: &Settings) -> Result<Option<Answer>, SendError> {
    Sender::new().unwrap().send(action, settings, &message(), WITHIN).await
}

#[tokio::test]
async fn a_message_arrives_and_the_answer_is_told_without_the_secret() {
    let (url, seen) = server((200, &[], "thanks for hunter22".to_owned())).await;
    let told = sent(Action::Gotify, &settings(&[("url", &url), ("token", "hunter22")])).await;
    assert_eq!(told, Ok(Some(Answer("200 OK thanks for ***".to_owned()))));
    let seen = seen.lock().unwrap();
    let (path, headers, body) = &seen[0];
    assert_eq!(
        (path.as_str(), headers["x-gotify-key"].to_str().unwrap()),
        ("/message", "hunter22")
    );
    assert!(
        body.contains("no space")
            && headers["user-agent"].to_str().unwrap().starts_with("holdfast/")
    );
}

#[tokio::test]
async fn what_a_service_says_is_worth_another_try_or_not() {
    for (status, again) in [
        (500, true),
        (503, true),
        (429, true),
        (408, true),
        (400, false),
        (401, false),
        (404, false),
    ] {
        let (url, _) = server((status, &[("retry-after", "7")], "said".to_owned())).await;
        let error = sent(Action::Webhook, &settings(&[("url", &url)])).await.unwrap_err();
        let retries = matches!(&error, SendError::Retry { after, .. } if *after == Some(Duration::from_secs(7)));
        assert_eq!(retries, again, "{status}: {error}");
        assert!(error.to_string().contains("said"), "{error}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_its_address_not_told() {
    let (elsewhere, seen) = server((200, &[], String::new())).await;
    drop(elsewhere);
    let (url, first) = server((307, &[("location", "/elsewhere/secret")], String::new())).await;
    let error = sent(Action::Webhook, &settings(&[("url", &url)])).await.unwrap_err();
    assert!(
        matches!(&error, SendError::GiveUp(said) if said.contains("redirects") && !said.contains("secret"))
    );
    assert_eq!((first.lock().unwrap().len(), seen.lock().unwrap().len()), (1, 0));
}

#[tokio::test]
async fn nobody_there_and_no_answer_are_worth_another_try_and_hide_the_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/T0/secret", listener.local_addr().unwrap());
    let sender = Sender::new().unwrap();
    let send = |within| {
        let (sender, settings) = (sender.clone(), settings(&[("url", &url)]));
        async move { sender.send(Action::Slack, &settings, &message(), within).await.unwrap_err() }
    };
    // It accepts nothing: the time is over first.
    let late = send(Duration::from_millis(50)).await;
    drop(listener);
    let refused = send(WITHIN).await;
    for error in [late, refused] {
        assert!(matches!(error, SendError::Retry { .. }), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn an_endless_answer_is_read_to_its_limit() {
    let (url, _) = server((200, &[], "x".repeat(3 << 20))).await;
    let answer = sent(Action::Webhook, &settings(&[("url", &url)])).await.unwrap().unwrap();
    assert!(answer.0.len() <= ANSWER_LIMIT + 10, "{}", answer.0.len());
}
