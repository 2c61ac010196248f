//! A shard that is stopped after three refusals, and what has it taken again, with real binaries.
#![allow(clippy::unwrap_used)]

mod machine;

use holdfast::clock;
use holdfast::config::{DataDir, read_or_create_identity};
use holdfast::crypto::Identity;
use holdfast::grant::Grants;
use holdfast::model::{Epoch, KeyId, Operation, OperationId, OperationKind, Status};
use holdfast::net::drive::now;
use holdfast::net::{Dialer, Link};
use holdfast::reconcile::{
    Batch, Entry, EntryKind, FromHub, FromOrigin, Head, OriginLog as _, Shard, Start, SyncHello,
};
use holdfast::session::{Code, Errand, Event, Local, Send, Session, Timing};
use holdfast::store::History;
use holdfast::store::history::Owner;
use holdfast::wire::handshake::{Opening, Purpose};
use holdfast::wire::tell;
use machine::{Machine, PATIENCE};
use serde_json::Value;
use std::sync::Arc;

fn identity(machine: &Machine) -> Identity {
    read_or_create_identity(&DataDir::new(machine.data()).identity()).unwrap()
}

/// Appends backups to the log of a machine that does not run; the epoch of it.
async fn backed_up(machine: &Machine, numbers: std::ops::Range<u8>) -> Epoch {
    let owner = Owner { public_key: identity(machine).public_key() };
    let history = History::open(&machine.data(), owner).unwrap();
    let name = machine.name.clone();
    let written = history.write(move |tx| {
        let mut own = tx.own()?;
        numbers.into_iter().try_for_each(|n| own.append(&backup(&name, n)).map(drop))
    });
    written.await.unwrap();
    let epoch = history.read(|reader| reader.own().epoch()).await.unwrap();
    history.close().await;
    epoch
}

fn backup(instance: &str, n: u8) -> Operation {
    let at = clock::now();
    let id = OperationId::new(at, [n; 10]);
    Operation {
        status: Status::Succeeded,
        repo: Some("vault".parse().unwrap()),
        plan: Some("home".parse().unwrap()),
        ended_at: Some(at),
        ..Operation::begun(id, instance.parse().unwrap(), OperationKind::Backup, at)
    }
}

/// A faulty build of a machine: its identity, and a chain that never comes out.
struct Faulty {
    session: Session,
    link: Link,
    epoch: Epoch,
    said: u32,
}

impl Faulty {
    async fn dials(hub: &Machine, machine: &Machine, epoch: Epoch) -> Self {
        let listener: KeyId = hub.key().parse().unwrap();
        let grants = Grants::parse(["read-operations=*"]).unwrap();
        let errand = Errand {
            listener,
            purpose: Purpose::Session,
            redemption: None,
            opening: Opening { granted: tell(&grants), sync_hello: None },
            grants,
        };
        let local = Local {
            identity: Arc::new(identity(machine)),
            instance: machine.name.parse().unwrap(),
            boot_id: [9; 16],
            software: "holdfast test".to_owned(),
        };
        let session = Session::dial(local, errand, Timing::default(), now()).unwrap();
        let link = Dialer::default().dial(&hub.url.parse().unwrap()).await.unwrap();
        Self { session, link, epoch, said: 0 }
    }

    /// Until the hub has had enough.
    async fn offers_until_stopped(mut self) {
        loop {
            while let Some(event) = self.session.poll_event() {
                match event {
                    Event::Opened(_) => {
                        self.link.half_open.authenticated();
                        self.offer();
                    }
                    Event::FromHub(FromHub::Refused { .. }) => self.offer(),
                    Event::FromHub(FromHub::Stopped { shard: Some(_), .. }) => {
                        assert_eq!(self.said, 4, "three were refused");
                        self.session.close(Code::Shutdown);
                    }
                    Event::Closed(ending) => {
                        self.flush().await;
                        return assert_eq!(ending.code(), "shutdown");
                    }
                    _ => {}
                }
            }
            self.flush().await;
            let came = self.link.incoming.next().await.expect("the hub stays").unwrap();
            self.session.handle_envelope(came, now());
        }
    }

    fn offer(&mut self) {
        self.said += 1;
        let hello = SyncHello { number: self.said, epoch: self.epoch, root: [7; 32] };
        let entry = Entry {
            operation: OperationId::new(clock::now(), [77; 10]),
            kind: EntryKind::First,
            payload: Some("a backup".into()),
            digest: None,
            chain: None,
            lost: false,
        };
        let batch = Batch {
            shard: Shard { repo: "vault".to_owned(), plan: "home".to_owned() },
            start: Start::After,
            after: Head { seq: 5, chain: [0; 32] },
            entries: vec![entry],
            chain: [8; 32],
        };
        self.session.send(Send::FromOrigin(FromOrigin::Hello(hello)));
        self.session.send(Send::FromOrigin(FromOrigin::Batch(batch)));
    }

    async fn flush(&mut self) {
        while let Some(envelope) = self.session.poll_transmit(now()) {
            self.link.outgoing.send(envelope).await.unwrap();
        }
    }
}

/// What `status` says about histories.
fn troubles(status: &Value) -> Vec<&Value> {
    let rows = status["attention"].as_array().unwrap();
    rows.iter().filter(|row| row["kind"] == "history").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_stopped_after_three_refusals_is_told_of_and_resumed_by_verify() {
    let (hub, mut nas) = (Machine::start("hub"), Machine::start("nas"));
    nas.kill9();
    backed_up(&nas, 0..5).await;
    nas.restart();
    nas.joins(&hub, &["--ask", "read-operations=*"], &["--accept-asks"]);
    let holds = |count: u32, behind: bool| {
        move |peer: &Value| {
            peer["state"] == "connected"
                && peer["log"]["operations"] == count
                && peer["log"]["behind"] == behind
        }
    };
    hub.until(&["peer", "show", "nas"], holds(5, false));
    nas.kill9();

    let epoch = backed_up(&nas, 5..8).await;
    let faulty = Faulty::dials(&hub, &nas, epoch).await;
    tokio::time::timeout(PATIENCE, faulty.offers_until_stopped()).await.expect("a stop");
    let status = hub.ask(&["status"]);
    let [row] = troubles(&status)[..] else { panic!("{status}") };
    assert_eq!(
        (&row["subject"], &row["remedy"]),
        (&"nas".into(), &"holdfast peer verify nas".into())
    );
    let message = "nothing more of vault/home is taken: three refusals within an hour";
    assert_eq!(row["message"], message);

    nas.restart();
    hub.until(&["peer", "show", "nas"], holds(5, true));
    let says_so = |row: &Value| row["message"].as_str().unwrap().contains("takes no more");
    nas.until(&["status"], |status| troubles(status).into_iter().any(says_so));
    assert_eq!(troubles(&hub.ask(&["status"])).len(), 1, "a sound build is not taken by itself");

    let verified = hub.ask(&["peer", "verify", "nas"]);
    assert_eq!(verified["ok"], true, "{verified}");
    let message = verified["message"].as_str().unwrap();
    assert!(message.ends_with("; one stopped shard is taken again"), "{message}");
    hub.until(&["peer", "show", "nas"], holds(8, false));
    assert_eq!(troubles(&hub.ask(&["status"])), [] as [&Value; 0]);
}
