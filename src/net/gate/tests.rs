use super::*;
use proptest::prelude::*;

const BUDGET: Budget = Budget::LISTENER;

fn frame(length: u32, payload: usize) -> Vec<u8> {
    let mut bytes = vec![0];
    bytes.extend(length.to_be_bytes());
    bytes.resize(5 + payload, 7);
    bytes
}

#[test]
fn a_length_lie_is_refused_on_its_header() {
    let mut frames = FrameBudget::default();
    let refused = frames.see(&frame(u32::MAX, 0), &BUDGET, false);
    assert_eq!(refused, Err(Overrun::Message { size: u32::MAX as usize, limit: 8192 }));
}

#[test]
fn a_stranger_has_8_kib_a_message_and_64_in_all() {
    let mut frames = FrameBudget::default();
    let whole = frame(8192, 8192);
    for _ in 0..7 {
        assert_eq!(frames.see(&whole, &BUDGET, false), Ok(()));
    }
    assert!(matches!(frames.see(&whole, &BUDGET, false), Err(Overrun::InAll { .. })));
    let over = FrameBudget::default().see(&frame(8193, 0), &BUDGET, false);
    assert_eq!(over, Err(Overrun::Message { size: 8193, limit: 8192 }));
}

#[test]
fn a_peer_has_a_record_a_message_and_no_sum() {
    let mut frames = FrameBudget::default();
    for _ in 0..10 {
        assert_eq!(frames.see(&frame(1 << 20, 1 << 20), &BUDGET, true), Ok(()));
    }
    assert!(frames.see(&frame((1 << 21) + 1, 0), &BUDGET, true).is_err());
}

#[test]
fn a_compressed_bomb_is_refused_unopened() {
    let refused = FrameBudget::default().see(&[1, 0, 0, 0, 9], &BUDGET, false);
    assert_eq!(refused, Err(Overrun::Compressed));
}

#[tokio::test]
async fn a_slow_handshake_is_cut_and_an_authenticated_link_is_not() {
    let quick = Budget { time: Duration::from_millis(20), ..BUDGET };
    let slow = Gate::half_open(quick);
    assert_eq!(Arc::clone(&slow).cut().await, CutReason::Slow(quick.time));
    let good = Gate::half_open(quick);
    good.authenticated();
    let longer = tokio::time::timeout(quick.time * 3, Arc::clone(&good).cut()).await;
    assert!(longer.is_err(), "cut although authenticated");
}

#[tokio::test]
async fn the_first_reason_to_cut_stays() {
    let gate = Gate::half_open(BUDGET);
    gate.cut_half_open(CutReason::Displaced);
    gate.cut_half_open(CutReason::Dropped);
    gate.authenticated();
    assert_eq!(gate.cut().await, CutReason::Displaced);
}

proptest! {
    /// However the bytes are cut, the verdict is that of the frames.
    #[test]
    fn the_verdict_does_not_depend_on_how_bytes_arrive(
        lengths in prop::collection::vec(0u32..10_000, 0..8),
        cuts in prop::collection::vec(1usize..3000, 1..200),
    ) {
        let bytes: Vec<u8> = lengths.iter().flat_map(|n| frame(*n, *n as usize)).collect();
        let within = lengths.iter().all(|n| *n <= 8192) && bytes.len() <= BUDGET.in_all;
        let mut frames = FrameBudget::default();
        let (mut rest, mut verdict) = (&bytes[..], Ok(()));
        for cut in cuts.iter().cycle() {
            if rest.is_empty() || verdict.is_err() {
                break;
            }
            let (part, after) = rest.split_at((*cut).min(rest.len()));
            verdict = frames.see(part, &BUDGET, false);
            rest = after;
        }
        prop_assert_eq!(verdict.is_ok(), within);
    }
}
