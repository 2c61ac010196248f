//! Who is let in: names, origins, proxies; and what else the same port and the other one answer.

use crate::client::{Answer, Ask};
use crate::machine::{Machine, free_port};
use holdfast::api::GetIdentityRequest;
use http::{Method, StatusCode};

const WHO: &str = "StatusService/Identity";

fn who(machine: &Machine) -> Ask {
    Ask::json(machine.port, WHO, "")
}

async fn web(machine: &Machine, header: (&str, &str)) -> Answer {
    let ask = Ask::grpc_web(machine.port, WHO, &GetIdentityRequest {});
    ask.with(header.0, header.1).answer().await
}

#[tokio::test]
async fn only_names_of_this_instance_are_answered() {
    let nas = Machine::start("nas");
    let config = format!(
        "instance = \"nas\"\nlisten = [\"127.0.0.1:{}\"]\nurls = [\"https://nas.example\"]\n",
        nas.port
    );
    nas.write_config(&config);
    let mut nas = nas;
    nas.restart();
    for host in
        ["localhost", "LOCALHOST:9898", "127.0.0.1", "127.8.9.1:1", "[::1]:9898", "nas.example"]
    {
        let answer = who(&nas).with("host", host).answer().await;
        let page = Ask::get(nas.port, "/").with("host", host).answer().await;
        assert_eq!(page.status, StatusCode::OK, "{host}");
        // A name that others can be sent to is not this machine's own.
        let own = host != "nas.example";
        assert_eq!(answer.status == StatusCode::OK, own, "{host}: {}", answer.text());
    }
    for host in
        ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "192.0.2.1", "nas"]
    {
        for path in ["/", "/api/v1/StatusService/Identity", "/csp-report"] {
            let answer = Ask::get(nas.port, path).with("host", host).answer().await;
            assert_eq!(answer.status, StatusCode::MISDIRECTED_REQUEST, "{host}");
            assert!(answer.text().contains("urls"), "{}", answer.text());
        }
        assert_eq!(web(&nas, ("host", host)).await.status, StatusCode::MISDIRECTED_REQUEST);
    }
    let twice = who(&nas).with("host", "localhost").with("host", "localhost").answer().await;
    assert_eq!(twice.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn pages_of_other_origins_cannot_call() {
    let nas = Machine::start("nas");
    let own = format!("http://127.0.0.1:{}", nas.port);
    let good =
        [("origin", own.as_str()), ("sec-fetch-site", "same-origin"), ("sec-fetch-site", "none")];
    for header in good {
        assert_eq!(who(&nas).with(header.0, header.1).answer().await.status, StatusCode::OK);
        let (_, trailers) = web(&nas, header).await.grpc_web::<holdfast::api::Identity>();
        assert!(trailers.contains("grpc-status:0"), "{trailers}");
    }
    let neighbour = format!("http://127.0.0.1:{}", free_port());
    let foreign = [
        ("origin", "https://evil.example"),
        ("origin", neighbour.as_str()),
        ("origin", "null"),
        ("origin", "http://localhost"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ];
    for header in foreign {
        let answer = who(&nas).with(header.0, header.1).answer().await;
        assert_eq!(answer.refused(), (403, "foreign-origin".to_owned()), "{header:?}");
        let answer = web(&nas, header).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{header:?}");
        assert!(answer.headers.get("access-control-allow-origin").is_none());
    }
    let preflight = Ask::new(nas.port, Method::OPTIONS, &format!("/api/v1/{WHO}"), "".into())
        .with("origin", "https://evil.example")
        .with("access-control-request-method", "POST")
        .answer()
        .await;
    assert_eq!(preflight.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn no_form_can_call() {
    let nas = Machine::start("nas");
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""] {
        let json = Ask::new(nas.port, Method::POST, &format!("/api/v1/{WHO}"), "{}".into());
        let answer = json.with("content-type", kind).answer().await;
        assert_eq!(answer.refused(), (415, "content-type".to_owned()), "{kind}");
        let path = format!("/holdfast.api.v1.{WHO}");
        let grpc = Ask::new(nas.port, Method::POST, &path, "\0\0\0\0\0".into());
        let answer = grpc.with("content-type", kind).answer().await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{kind}");
    }
}

#[tokio::test]
async fn what_somebody_passed_on_is_not_from_this_machine() {
    let nas = Machine::start("nas");
    let forwarding = [
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-host", "localhost"),
        ("x-forwarded-proto", "http"),
        ("forwarded", "for=127.0.0.1"),
        ("x-real-ip", "127.0.0.1"),
        ("via", "1.1 proxy"),
    ];
    for header in forwarding {
        let answer = who(&nas).with(header.0, header.1).answer().await;
        assert_eq!(answer.refused(), (401, "no-users".to_owned()), "{header:?}");
        let refused = web(&nas, header).await;
        assert_eq!(refused.status, StatusCode::OK, "gRPC says it in its own status");
        assert_eq!(refused.header("grpc-status"), "16");
        let page = Ask::get(nas.port, "/").with(header.0, header.1).answer().await;
        assert_eq!(page.status, StatusCode::OK, "the page is there, to say why");
    }
}

#[tokio::test]
async fn peers_sync_on_the_same_port_and_the_sync_port_has_nothing_else() {
    let port = free_port();
    let hub = Machine::start_with("hub", &format!("sync-listen = [\"127.0.0.1:{port}\"]\n"));
    let nas = Machine::start("nas");
    let joined = nas.joins(&hub, &["--ask", "read-operations=*"], &["--accept-asks"]);
    assert_eq!(joined["state"], "connected", "{joined}");
    for path in ["/", "/index.html", "/api/v1/StatusService/Identity", "/csp-report"] {
        let answer = Ask::get(port, path).answer().await;
        assert_eq!((answer.status, answer.text()), (StatusCode::NOT_FOUND, "not found\n"));
    }
    assert_eq!(Ask::json(port, WHO, "").answer().await.status, StatusCode::NOT_FOUND);
    assert_eq!(who(&hub).answer().await.document()["instance"], "hub");
}
