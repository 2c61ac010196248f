//! The API in its three forms: JSON, gRPC-Web and gRPC, with the same answers as the command line.

use crate::client::Ask;
use crate::machine::Machine;
use holdfast::api::repo_service_client::RepoServiceClient;
use holdfast::api::status_service_client::StatusServiceClient;
use holdfast::api::{
    GetIdentityRequest, Identity, ListOperationsRequest, Operation, PlanRequest, RepoRequest,
};
use http::StatusCode;
use serde_json::{Value, json};
use std::fs;
use tonic::transport::Endpoint;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

async fn call(machine: &Machine, method: &str, input: &Value) -> Value {
    Ask::json(machine.port, method, &input.to_string()).answer().await.document()
}

/// With a repository and a plan that has run once.
pub(crate) fn backed_up() -> Machine {
    let nas = Machine::start("nas");
    let (source, vault) = (nas.folder().join("data-to-keep"), nas.folder().join("vault"));
    fs::create_dir(&source).unwrap();
    fs::write(source.join("letter.txt"), "dear").unwrap();
    fs::write(nas.folder().join("password"), "secret").unwrap();
    let password = nas.folder().join("password");
    nas.ask(&[
        "repo",
        "add",
        "vault",
        vault.to_str().unwrap(),
        "--password-file",
        password.to_str().unwrap(),
    ]);
    nas.ask(&[
        "plan",
        "add",
        "home",
        "--repo",
        "vault",
        "--path",
        source.to_str().unwrap(),
        "--schedule",
        "manual",
    ]);
    nas.cli(&["plan", "backup", "home"]);
    nas
}

/// Without what goes on with the time between two questions.
fn at_one_moment(document: Value) -> Value {
    match document {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(name, _)| name != "age_s")
            .map(|(name, value)| (name, at_one_moment(value)))
            .collect(),
        Value::Array(values) => values.into_iter().map(at_one_moment).collect(),
        plain => plain,
    }
}

#[tokio::test]
async fn documents_are_those_of_the_command_line() {
    let nas = backed_up();
    let same = [
        ("StatusService/Identity", json!({}), nas.ask(&["identity", "show"])),
        (
            "PlanService/List",
            json!({}),
            json!({ "plans": nas.ask(&["plan", "list"]), "removed": [] }),
        ),
        (
            "RepoService/List",
            json!({}),
            json!({ "repos": nas.ask(&["repo", "list"]), "removed": [] }),
        ),
        ("PlanService/Show", json!({ "plan": "home" }), nas.ask(&["plan", "show", "home"])),
        ("ConfigService/Show", json!({}), nas.ask(&["config", "show"])),
    ];
    for (method, input, printed) in same {
        let called = call(&nas, method, &input).await;
        assert_eq!(at_one_moment(called), at_one_moment(printed), "{method}");
    }
    let created = call(
        &nas,
        "TokenService/Create",
        &json!({ "label": "desk", "ttl_s": 60, "grants": [{ "permission": "send-shared-repos" }] }),
    )
    .await;
    assert_eq!((&created["max_uses"], &created["uses"]), (&json!(0), &json!(0)));
    let listed = call(&nas, "TokenService/List", &json!({})).await;
    assert_eq!(listed, json!({ "tokens": nas.ask(&["token", "list"]) }));
    assert_eq!(listed["tokens"][0]["label"], "desk");
}

#[tokio::test]
async fn a_stream_is_a_document_per_line() {
    let nas = backed_up();
    let answer = Ask::json(nas.port, "OperationService/List", "{}").answer().await;
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    let lines: Vec<Value> =
        answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!lines.is_empty());
    assert_eq!(lines, nas.cli(&["ops"]).lines());
    let snapshots = Ask::json(nas.port, "SnapshotService/List", "").answer().await;
    let snapshot: Value = serde_json::from_str(snapshots.text().lines().next().unwrap()).unwrap();
    assert_eq!((&snapshot["plan"], &snapshot["repo"]), (&json!("home"), &json!("vault")));

    let chunks = Ask::json(
        nas.port,
        "SnapshotService/Dump",
        &json!({ "snapshot": { "snapshot": "latest", "plan": "home" }, "path": "/nowhere" })
            .to_string(),
    );
    let broken = chunks.answer().await;
    let last: Value = serde_json::from_str(broken.text().lines().last().unwrap()).unwrap();
    assert!(last["error"]["code"].is_string(), "{last}");
}

#[tokio::test]
async fn refusals_say_what_is_wrong_and_what_to_do() {
    let nas = Machine::start("nas");
    let refused =
        async |method: &str, body: &str| Ask::json(nas.port, method, body).answer().await.refused();
    let found = |status: u16, code: &str| (status, code.to_owned());
    for unknown in ["PlanService/Explode", "Nothing/List", "PlanService", "", "PlanService/List/x"]
    {
        assert_eq!(refused(unknown, "{}").await, found(404, "not-found"), "{unknown}");
    }
    for wrong in ["{", "[]", "{\"plan\": 7}", "{\"plann\": \"x\"}", "{} {}", "\u{0}"] {
        assert_eq!(refused("PlanService/Show", wrong).await, found(400, "invalid"), "{wrong}");
    }
    assert_eq!(refused("PlanService/Show", "{\"plan\":\"none\"}").await, found(404, "not-found"));
    let huge = format!("{{\"plan\":\"{}\"}}", "x".repeat(5 << 20));
    assert_eq!(refused("PlanService/Show", &huge).await, found(413, "limit"));
    let got = Ask::get(nas.port, "/api/v1/PlanService/List").answer().await;
    assert_eq!(got.refused(), found(405, "method"));
}

#[tokio::test]
async fn browsers_call_over_grpc_web() {
    let nas = backed_up();
    let ask = Ask::grpc_web(nas.port, "StatusService/Identity", &GetIdentityRequest {});
    let answer = ask.answer().await;
    assert_eq!(answer.header("content-type"), "application/grpc-web+proto");
    assert_eq!(answer.header("cache-control"), "no-store");
    let (identities, trailers) = answer.grpc_web::<Identity>();
    assert_eq!(identities[0].instance, "nas");
    assert!(trailers.contains("grpc-status:0"), "{trailers}");

    let all = ListOperationsRequest::default();
    let stream = Ask::grpc_web(nas.port, "OperationService/List", &all).answer().await;
    assert!(!stream.grpc_web::<Operation>().0.is_empty());

    let none = PlanRequest { plan: "none".to_owned() };
    let refused = Ask::grpc_web(nas.port, "PlanService/Show", &none).answer().await;
    assert_eq!((refused.status, refused.header("grpc-status")), (StatusCode::OK, "5"));
    assert!(!refused.header("grpc-status-details-bin").is_empty());
    let unknown = Ask::grpc_web(nas.port, "PlanService/Explode", &none).answer().await;
    assert_eq!(unknown.header("grpc-status"), "12");
}

#[tokio::test]
async fn generic_clients_call_over_grpc_and_are_told_what_there_is() {
    let nas = Machine::start("nas");
    let channel = Endpoint::from_shared(nas.url.clone()).unwrap().connect().await.unwrap();
    let mut client = StatusServiceClient::new(channel.clone());
    let identity = client.identity(GetIdentityRequest {}).await;
    assert_eq!(identity.unwrap().into_inner().instance, "nas");
    let list = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let told =
        ServerReflectionClient::new(channel).server_reflection_info(tokio_stream::once(list)).await;
    let told = told.unwrap().into_inner().message().await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(services)) = told.message_response else {
        panic!("{told:?}")
    };
    let names: Vec<_> = services.service.into_iter().map(|service| service.name).collect();
    assert!(names.contains(&"holdfast.api.v1.PlanService".to_owned()), "{names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sizes_are_those_that_were_measured() {
    let nas = backed_up();
    let none = call(&nas, "RepoService/Sizes", &json!({ "repo": "vault" })).await;
    assert_eq!(none["sizes"], json!([]));
    for _ in 0..2 {
        nas.ask(&["repo", "stats", "vault"]);
    }
    let two = call(&nas, "RepoService/Sizes", &json!({ "repo": "vault" })).await;
    let sizes = two["sizes"].as_array().unwrap();
    assert_eq!(sizes.len(), 2, "{two}");
    assert_eq!((&sizes[0]["snapshots"], &sizes[0]["restore_bytes"]), (&json!(1), &json!(4)));
    assert!(sizes[0]["stored_bytes"].as_u64().unwrap() > 0, "{two}");
    assert!(sizes[0]["at"].as_str() < sizes[1]["at"].as_str(), "{two}");
    let unknown = Ask::json(nas.port, "RepoService/Sizes", r#"{"repo":"attic"}"#).answer().await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_stored_password_is_shown_at_the_socket_and_to_no_browser() {
    let nas = backed_up();
    let shown = nas.ask(&["repo", "show", "vault", "--password"]);
    assert_eq!(shown["password"], "secret");
    let asked = r#"{"repo":"vault"}"#;
    let json = Ask::json(nas.port, "RepoService/Password", asked).answer().await;
    assert_eq!(json.refused().1, "by-hand");
    assert!(json.text().contains("holdfast repo show vault --password"), "{}", json.text());
    let message = RepoRequest { repo: "vault".to_owned() };
    let web = Ask::grpc_web(nas.port, "RepoService/Password", &message).answer().await;
    assert!(!web.header("grpc-status-details-bin").is_empty());
    assert!(web.body.is_empty(), "{:?}", web.body);
    let channel = Endpoint::from_shared(nas.url.clone()).unwrap().connect().await.unwrap();
    let refused = RepoServiceClient::new(channel).password(message).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::FailedPrecondition);
}

#[tokio::test]
async fn the_room_for_a_restore_is_known_before_anything_is_written() {
    let nas = backed_up();
    let target = nas.folder().join("new/deep");
    let source = nas.folder().join("data-to-keep");
    let room = async |paths: &[&str]| {
        let asked =
            json!({ "snapshot": "latest", "plan": "home", "target": target, "paths": paths });
        let ask = Ask::json(nas.port, "SnapshotService/Room", &asked.to_string());
        let answer = ask.answer().await;
        serde_json::from_str::<Value>(answer.text().lines().last().unwrap()).unwrap()
    };
    let letter = source.join("letter.txt");
    for paths in [&[][..], &[letter.to_str().unwrap()]] {
        let told = room(paths).await;
        assert_eq!((&told["bytes"], &told["done"]), (&json!(4), &json!(true)), "{told}");
        assert_eq!((&told["is_there"], &told["writable"]), (&json!(false), &json!(true)), "{told}");
        assert_eq!(told["folder"], nas.folder().to_str().unwrap(), "{told}");
        assert!(told["free"].as_u64().unwrap() > 4, "{told}");
    }
    assert!(!target.exists());
    assert_eq!(room(&["/not/in/it"]).await["error"]["code"], "not-found");
}
