//! The interface's files: what is sent, how small, for how long, and with which orders to browsers.

use crate::client::Ask;
use crate::machine::Machine;
use http::{Method, StatusCode};
use std::io::Read as _;

const ORDERS: [(&str, &str); 6] = [
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("reporting-endpoints", "csp=\"/csp-report\""),
];

#[tokio::test]
async fn every_path_that_is_no_file_is_the_page() {
    let nas = Machine::start("nas");
    for path in ["/", "/welcome", "/m/nas/plan/home", "/ops?state=failed", "/settings/users"] {
        let page = Ask::get(nas.port, path).answer().await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(page.header("cache-control"), "no-cache");
        assert!(page.text().starts_with("<!doctype html>"), "{path}");
    }
    let gone = Ask::get(nas.port, "/assets/gone-123.js").answer().await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    let posted = Ask::new(nas.port, Method::POST, "/", bytes::Bytes::new()).answer().await;
    assert_eq!(posted.status, StatusCode::METHOD_NOT_ALLOWED);
    let head = Ask::new(nas.port, Method::HEAD, "/", bytes::Bytes::new()).answer().await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
}

#[tokio::test]
async fn every_answer_keeps_a_page_from_reaching_elsewhere() {
    let nas = Machine::start("nas");
    let answers = [
        Ask::get(nas.port, "/").answer().await,
        Ask::get(nas.port, "/assets/gone.js").answer().await,
        Ask::json(nas.port, "StatusService/Identity", "").answer().await,
        Ask::json(nas.port, "StatusService/Nothing", "").answer().await,
        Ask::get(nas.port, "/").with("host", "evil.example").answer().await,
    ];
    for answer in answers {
        let policy = answer.header("content-security-policy");
        for part in [
            "default-src 'self'",
            "base-uri 'none'",
            "connect-src 'self'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "object-src 'none'",
        ] {
            assert!(policy.split("; ").any(|found| found == part), "{part}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        for (name, value) in ORDERS {
            assert_eq!(answer.header(name), value);
        }
        assert!(answer.header("permissions-policy").contains("camera=()"));
    }
}

/// The first stylesheet that the page names.
async fn stylesheet(port: u16) -> String {
    let page = Ask::get(port, "/").answer().await;
    let names = page.text().split('"').find(|part| part.ends_with(".css"));
    names.unwrap().to_owned()
}

#[tokio::test]
async fn files_come_compressed_and_are_not_sent_twice() {
    let nas = Machine::start("nas");
    let path = stylesheet(nas.port).await;
    let plain = Ask::get(nas.port, &path).answer().await;
    assert_eq!(plain.header("content-type"), "text/css; charset=utf-8");
    assert!(plain.headers.get("content-encoding").is_none());
    let asked = |encodings| Ask::get(nas.port, &path).with("accept-encoding", encodings).answer();

    let brotli = asked("gzip, deflate, br").await;
    assert_eq!(brotli.header("content-encoding"), "br");
    assert_eq!(brotli.header("vary"), "accept-encoding");
    assert!(brotli.body.len() < plain.body.len());
    let mut unpacked = Vec::new();
    brotli_decompressor::Decompressor::new(&brotli.body[..], 4096)
        .read_to_end(&mut unpacked)
        .unwrap();
    assert_eq!(unpacked, plain.body);

    let gzip = asked("gzip;q=1, br;q=0").await;
    assert_eq!(gzip.header("content-encoding"), "gzip");
    assert_eq!(gzip.body[..2], [0x1f, 0x8b]);

    let etag = plain.header("etag");
    let known = Ask::get(nas.port, &path).with("if-none-match", etag).answer().await;
    assert_eq!((known.status, known.body.len()), (StatusCode::NOT_MODIFIED, 0));
    assert_eq!(known.header("etag"), etag);
    let other = Ask::get(nas.port, &path).with("if-none-match", "W/\"x\"").answer().await;
    assert_eq!(other.status, StatusCode::OK);
}

#[tokio::test]
async fn broken_policies_are_logged_a_few_times_a_minute() {
    let nas = Machine::start("nas");
    let report = "{\"csp-report\":{\"blocked-uri\":\"https://evil.example/x.js\"}}";
    for _ in 0..30 {
        let reported = Ask::new(nas.port, Method::POST, "/csp-report", report.into())
            .with("content-type", "application/csp-report")
            .answer()
            .await;
        assert_eq!(reported.status, StatusCode::NO_CONTENT);
    }
    let log = nas.log();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("evil.example")).collect();
    assert_eq!(lines.len(), 10, "{log}");
    assert!(lines[0].contains("WARN"), "{}", lines[0]);
}
