//! The least role that each method of the API needs: one table, closed by default.

use crate::model::Role;

/// What a caller must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nobody in particular: what comes before signing in.
    Nothing,
    /// At least this.
    Role(Role),
}

const NOTHING: Needs = Needs::Nothing;
const VIEWER: Needs = Needs::Role(Role::Viewer);
const OPERATOR: Needs = Needs::Role(Role::Operator);
const ADMIN: Needs = Needs::Role(Role::Admin);

/// Each service with its methods. A viewer sees, but no file's content; an operator also starts and
/// ends what is set up already, and restores; an admin also changes what is set up.
pub const METHODS: &[(&str, &[(&str, Needs)])] = &[
    (
        "SessionService",
        &[
            ("WhoAmI", NOTHING),
            ("Login", NOTHING),
            ("Logout", NOTHING),
            ("CreateFirstUser", NOTHING),
            ("List", VIEWER),
            ("Revoke", VIEWER),
        ],
    ),
    (
        "UserService",
        &[
            ("List", ADMIN),
            ("Add", ADMIN),
            // One's own; anybody else's is for admins, which the service sees to.
            ("SetPassword", VIEWER),
            ("SetRole", ADMIN),
            ("Remove", ADMIN),
            ("ListKeys", ADMIN),
            ("CreateKey", ADMIN),
            ("RevokeKey", ADMIN),
        ],
    ),
    ("StatusService", &[("Get", VIEWER), ("Identity", VIEWER)]),
    (
        "FleetService",
        &[("Overview", VIEWER), ("Watch", VIEWER), ("PlanHistory", VIEWER), ("Snooze", OPERATOR)],
    ),
    (
        "OperationService",
        &[
            ("List", VIEWER),
            ("Page", VIEWER),
            ("Show", VIEWER),
            ("Watch", VIEWER),
            ("Log", VIEWER),
            ("Export", VIEWER),
            ("Cancel", OPERATOR),
            ("Remove", ADMIN),
        ],
    ),
    (
        "PlanService",
        &[
            ("List", VIEWER),
            ("Fleet", VIEWER),
            ("Show", VIEWER),
            ("Backup", OPERATOR),
            ("DryRun", OPERATOR),
            ("Pause", OPERATOR),
            ("Resume", OPERATOR),
            ("Add", ADMIN),
            ("Edit", ADMIN),
            ("Remove", ADMIN),
            ("Restore", ADMIN),
        ],
    ),
    (
        "RepoService",
        &[
            ("List", VIEWER),
            ("Show", VIEWER),
            ("Sizes", VIEWER),
            ("Init", OPERATOR),
            ("Add", ADMIN),
            ("Take", ADMIN),
            ("Edit", ADMIN),
            ("Remove", ADMIN),
            ("Share", ADMIN),
            ("Unshare", ADMIN),
            ("Password", ADMIN),
        ],
    ),
    ("CommandService", &[("Send", OPERATOR), ("List", VIEWER), ("Withdraw", OPERATOR)]),
    (
        "UpkeepService",
        &[
            ("PreviewForget", VIEWER),
            // A restic command by hand is for admins, which the service sees to.
            ("Start", OPERATOR),
        ],
    ),
    (
        "SnapshotService",
        &[
            ("List", VIEWER),
            ("Ls", VIEWER),
            ("Find", VIEWER),
            ("Diff", VIEWER),
            ("Dump", OPERATOR),
            ("Room", OPERATOR),
            ("Rehearse", OPERATOR),
            ("Restore", OPERATOR),
        ],
    ),
    (
        "PeerService",
        &[
            ("List", VIEWER),
            ("Show", VIEWER),
            ("Test", OPERATOR),
            ("Verify", OPERATOR),
            ("Preview", ADMIN),
            ("Reach", ADMIN),
            ("Join", ADMIN),
            ("Edit", ADMIN),
            ("Rename", ADMIN),
            ("Grant", ADMIN),
            ("Revoke", ADMIN),
            ("Remove", ADMIN),
            ("Allow", ADMIN),
        ],
    ),
    ("TokenService", &[("List", VIEWER), ("Create", ADMIN), ("Revoke", ADMIN)]),
    ("HookService", &[("Test", OPERATOR), ("Snooze", OPERATOR)]),
    ("ConfigService", &[("Show", VIEWER)]),
    (
        "DraftService",
        &[
            ("Schedule", VIEWER),
            ("Visible", VIEWER),
            ("Retention", VIEWER),
            ("CheckPlan", ADMIN),
            ("CheckRepo", ADMIN),
            ("TestRepo", ADMIN),
            ("Folder", ADMIN),
            ("Measure", ADMIN),
            ("Written", ADMIN),
        ],
    ),
    (
        "SettingsService",
        &[
            ("Get", VIEWER),
            ("EditInstance", ADMIN),
            ("EditAddresses", ADMIN),
            ("PutChannel", ADMIN),
            ("RemoveChannel", ADMIN),
            ("PutHook", ADMIN),
            ("RemoveHook", ADMIN),
            ("ImportBackrest", ADMIN),
            ("UndoImport", ADMIN),
        ],
    ),
];

/// What describes the API to programs.
const REFLECTION: [&str; 2] = ["/grpc.reflection.v1.", "/grpc.reflection.v1alpha."];

/// What the method of this gRPC path needs; `None` where the table does not name it.
#[must_use]
pub fn needs(path: &str) -> Option<Needs> {
    if REFLECTION.iter().any(|prefix| path.starts_with(prefix)) {
        return Some(VIEWER);
    }
    let (service, method) = path.strip_prefix("/holdfast.api.v1.")?.split_once('/')?;
    let (_, methods) = METHODS.iter().find(|(name, _)| *name == service)?;
    methods.iter().find(|(name, _)| *name == method).map(|(_, needs)| *needs)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use prost::Message;
    use std::collections::BTreeSet;
    use std::fmt::Write as _;

    /// As much of a `FileDescriptorSet` as names services and methods.
    #[derive(Message)]
    struct Files {
        #[prost(message, repeated, tag = "1")]
        file: Vec<File>,
    }

    #[derive(Message)]
    struct File {
        #[prost(string, tag = "2")]
        package: String,
        #[prost(message, repeated, tag = "6")]
        service: Vec<Service>,
    }

    #[derive(Message)]
    struct Service {
        #[prost(string, tag = "1")]
        name: String,
        #[prost(message, repeated, tag = "2")]
        method: Vec<Method>,
    }

    #[derive(Message)]
    struct Method {
        #[prost(string, tag = "1")]
        name: String,
    }

    fn described() -> BTreeSet<String> {
        let files = Files::decode(crate::api::DESCRIPTORS).unwrap().file;
        let ours = files.iter().filter(|file| file.package == "holdfast.api.v1");
        ours.flat_map(|file| &file.service)
            .flat_map(|service| {
                let path =
                    |method: &Method| format!("/holdfast.api.v1.{}/{}", service.name, method.name);
                service.method.iter().map(path)
            })
            .collect()
    }

    #[test]
    fn every_method_of_the_api_has_a_row_and_every_row_a_method() {
        let named: Vec<String> = METHODS
            .iter()
            .flat_map(|(service, methods)| {
                methods
                    .iter()
                    .map(move |(method, _)| format!("/holdfast.api.v1.{service}/{method}"))
            })
            .collect();
        let rows: BTreeSet<String> = named.iter().cloned().collect();
        assert_eq!(rows.len(), named.len(), "a method is named twice");
        assert_eq!(rows, described());
    }

    #[test]
    fn only_what_comes_before_signing_in_is_open() {
        let open: Vec<_> =
            described().into_iter().filter(|path| needs(path) == Some(NOTHING)).collect();
        let of = |method: &str| format!("/holdfast.api.v1.SessionService/{method}");
        assert_eq!(open, ["CreateFirstUser", "Login", "Logout", "WhoAmI"].map(of));
    }

    #[test]
    fn what_no_row_names_is_closed() {
        for path in [
            "",
            "/",
            "/holdfast.api.v1.StatusService",
            "/holdfast.api.v1.StatusService/",
            "/holdfast.api.v1.StatusService/get",
            "/holdfast.api.v1.StatusService/Get/",
            "//holdfast.api.v1.StatusService/Get",
            "/holdfast.api.v2.StatusService/Get",
            "/holdfast.sync.v1.SyncService/Sync",
        ] {
            assert_eq!(needs(path), None, "{path}");
        }
    }

    /// The table in docs/users.md.
    fn table() -> String {
        let mut text = String::from(
            "| service | viewer | operator, besides | admin, besides |\n|---|---|---|---|\n",
        );
        for (service, methods) in METHODS {
            let of = |role: Needs| {
                let names =
                    methods.iter().filter(|(_, needs)| *needs == role).map(|(name, _)| *name);
                names.collect::<Vec<_>>().join(", ")
            };
            let cells = [of(VIEWER), of(OPERATOR), of(ADMIN)];
            writeln!(text, "| {service} | {} |", cells.join(" | ")).unwrap();
        }
        text
    }

    #[test]
    fn the_documentation_has_this_very_table() {
        let page = include_str!("../../docs/users.md");
        assert!(page.contains(&table()), "docs/users.md should have:\n{}", table());
    }
}
