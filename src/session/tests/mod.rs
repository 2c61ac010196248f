//! Two sessions, a virtual clock and a link that the test holds in its hands.

mod any_bytes;
mod established;
mod handshake;

use super::*;
use crate::model::{Epoch, OperationId, Secret};
use crate::reconcile::{Batch, Checkpoint, Head, Shard, Start, SyncHello};
use crate::wire::Message;
use crate::wire::proto::sync as pb;
use crate::wire::proto::sync::envelope::Body;
use crate::wire::tell;

fn at(millis: i64) -> Now {
    let time = Timestamp::from_millis(millis);
    Now { monotonic: time, wall: time }
}

fn local(seed: u8, name: &str) -> Local {
    Local {
        identity: Arc::new(Identity::from_seed([seed; 32])),
        instance: name.parse().unwrap(),
        boot_id: [seed; 16],
        software: "holdfast test".to_owned(),
    }
}

fn grants(texts: &[&str]) -> Grants {
    Grants::parse(texts.iter().copied()).unwrap()
}

fn errand(purpose: Purpose) -> Errand {
    let grants = grants(&["read-operations=*"]);
    Errand {
        listener: local(2, "hub").identity.key_id(),
        purpose,
        redemption: None,
        opening: Opening { granted: tell(&grants), sync_hello: Some(hello(1)) },
        grants,
    }
}

fn hello(number: u32) -> SyncHello {
    SyncHello { number, epoch: Epoch::from_bytes([9; 16]), root: [3; 32] }
}

fn shard(repo: &str) -> Shard {
    Shard { repo: repo.to_owned(), plan: "home".to_owned() }
}

fn batch(repo: &str) -> FromOrigin {
    FromOrigin::Batch(Batch {
        shard: shard(repo),
        start: Start::After,
        after: Head { seq: 0, chain: [0; 32] },
        entries: Vec::new(),
        chain: [1; 32],
    })
}

/// A dialer and a listener, and everything that crossed between them.
struct Pair {
    dialer: Session,
    listener: Session,
    now: Now,
    to_listener: Vec<Envelope>,
    to_dialer: Vec<Envelope>,
    seen_by_dialer: Vec<Event>,
    seen_by_listener: Vec<Event>,
    admission: Admission,
}

impl Pair {
    fn new(errand: Errand) -> Self {
        let now = at(1_000);
        let grants = grants(&["read-operations=*"]);
        Self {
            dialer: Session::dial(local(1, "nas"), errand, Timing::default(), now).unwrap(),
            listener: Session::listen(local(2, "hub"), Timing::default(), now),
            now,
            to_listener: Vec::new(),
            to_dialer: Vec::new(),
            seen_by_dialer: Vec::new(),
            seen_by_listener: Vec::new(),
            admission: Admission::Accept {
                opening: Opening { granted: tell(&grants), sync_hello: None },
                grants,
                urls: vec!["https://hub.example".to_owned()],
            },
        }
    }

    fn connected() -> Self {
        let mut pair = Self::new(errand(Purpose::Session));
        pair.run();
        assert!(pair.dialer.is_established() && pair.listener.is_established());
        pair
    }

    fn collect(&mut self) {
        while let Some(event) = self.listener.poll_event() {
            if let Event::Ask(_) = &event {
                self.listener.admit(self.admission.clone(), self.now);
            }
            self.seen_by_listener.push(event);
        }
        while let Some(event) = self.dialer.poll_event() {
            self.seen_by_dialer.push(event);
        }
    }

    fn run(&mut self) {
        for _ in 0..64 {
            self.collect();
            let mut moved = false;
            while let Some(envelope) = self.dialer.poll_transmit(self.now) {
                self.to_listener.push(envelope.clone());
                self.listener.handle_envelope(envelope, self.now);
                self.collect();
                moved = true;
            }
            while let Some(envelope) = self.listener.poll_transmit(self.now) {
                self.to_dialer.push(envelope.clone());
                self.dialer.handle_envelope(envelope, self.now);
                self.collect();
                moved = true;
            }
            if !moved {
                return;
            }
        }
        panic!("the two never grow quiet");
    }

    fn ending_of_dialer(&self) -> Option<&Ending> {
        self.seen_by_dialer.iter().find_map(|event| match event {
            Event::Closed(ending) => Some(ending),
            _ => None,
        })
    }

    fn ending_of_listener(&self) -> Option<&Ending> {
        self.seen_by_listener.iter().find_map(|event| match event {
            Event::Closed(ending) => Some(ending),
            _ => None,
        })
    }
}
