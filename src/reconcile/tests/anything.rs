//! Anything at all, from an origin that may be hostile.

use super::*;

/// What a hostile origin says, before it is held against a true chain.
#[derive(Debug, Clone)]
enum Recipe {
    Hello(u8),
    Batch {
        shard: u8,
        start: u8,
        seq: u64,
        true_chain: bool,
        entries: Vec<(u8, u8, u8)>,
        right: bool,
    },
    Gone(u8),
    Added(u8),
    Ladder(u8, Vec<(u64, bool)>, u64),
    Checkpoint(bool),
    Want(u8, Vec<u64>),
    Entries(u8, Vec<(u64, u8)>),
}

fn position() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0..9_u64, 1 => Just(1 << 60), 1 => Just(u64::MAX), 1 => any::<u64>()]
}

fn recipe() -> impl Strategy<Value = Recipe> {
    let entries = || prop::collection::vec((0..8_u8, 0..4_u8, 0..6_u8), 0..5);
    let batch = (
        0..3_u8,
        0..5_u8,
        position(),
        prop::bool::weighted(0.8),
        entries(),
        prop::bool::weighted(0.9),
    )
        .prop_map(|(shard, start, seq, true_chain, entries, right)| Recipe::Batch {
            shard,
            start,
            seq,
            true_chain,
            entries,
            right,
        });
    prop_oneof![
        4 => prop_oneof![5 => Just(2_u8), 1 => Just(3)].prop_map(Recipe::Hello),
        8 => batch,
        1 => (0..3_u8).prop_map(Recipe::Gone),
        1 => (0..3_u8).prop_map(Recipe::Added),
        1 => (0..3_u8, prop::collection::vec((position(), any::<bool>()), 0..70), position())
            .prop_map(|(shard, points, below)| Recipe::Ladder(shard, points, below)),
        1 => any::<bool>().prop_map(Recipe::Checkpoint),
        1 => (0..3_u8, prop::collection::vec(position(), 0..9)).prop_map(|(s, seqs)| Recipe::Want(s, seqs)),
        1 => (0..3_u8, prop::collection::vec((position(), 0..6_u8), 0..9)).prop_map(|(s, f)| Recipe::Entries(s, f)),
    ]
}

fn named(n: u8) -> Shard {
    shard(["a", "b", "no/name"][usize::from(n)])
}

fn entry((op, kind, form): (u8, u8, u8)) -> Entry {
    let kind = EntryKind::from_code(kind).unwrap();
    let whole = state(u64::from(op), format!("F{op}"));
    let operation =
        if kind == EntryKind::Expectation { OperationId::EXPECTATION } else { whole.operation };
    let whole = Entry { kind, operation, ..whole };
    match form {
        0 => Entry { payload: None, digest: Some(digest(format!("F{op}").as_bytes())), ..whole },
        1 => Entry { payload: None, chain: Some([op; 32]), lost: true, ..whole },
        2 => Entry { payload: None, ..whole },
        3 => Entry { payload: Some(vec![b'F'; MAX_PAYLOAD + 1].into()), ..whole },
        _ => whole,
    }
}

fn message(hub: &Hub, recipe: &Recipe) -> FromOrigin {
    let held = |n: u8| hub.held.shards.get(&named(n)).map(|held| &held.chain);
    match recipe.clone() {
        Recipe::Hello(epoch) => FromOrigin::Hello(SyncHello {
            number: 1,
            epoch: Epoch::from_bytes([epoch; 16]),
            root: [epoch; 32],
        }),
        Recipe::Batch { shard, start, seq, true_chain, entries, right } => {
            let starts = [Start::After, Start::Fork, Start::Base, Start::Gap, Start::BaseFork];
            let start = starts[usize::from(start)];
            let seq =
                if start == Start::After { held(shard).map_or(0, |c| c.head().seq) } else { seq };
            let known = held(shard).and_then(|chain| chain.at(seq));
            let zero = chain_zero(&ORIGIN, &EPOCH, &named(shard));
            let chain = known.or((seq == 0).then_some(zero)).filter(|_| true_chain);
            let after = Head { seq, chain: chain.unwrap_or([4; 32]) };
            let sent = batch(start, after, entries.into_iter().map(entry).collect());
            let chain = if right { sent.chain } else { [0; 32] };
            FromOrigin::Batch(Batch { shard: named(shard), chain, ..sent })
        }
        Recipe::Gone(n) => FromOrigin::Gone(named(n)),
        Recipe::Added(n) => FromOrigin::Added { number: 1, shards: vec![named(n); 3] },
        Recipe::Ladder(n, points, below) => {
            let chain = |seq, right: bool| held(n).filter(|_| right).and_then(|c| c.at(seq));
            let point =
                |(seq, right)| Point { seq, chain: short(&chain(seq, right).unwrap_or_default()) };
            FromOrigin::Ladder {
                number: 1,
                shard: named(n),
                points: points.into_iter().map(point).collect(),
                below,
            }
        }
        Recipe::Checkpoint(right) => {
            let shown = hub.held.shards.iter().filter(|(_, held)| !held.hidden);
            let root = root(shown.map(|(shard, held)| (shard, held.chain.head())));
            let root = if right { root } else { [1; 32] };
            FromOrigin::Checkpoint(Checkpoint {
                root,
                time: NOW,
                signature: signature(&EPOCH, &root, NOW),
            })
        }
        Recipe::Want(n, seqs) => FromOrigin::Want { shard: named(n), seqs },
        Recipe::Entries(n, found) => FromOrigin::Entries {
            shard: named(n),
            seqs: found.iter().map(|(seq, _)| *seq).collect(),
            found: found
                .into_iter()
                .map(|(seq, form)| Found { seq, entry: entry((seq as u8, 0, form)) })
                .collect(),
        },
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn r3_no_messages_of_an_origin_lose_a_finished_state(recipes in prop::collection::vec(recipe(), 1..60)) {
        let mut hub = Hub::with(5);
        hub.reconnect();
        for recipe in &recipes {
            hub.now = hub.now.plus(Duration::from_secs(1801)); // nothing stops
            let before = hub.finished();
            let message = message(&hub, recipe);
            let answers = hub.take(message);
            prop_assert!(hub.finished().is_superset(&before), "{recipe:?}");
            prop_assert!(answers.len() <= 8, "{recipe:?}: {answers:?}");
        }
        for held in hub.held.shards.values() {
            prop_assert_eq!(held.chain.audit(), None);
        }
    }
}
