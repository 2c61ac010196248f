//! Grants as the API writes them, and as they are kept.

use super::refuse;
use crate::api::{Grant, ReceivedGrant};
use crate::grant::{GrantError, Grants, Scopes};
use crate::wire::ToldGrant;
use tonic::Status;

/// Reads grants or asks. All of them are refused where one is unknown or lacks its scope.
pub(super) fn read(written: &[Grant]) -> Result<Grants, Status> {
    Grants::from_written(written.iter().map(parts)).map_err(refused)
}

/// These grants with more of them, read together: what is excluded narrows what is there.
pub(super) fn united(grants: &Grants, more: &[Grant]) -> Result<Grants, GrantError> {
    let there = shown(grants);
    Grants::from_written(there.iter().chain(more).map(parts))
}

/// A change that does not happen.
pub(super) fn refused(error: GrantError) -> Status {
    refuse::invalid(error.to_string(), "nothing was changed; correct it and try again")
}

fn parts(grant: &Grant) -> (&str, Vec<&str>) {
    (&grant.permission, grant.scopes.iter().map(String::as_str).collect())
}

/// As documents say them.
pub(super) fn shown(grants: &Grants) -> Vec<Grant> {
    let texts = |scopes: &Scopes| scopes.iter().map(ToString::to_string).collect();
    let one = |(permission, scopes): (crate::grant::Permission, &Scopes)| Grant {
        permission: permission.to_string(),
        scopes: texts(scopes),
    };
    grants.iter().map(one).collect()
}

/// What a peer said that we may do there.
pub(super) fn received(told: &[ToldGrant]) -> Vec<ReceivedGrant> {
    let one = |told: &ToldGrant| ReceivedGrant {
        permission: told.permission.clone(),
        scopes: told.scopes.clone(),
        with_exceptions: told.exceptions,
    };
    told.iter().map(one).collect()
}

/// An offer of a listener, which names no exclusions.
pub(super) fn offered(told: &[ToldGrant]) -> Vec<Grant> {
    let one = |told: &ToldGrant| Grant {
        permission: told.permission.clone(),
        scopes: told.scopes.clone(),
    };
    told.iter().map(one).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn grant(permission: &str, scopes: &[&str]) -> Grant {
        let scopes = scopes.iter().map(ToString::to_string).collect();
        Grant { permission: permission.to_owned(), scopes }
    }

    #[test]
    fn g1_an_exclusion_narrows_what_was_granted_before() {
        let before = Grants::parse(["read-operations=repo:a"]).unwrap();
        let united = united(&before, &[grant("read-operations", &["!plan:x"])]).unwrap();
        assert_eq!(united.to_string(), "read-operations=repo:a,!plan:x");
    }

    #[test]
    fn a_change_with_one_bad_grant_is_refused_whole() {
        let written = [grant("read-operations", &["*"]), grant("read-operation", &["*"])];
        assert_eq!(read(&written).unwrap_err().code(), tonic::Code::InvalidArgument);
        assert!(read(&[grant("restore", &[])]).is_err(), "a scope is missing");
        assert_eq!(shown(&read(&written[..1]).unwrap()), written[..1]);
    }
}
