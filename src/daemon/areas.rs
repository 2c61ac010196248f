//! What changed of what no other channel tells: a count for each, to be looked at anew.

use std::fmt;
use tokio::sync::watch;

/// What can be asked for anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Area {
    /// Plans and their states.
    Plans,
    /// Repos.
    Repos,
    /// Peers and how the links to them are.
    Peers,
    /// Pairing tokens.
    Tokens,
    /// The configuration.
    Config,
    /// Who may log in.
    Users,
    /// What needs somebody.
    Attention,
}

impl Area {
    /// Every one.
    pub const ALL: [Self; 7] = [
        Self::Plans,
        Self::Repos,
        Self::Peers,
        Self::Tokens,
        Self::Config,
        Self::Users,
        Self::Attention,
    ];

    /// The word of the API for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plans => "plans",
            Self::Repos => "repos",
            Self::Peers => "peers",
            Self::Tokens => "tokens",
            Self::Config => "config",
            Self::Users => "users",
            Self::Attention => "attention",
        }
    }
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How often each area changed.
#[derive(Debug, Default)]
pub struct Areas(watch::Sender<[u64; Area::ALL.len()]>);

impl Areas {
    /// Says that an area changed.
    pub fn changed(&self, area: Area) {
        self.0.send_modify(|counts| {
            if let Some(count) = counts.get_mut(area as usize) {
                *count = count.wrapping_add(1);
            }
        });
    }

    /// Changes with every [`Areas::changed`].
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<[u64; Area::ALL.len()]> {
        self.0.subscribe()
    }
}
