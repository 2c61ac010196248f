//! The handshake of two sessions: CPU of each side and bytes.
//!
//! Each step is done for many pairs on end, so that the kernel's count tells the sides apart.

use crate::machine::cpu;
use crate::report::{Goal, Report, millis};
use crate::scale::Scale;
use anyhow::ensure;
use holdfast::crypto::Identity;
use holdfast::grant::Grants;
use holdfast::net::drive::now;
use holdfast::session::{Admission, Errand, Event, Local, Session, Timing};
use holdfast::wire::handshake::{Opening, Purpose};
use holdfast::wire::proto::sync::Envelope;
use holdfast::wire::tell;
use prost::Message as _;
use std::sync::Arc;
use std::time::Duration;

pub(crate) fn measure(scale: &Scale, report: &mut Report) -> anyhow::Result<()> {
    let mut bench = Bench::new(scale.repeats);
    bench.run()?;
    let note = "cryptography and session: keys, KEM, signatures, records".to_owned();
    let each = |time: Duration| millis(time / scale.repeats);
    let goal = Goal::AtMost(0.3);
    report.note("handshake: dialer CPU", each(bench.dialer), "ms", goal, note.clone());
    report.note("handshake: listener CPU", each(bench.listener), "ms", goal, note);
    let bytes = |sum: usize| sum as f64 / f64::from(scale.repeats);
    report.add("handshake: envelopes up", bytes(bench.up), "B", Goal::None);
    report.add("handshake: envelopes down", bytes(bench.down), "B", Goal::None);
    Ok(())
}

struct Bench {
    dialers: Vec<Session>,
    listeners: Vec<Session>,
    pairs: u32,
    dialer: Duration,
    listener: Duration,
    up: usize,
    down: usize,
}

fn local(seed: u8, name: &str) -> anyhow::Result<Local> {
    Ok(Local {
        identity: Arc::new(Identity::from_seed([seed; 32])),
        instance: name.parse()?,
        boot_id: [seed; 16],
        software: "holdfast 0.1.0".to_owned(),
    })
}

fn timed<T>(sum: &mut Duration, work: impl FnOnce() -> T) -> T {
    let before = cpu();
    let done = work();
    *sum += cpu() - before;
    done
}

/// What all these sessions want to send.
fn sent(sessions: &mut [Session]) -> Vec<Vec<Envelope>> {
    let all = |session: &mut Session| std::iter::from_fn(|| session.poll_transmit(now())).collect();
    sessions.iter_mut().map(all).collect()
}

fn deliver(sessions: &mut [Session], envelopes: Vec<Vec<Envelope>>) {
    for (session, envelopes) in sessions.iter_mut().zip(envelopes) {
        envelopes.into_iter().for_each(|envelope| session.handle_envelope(envelope, now()));
    }
}

fn bytes(envelopes: &[Vec<Envelope>]) -> usize {
    envelopes.iter().flatten().map(Envelope::encoded_len).sum()
}

fn accept(session: &mut Session) {
    while let Some(event) = session.poll_event() {
        if matches!(event, Event::Ask(_)) {
            let grants = Grants::none();
            let opening = Opening { granted: tell(&grants), sync_hello: None };
            session.admit(Admission::Accept { grants, opening, urls: Vec::new() }, now());
        }
    }
}

impl Bench {
    fn new(pairs: u32) -> Self {
        Self {
            dialers: Vec::new(),
            listeners: Vec::new(),
            pairs,
            dialer: Duration::ZERO,
            listener: Duration::ZERO,
            up: 0,
            down: 0,
        }
    }

    fn run(&mut self) -> anyhow::Result<()> {
        let (near, far) = (local(1, "nas")?, local(2, "hub")?);
        let errand = Errand {
            listener: far.identity.key_id(),
            purpose: Purpose::Session,
            redemption: None,
            grants: Grants::parse(["read-operations=*"])?,
            opening: Opening::default(),
        };
        let dial = || Session::dial(near.clone(), errand.clone(), Timing::default(), now());
        let pairs = self.pairs;
        let dialled: Result<Vec<_>, _> =
            timed(&mut self.dialer, || (0..pairs).map(|_| dial()).collect());
        self.dialers = dialled?;
        let listen = || Session::listen(far.clone(), Timing::default(), now());
        self.listeners = (0..pairs).map(|_| listen()).collect();
        for _ in 0..2 {
            self.up();
            self.down();
        }
        let stand = |sessions: &[Session]| sessions.iter().all(Session::is_established);
        ensure!(stand(&self.dialers) && stand(&self.listeners), "every session stands");
        Ok(())
    }

    fn up(&mut self) {
        let envelopes = timed(&mut self.dialer, || sent(&mut self.dialers));
        self.up += bytes(&envelopes);
        timed(&mut self.listener, || {
            deliver(&mut self.listeners, envelopes);
            self.listeners.iter_mut().for_each(accept);
        });
    }

    fn down(&mut self) {
        let envelopes = timed(&mut self.listener, || sent(&mut self.listeners));
        self.down += bytes(&envelopes);
        timed(&mut self.dialer, || deliver(&mut self.dialers, envelopes));
    }
}
