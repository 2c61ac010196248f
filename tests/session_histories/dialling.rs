//! When peers are dialled again, as `daemon::dialing` does it with the real back-off.

use crate::feeding::Feeding;
use crate::instance::{Dialling, Process, Who};
use crate::link::Link;
use crate::side::Side;
use crate::world::{Due, Outcome, World, side_of};
use holdfast::crypto::CryptoError;
use holdfast::grant::Grants;
use holdfast::net::{Outcome as Dialled, Pause};
use holdfast::session::{Ending, Errand, Session, Verdict};
use holdfast::wire::handshake::{Opening, Purpose};
use holdfast::wire::tell;
use std::time::Duration;

impl World {
    /// A session of this pair has ended, and its claim with it.
    pub fn after_session(&mut self, side: &Side, peer: Who, ending: &Ending) {
        let key = self.instances[peer].key();
        let instance = &self.instances[side.process];
        let lives = instance.pairs.current(&key).is_some();
        let Some(state) = instance.dialers.get(&peer).map(|dialer| dialer.state) else { return };
        match (state, side.end) {
            (_, 0) if lives => self.set_dialling(side.process, peer, Dialling::WhileItLives),
            (Dialling::Busy, 0) => {
                self.dial_later(side.process, peer, outcome(ending, side.generation.is_some()));
            }
            (Dialling::WhileItLives, _) if !lives => {
                self.dial_later(side.process, peer, Dialled::Lost);
            }
            (Dialling::Busy | Dialling::At(_) | Dialling::WhileItLives, _) => {}
        }
    }

    pub fn dial_all(&mut self, process: Process) {
        let peers: Vec<_> = self.instances[process].dialers.keys().copied().collect();
        for peer in peers {
            let after = self.random.below(500);
            self.dial_at(process, peer, after);
        }
    }

    fn set_dialling(&mut self, process: Process, peer: Who, state: Dialling) {
        if let Some(dialer) = self.instances[process].dialers.get_mut(&peer) {
            dialer.state = state;
        }
    }

    pub fn dial_at(&mut self, process: Process, peer: Who, after: u64) {
        self.set_dialling(process, peer, Dialling::At(self.now + after));
        self.schedule(after, Due::Dial(process, peer));
    }

    fn dial_later(&mut self, process: Process, peer: Who, outcome: Dialled) {
        let random = self.random.next() as u32;
        let Some(dialer) = self.instances[process].dialers.get_mut(&peer) else { return };
        let pause = match dialer.backoff.after(outcome, random) {
            Pause::For(pause) => pause,
            // The peer has a session that we have lost: by back-off, until it notices.
            Pause::WhileItLives => match dialer.backoff.after(Dialled::Unreachable, random) {
                Pause::For(pause) => pause,
                Pause::WhileItLives => return,
            },
        };
        self.say(|| format!("{process} dials {peer} in {pause:?} after {outcome:?}"));
        self.dial_at(process, peer, pause.as_millis() as u64);
    }

    pub fn dial_due(&mut self, process: Process, who: Who) -> Outcome {
        let dialer = self.instances[process].dialers.get(&who);
        let due = dialer.is_some_and(|dialer| dialer.state == Dialling::At(self.now));
        if !due || !self.instances[process].up {
            return Ok(());
        }
        // A session that the peer dialled meanwhile will do; an eager one dials all the same.
        let key = self.instances[who].key();
        if !self.plan.eager && self.instances[process].pairs.current(&key).is_some() {
            self.set_dialling(process, who, Dialling::WhileItLives);
            return Ok(());
        }
        self.set_dialling(process, who, Dialling::Busy);
        self.dial(process, who)
    }

    /// Opens a link and a session over it.
    pub fn dial(&mut self, process: Process, who: Who) -> Outcome {
        if !self.instances[process].up {
            return Ok(());
        }
        if !self.instances[who].up {
            self.dial_later(process, who, Dialled::Unreachable);
            return Ok(());
        }
        let link = self.number();
        let latency = self.plan.latency_between(self.instances[process].who, who);
        self.links.insert(link, Link::new([process, who], latency, self.now));
        let dialler = self.dialler(link, process, who).map_err(|error| error.to_string())?;
        let now = self.time_of(who);
        let local = self.instances[who].local.clone();
        let session = Session::listen(local, self.plan.timing, now);
        let listener = Side::new((link, 1), who, session);
        self.sides.insert(side_of(link, 0), dialler);
        self.sides.insert(side_of(link, 1), listener);
        self.turn(side_of(link, 0))?;
        self.turn(side_of(link, 1))
    }

    fn dialler(&mut self, link: u64, process: Process, who: Who) -> Result<Side, CryptoError> {
        let (listener, now) = (self.instances[who].key(), self.time_of(process));
        let instance = &self.instances[process];
        let grants = instance.grants(who);
        let (feeding, sync_hello) =
            Feeding::open(instance.key(), self.plan.limits, &instance.database, &grants);
        let opening = Opening { granted: tell(&grants), sync_hello };
        let grants = Grants::clone(&grants);
        let purpose = Purpose::Session;
        let errand = Errand { listener, purpose, redemption: None, grants, opening };
        let session = Session::dial(instance.local.clone(), errand, self.plan.timing, now)?;
        let mut side = Side::new((link, 0), process, session);
        (side.feeding, side.peer) = (Some(feeding), Some(who));
        Ok(side)
    }
}

/// What the back-off makes of an ending.
fn outcome(ending: &Ending, stood: bool) -> Dialled {
    match ending.verdict() {
        Verdict::Retry if stood => Dialled::Lost,
        Verdict::Retry => Dialled::Unreachable,
        Verdict::Duplicate => Dialled::Duplicate,
        Verdict::Refused | Verdict::Incompatible => Dialled::Refused(match ending {
            Ending::Theirs(reason) if reason.retry_after_s > 0 => {
                Some(Duration::from_secs(reason.retry_after_s.into()))
            }
            _ => None,
        }),
    }
}
