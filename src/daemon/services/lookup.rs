//! Which peer or operation a person means.

use super::describe::{self, Names};
use super::refuse;
use crate::api::{Error, Operation as Document, OperationRequest};
use crate::daemon::Node;
use crate::daemon::roster::Roster;
use crate::job::Live;
use crate::model::{KeyId, Operation, OperationId};
use crate::store::StoreError;
use crate::store::history::{Presence, Recorded, Whose};
use std::ops::RangeInclusive;
use tonic::{Code, Status};

/// How many candidates are looked at and named.
const CANDIDATES: usize = 8;

/// Whose history is meant: a peer by its name, also this instance by its own, else one that was
/// removed, or whoever took its history over; and by its whole key id whoever's history is still held.
pub(super) async fn origin(node: &Node, name: &str) -> Result<KeyId, Status> {
    let wanted = name.to_owned();
    let found =
        node.with_trust(move |_, roster| Ok((roster.find(&wanted)?, removed(roster, &wanted)?)));
    let (refused, removed) = match found.await.map_err(refuse::store)? {
        (Ok(peer), _) => return Ok(peer.key),
        (Err(refused), removed) => (refused, removed),
    };
    if name == node.config.current().instance.as_str() {
        return Ok(node.key());
    }
    let key = removed.or_else(|| name.parse().ok());
    let Some(key) = key else { return Err(refuse::no_peer(refused)) };
    let held = node.history.read(move |reader| reader.summary(key)).await.map_err(refuse::store)?;
    held.map(|_| key).ok_or_else(|| refuse::no_peer(refused))
}

/// Whose history the name of a removed peer means now.
fn removed(roster: &Roster, name: &str) -> Result<Option<KeyId>, StoreError> {
    let removed = roster.find_removed(name)?.ok();
    removed.map(|peer| roster.heir(&peer.key)).transpose()
}

/// One operation of one origin.
#[derive(Debug)]
pub(super) struct Named {
    /// Whose.
    pub(super) origin: KeyId,
    /// Its id.
    pub(super) id: OperationId,
    /// As the history has it; `None` where a history that could not be written has missed it.
    pub(super) recorded: Option<Recorded>,
    /// As it runs here.
    pub(super) live: Option<Live>,
}

impl Named {
    fn of_recorded(recorded: Recorded) -> Self {
        Self { origin: recorded.origin, id: recorded.id, recorded: Some(recorded), live: None }
    }

    /// Its newest state, where one is known.
    pub(super) fn state(&self) -> Option<&Operation> {
        let recorded = self.recorded.as_ref().and_then(|recorded| recorded.state.as_ref());
        let live = self.live.as_ref().map(|live| &live.operation);
        // What the history has missed, whoever runs it knows.
        live.into_iter().chain(recorded).max_by_key(|operation| operation.revision)
    }

    /// As a document.
    pub(super) fn document(&self, names: &Names) -> Document {
        match (self.state(), &self.recorded) {
            (Some(state), recorded) => Document {
                archived: recorded.as_ref().is_some_and(Recorded::is_archived),
                ..describe::operation(state, &self.origin)
            },
            (None, Some(recorded)) => describe::recorded(recorded, names),
            (None, None) => Document::default(),
        }
    }

    /// Whether nothing more will come of it: also one of this instance that does not run, whose end
    /// the history has missed.
    pub(super) fn is_over(&self, own: KeyId) -> bool {
        let archived = self.recorded.as_ref().is_some_and(Recorded::is_archived);
        let finished = self.state().is_none_or(|state| state.status.is_finished());
        archived || finished || (self.origin == own && self.live.is_none())
    }
}

/// The operation that is meant: this instance's, else any that is held here.
pub(super) async fn operation(node: &Node, request: &OperationRequest) -> Result<Named, Status> {
    let ids = ids_of(&request.operation)?;
    if let Some(peer) = &request.peer {
        let whose = Whose::Peer(origin(node, peer).await?);
        return pick(node, candidates(node, whose, &ids).await?, request).await;
    }
    let own = candidates(node, Whose::Own, &ids).await?;
    let found = if own.is_empty() { candidates(node, Whose::All, &ids).await? } else { own };
    pick(node, found, request).await
}

/// The same operation, as it is now.
pub(super) async fn again(node: &Node, named: &Named) -> Result<Option<Named>, Status> {
    let whose = if named.origin == node.key() { Whose::Own } else { Whose::Peer(named.origin) };
    let found = candidates(node, whose, &(named.id..=named.id)).await?;
    Ok(found.into_iter().next())
}

async fn candidates(
    node: &Node,
    whose: Whose,
    ids: &RangeInclusive<OperationId>,
) -> Result<Vec<Named>, Status> {
    let is_own = whose == Whose::Own || whose == Whose::Peer(node.key());
    let running = || if is_own { node.engine.live() } else { Vec::new() };
    // Before and after: what leaves the board meanwhile is in the history by then, and what enters
    // it is perhaps in neither when looked for once.
    let before = running();
    let range = ids.clone();
    let found = node.history.read(move |reader| reader.operations_in(whose, &range, CANDIDATES));
    let mut named = one_each(found.await.map_err(refuse::store)?);
    let live = before.into_iter().chain(running());
    for live in live.filter(|live| ids.contains(&live.operation.id)) {
        match named.iter_mut().find(|named| named.id == live.operation.id) {
            Some(named) => named.live = Some(live),
            None => named.push(Named {
                origin: node.key(),
                id: live.operation.id,
                recorded: None,
                live: Some(live),
            }),
        }
    }
    Ok(named)
}

/// An id that an origin has used in several shards means the one that is live.
fn one_each(mut found: Vec<Recorded>) -> Vec<Named> {
    found.sort_by_key(|one| (one.origin, one.id, one.presence != Presence::Live));
    found.dedup_by_key(|one| (one.origin, one.id));
    found.into_iter().map(Named::of_recorded).collect()
}

async fn pick(
    node: &Node,
    mut found: Vec<Named>,
    request: &OperationRequest,
) -> Result<Named, Status> {
    let id = &request.operation;
    match (found.pop(), found.is_empty()) {
        (None, _) => {
            let message = format!("there is no operation {id}");
            Err(refuse::not_found(message, "holdfast ops --all lists those that are held here"))
        }
        (Some(only), true) => Ok(only),
        (Some(last), false) => {
            found.push(last);
            let names = Names::read(node).await?;
            Err(ambiguous(id, &found, &names))
        }
    }
}

fn ambiguous(id: &str, found: &[Named], names: &Names) -> Status {
    let one = |named: &Named| {
        let Document { id, kind, .. } = named.document(names);
        format!("{id} ({kind}, {})", names.of(&named.origin))
    };
    let mut candidates: Vec<_> = found.iter().map(one).collect();
    candidates.sort();
    if candidates.len() >= CANDIDATES {
        candidates.push("others".to_owned());
    }
    let message = format!("operation {id} could be {}", candidates.join(", "));
    let remedy = "write more of its id, or name whose it is with --peer";
    Error::new("ambiguous", message, remedy).into_status(Code::InvalidArgument)
}

/// The ids that begin with a text: hexadecimal digits, with or without hyphens.
fn ids_of(text: &str) -> Result<RangeInclusive<OperationId>, Status> {
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    let is_id = (1..=32).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let padded = |pad: &str| {
        let mut bytes = [0; 16];
        let missing = 32_usize.saturating_sub(digits.len());
        let text = format!("{digits}{}", pad.repeat(missing));
        hex::decode_to_slice(text, &mut bytes).map(|()| OperationId::from_bytes(bytes))
    };
    match (is_id, padded("0"), padded("f")) {
        (true, Ok(first), Ok(last)) => Ok(first..=last),
        _ => {
            let text: String = text.chars().take(80).collect();
            let message = format!("operation {text:?} is not an id or the beginning of one");
            Err(refuse::invalid(message, "holdfast ops lists the ids"))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_an_id_covers_what_begins_so() {
        let id: OperationId = "019aa4e2-7d1c-7000-8000-00000000000a".parse().unwrap();
        for good in ["0", "019aa4e2-7d1c", "019AA4E27D1C", "019aa4e2-7d1c-7000-8000-00000000000a"] {
            assert!(ids_of(good).unwrap().contains(&id), "{good}");
        }
        for other in ["1", "019aa4e3", "019aa4e2-7d1c-7000-8000-00000000000b"] {
            assert!(!ids_of(other).unwrap().contains(&id), "{other}");
        }
        let whole = ids_of(&id.to_string()).unwrap();
        assert_eq!(whole.start(), whole.end());
        for bad in ["", "-", "latest", "019aa4e2-7d1c-7000-8000-00000000000a0", "ä"] {
            assert!(ids_of(bad).is_err(), "{bad}");
        }
    }
}
