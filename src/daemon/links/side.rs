//! One link's view of the instance: the host of its session.

use super::super::admission::Here;
use super::super::presence::Presence;
use super::claim::{Claimed, Place};
use super::visit::{CLONE_HERE, said};
use super::{Links, locked};
use crate::clock;
use crate::model::{KeyId, LinkState};
use crate::net::drive::{Feeding, Host, Standing};
use crate::session::{Admission, Applicant, Code, DialledBy, Ending, Event, Opened};
use crate::wire::handshake::Offer;
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;

/// One link's view of the instance: who dialled it, and from where.
pub(super) struct Side {
    pub(super) links: Arc<Links>,
    pub(super) by: DialledBy,
    pub(super) address: Option<String>,
    pub(super) claimed: Mutex<Option<Place>>,
    /// What a listener said to a call that is no session.
    pub(super) heard: Mutex<(Option<Opened>, Option<Offer>)>,
}

impl Side {
    pub(super) fn new(links: &Arc<Links>, by: DialledBy, address: Option<String>) -> Self {
        let (claimed, heard) = (Mutex::default(), Mutex::default());
        Self { links: Arc::clone(links), by, address, claimed, heard }
    }

    fn refused(&self, peer: KeyId, code: Code) {
        if code == Code::Clone {
            let why = Some((code.as_str().to_owned(), CLONE_HERE.to_owned()));
            let refused = |presence: &mut Presence| {
                presence.becomes(LinkState::Refused, why);
            };
            self.links.base.presences.update(&peer, refused);
        }
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        // A task that was cut off in the middle leaves its pair as well.
        if let Some(place) = locked(&self.claimed).take() {
            self.links.release(&place);
            self.links.show_apart(&place.peer, |presence| {
                presence.becomes(LinkState::Offline, Some(said(&Ending::Cut)));
            });
        }
    }
}

impl Host for Side {
    async fn admit(&self, applicant: &Applicant) -> (Admission, Option<Feeding>) {
        let settings = self.links.settings();
        let here = Here { instance: settings.local.instance.clone(), urls: settings.urls.clone() };
        let decided = self.links.admissions.decide(applicant, here, self.address.clone()).await;
        self.links.refusals.note(applicant, &decided.0, self.address.as_deref());
        match self.links.refuses_probe(applicant) {
            // Whom nobody would let in anyway hears that.
            Some(code) if matches!(decided.0, Admission::Accept { .. }) => {
                (Admission::Refuse(code.reason()), None)
            }
            _ => decided,
        }
    }

    fn stand(&self, opened: &Opened) -> Result<Standing, Code> {
        let claimed = self.links.claim(opened, self.by);
        let Claimed { standing, events, conversation } =
            claimed.inspect_err(|code| self.refused(opened.key, *code))?;
        let place = Place { peer: opened.key, generation: standing.generation, events };
        *locked(&self.claimed) = Some(place);
        self.links.dismissals.send_if_modified(|dismissed| dismissed.remove(&opened.key));
        self.links.base.presences.update(&opened.key, |presence| {
            presence.becomes(LinkState::Connected, None);
            presence.alert = None;
            presence.address.clone_from(&self.address);
        });
        // Nobody attends: then sessions do log sync and nothing else.
        let _ = self.links.conversations.send(conversation);
        Ok(standing)
    }

    fn note(&self, peer: KeyId, event: Event) {
        let claimed = locked(&self.claimed);
        let Some(place) = claimed.as_ref() else {
            if let Event::Opened(opened) = event {
                locked(&self.heard).0 = Some(*opened);
            }
            return;
        };
        match place.events.try_send(Box::new(event)) {
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => {}
            // The newest will come again.
            Err(mpsc::error::TrySendError::Full(event)) if matches!(*event, Event::Progress(_)) => {
            }
            Err(mpsc::error::TrySendError::Full(event)) => {
                tracing::warn!(%peer, event = event.name(), "a peer says more than can be heard");
                self.links.close_one(place, Code::Busy);
            }
        }
    }

    fn offered(&self, offer: Offer) {
        locked(&self.heard).1 = Some(offer);
    }

    fn alert(&self, peer: KeyId, message: String) {
        tracing::warn!(%peer, message, "log sync needs a look");
        let since = clock::now();
        self.links.base.presences.update(&peer, |presence| presence.alert = Some((message, since)));
    }
}
