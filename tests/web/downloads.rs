//! Files and folders out of snapshots, as a browser saves them.

use crate::api::backed_up;
use crate::client::Ask;
use http::StatusCode;

#[tokio::test]
async fn what_was_backed_up_is_saved_and_is_never_a_page_of_ours() {
    let nas = backed_up();
    let folder = nas.folder().join("data-to-keep");
    let ask = |path: &str, more: &str| {
        let query = format!("/download/x?plan=home&snapshot=latest&path={path}{more}");
        Ask::get(nas.port, &query)
    };
    let letter = ask(folder.join("letter.txt").to_str().unwrap(), "").answer().await;
    assert_eq!((letter.status, letter.text()), (StatusCode::OK, "dear"));
    assert_eq!(letter.header("content-disposition"), "attachment; filename*=UTF-8''letter.txt");
    assert_eq!(letter.header("content-security-policy"), "default-src 'none'; sandbox");
    assert_eq!(letter.header("content-type"), "application/octet-stream");
    assert_eq!(letter.header("x-content-type-options"), "nosniff");

    let packed = ask(folder.to_str().unwrap(), "").answer().await;
    assert_eq!(packed.header("content-type"), "application/x-tar");
    assert!(packed.header("content-disposition").ends_with("data-to-keep.tar"));
    assert_eq!(packed.body.len() % 512, 0);
    let zip = ask(folder.to_str().unwrap(), "&format=zip").answer().await;
    assert_eq!((zip.header("content-type"), &zip.body[..2]), ("application/zip", &b"PK"[..]));

    for hostile in ["/nowhere", "..%2F..%2Fetc%2Fpasswd", "/etc/passwd", "%00"] {
        let answer = ask(hostile, "").answer().await;
        assert!(answer.status.is_client_error(), "{hostile}: {answer:?}");
    }
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://evil.example"),
        ("x-forwarded-for", "192.0.2.1"),
    ] {
        let answer = ask("/", "").with(name, value).answer().await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{name}");
    }
    let unknown = ask("/", "&command=rm").answer().await;
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST);
}
