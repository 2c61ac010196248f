//! Scopes: which repos and plans a permission reaches.

use crate::model::{IdError, PlanId, RepoId};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// One scope as written: `*`, `repo:ID`, `plan:ID`, `!repo:ID` or `!plan:ID`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Everything.
    All,
    /// All that is on this repo, whatever its plan.
    Repo(RepoId),
    /// All that is of this plan.
    Plan(PlanId),
    /// Nothing that is on this repo, even where its plan is named.
    NotRepo(RepoId),
    /// Nothing that is of this plan.
    NotPlan(PlanId),
}

/// What an act concerns. A part that it does not have is `None` and matches no scope but `*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Target<'a> {
    /// The repo.
    pub repo: Option<&'a str>,
    /// The plan.
    pub plan: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// Of a repo alone.
    #[must_use]
    pub const fn repo(id: &'a str) -> Self {
        Self { repo: Some(id), plan: None }
    }

    /// Of a shard: either part may be empty.
    #[must_use]
    pub fn shard(repo: &'a str, plan: &'a str) -> Self {
        let part = |text: &'a str| (!text.is_empty()).then_some(text);
        Self { repo: part(repo), plan: part(plan) }
    }
}

impl Scope {
    /// Whether it widens a grant; exclusions narrow one.
    #[must_use]
    pub const fn is_positive(&self) -> bool {
        matches!(self, Self::All | Self::Repo(_) | Self::Plan(_))
    }

    fn names(&self, target: Target<'_>) -> bool {
        match self {
            Self::All => true,
            Self::Repo(id) | Self::NotRepo(id) => target.repo == Some(id.as_str()),
            Self::Plan(id) | Self::NotPlan(id) => target.plan == Some(id.as_str()),
        }
    }
}

impl FromStr for Scope {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        match text.split_once(':') {
            Some(("repo", id)) => Ok(Self::Repo(id.parse()?)),
            Some(("plan", id)) => Ok(Self::Plan(id.parse()?)),
            Some(("!repo", id)) => Ok(Self::NotRepo(id.parse()?)),
            Some(("!plan", id)) => Ok(Self::NotPlan(id.parse()?)),
            None if text == "*" => Ok(Self::All),
            _ => Err(IdError::Malformed {
                what: "scope",
                text: text.chars().take(80).collect(),
                rule: "it is *, repo:ID, plan:ID, !repo:ID or !plan:ID",
            }),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Repo(id) => write!(f, "repo:{id}"),
            Self::Plan(id) => write!(f, "plan:{id}"),
            Self::NotRepo(id) => write!(f, "!repo:{id}"),
            Self::NotPlan(id) => write!(f, "!plan:{id}"),
        }
    }
}

/// The scopes of one grant, united.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scopes(BTreeSet<Scope>);

impl Scopes {
    /// No permission has more.
    pub const MAX: usize = 256;

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether any of them widens; without one, nothing is allowed (G1).
    #[must_use]
    pub fn has_positive(&self) -> bool {
        self.0.iter().any(Scope::is_positive)
    }

    /// Whether any of them excludes.
    #[must_use]
    pub fn has_exclusions(&self) -> bool {
        self.0.iter().any(|scope| !scope.is_positive())
    }

    /// The rule: no exclusion names the target, and a positive scope does.
    #[must_use]
    pub fn contain(&self, target: Target<'_>) -> bool {
        let excluded = self.0.iter().any(|scope| !scope.is_positive() && scope.names(target));
        !excluded && self.0.iter().any(|scope| scope.is_positive() && scope.names(target))
    }

    /// Written with exclusions only, `*` is added ("all except"): done once, when a grant is stored.
    #[must_use]
    pub fn with_implied_all(mut self) -> Self {
        if !self.0.is_empty() && !self.has_positive() {
            self.0.insert(Scope::All);
        }
        self
    }

    /// Adds all of `other`.
    pub fn unite(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Each scope, positive ones first.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<T: IntoIterator<Item = Scope>>(scopes: T) -> Self {
        Self(scopes.into_iter().collect())
    }
}

/// Comma-separated, as on the command line.
impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, scope) in self.0.iter().enumerate() {
            write!(f, "{}{scope}", if n == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}
