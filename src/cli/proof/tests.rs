use super::*;
use crate::crypto::Identity;
use proptest::prelude::*;

/// A signed export of one shard whose first entry was blanked.
fn export() -> Vec<Value> {
    let identity = Identity::from_seed([7; 32]);
    let epoch = Epoch::from_bytes([9; 16]);
    let shard = Shard { repo: "vault".to_owned(), plan: "home".to_owned() };
    let base = chain::chain_zero(&identity.key_id(), &epoch, &shard);
    let operation = OperationId::from_bytes([3; 16]);
    let digests = [chain::digest(b"one"), chain::digest(b"two")];
    let first = chain::link(&base, 1, &operation, EntryKind::First, &digests[0]);
    let second = chain::link(&first, 2, &operation, EntryKind::State, &digests[1]);
    let root = chain::root([(&shard, Head { seq: 2, chain: second })].into_iter());
    let time = Timestamp::from_millis(1_795_233_600_000);
    let entry = |seq: u64, kind: &str, payload: Option<&[u8]>| ProofEntry {
        seq,
        operation: operation.to_string(),
        kind: kind.to_owned(),
        digest: Some(hex::encode(digests[usize::from(seq == 2)])),
        chain: None,
        payload: payload.map(|bytes| STANDARD.encode(bytes)),
    };
    let origin = ProofOrigin {
        format: 1,
        instance: "nas".to_owned(),
        key_id: identity.key_id().to_string(),
        public_key: hex::encode(identity.public_key()),
        epoch: epoch.to_string(),
        exported_at: time.to_string(),
    };
    let shard = ProofShard {
        repo: shard.repo,
        plan: shard.plan,
        base: 0,
        base_chain: hex::encode(base),
        head: 2,
        head_chain: hex::encode(second),
    };
    let checkpoint = ProofCheckpoint {
        root: hex::encode(root),
        time: time.to_string(),
        signature: hex::encode(identity.sign_checkpoint(&epoch, &root, time)),
    };
    [
        ExportRecord { origin: Some(origin), ..ExportRecord::default() },
        ExportRecord { shard: Some(shard), ..ExportRecord::default() },
        ExportRecord { entry: Some(entry(1, "first", None)), ..ExportRecord::default() },
        ExportRecord { entry: Some(entry(2, "state", Some(b"two"))), ..ExportRecord::default() },
        ExportRecord { checkpoint: Some(checkpoint), ..ExportRecord::default() },
    ]
    .into_iter()
    .map(|record| line(record).unwrap())
    .collect()
}

fn file(lines: &[Value]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn reason(lines: &[Value]) -> String {
    check(file(lines).as_bytes()).unwrap_err().to_string()
}

#[test]
fn an_export_proves_what_was_signed() {
    let proven = check(file(&export()).as_bytes()).unwrap();
    assert_eq!((proven.shards, proven.entries, proven.blank), (1, 2, 1));
    assert_eq!(proven.signed_at, "2026-11-21T04:00:00.000Z");
}

#[test]
fn a_file_that_hides_how_an_operation_ended_is_no_proof() {
    let mut lines = export();
    lines[3]["payload"] = Value::Null;
    let proven = check(file(&lines).as_bytes()).unwrap();
    assert_eq!((proven.ok, proven.blank, proven.withheld), (false, 2, 1));
    assert!(rendered(&proven).starts_with("✗ how 1 operations ended was left out"));
}

#[test]
fn entries_that_are_no_longer_kept_are_counted() {
    let mut lines = export();
    let first = {
        let key = Identity::from_seed([7; 32]).key_id();
        let shard = Shard { repo: "vault".to_owned(), plan: "home".to_owned() };
        let base = chain::chain_zero(&key, &Epoch::from_bytes([9; 16]), &shard);
        let operation = OperationId::from_bytes([3; 16]);
        chain::link(&base, 1, &operation, EntryKind::First, &chain::digest(b"one"))
    };
    (lines[1]["base"], lines[1]["base_chain"]) = (1.into(), hex::encode(first).into());
    lines.remove(2);
    let proven = check(file(&lines).as_bytes()).unwrap();
    assert_eq!((proven.ok, proven.entries, proven.trimmed), (true, 1, 1));
    assert!(rendered(&proven).contains("trimmed   1 older entries"));
}

#[test]
fn a_name_that_is_none_is_found() {
    let mut lines = export();
    lines[0]["instance"] = "\u{1b}[31mred".into();
    assert!(reason(&lines).starts_with("line 1: instance: "));
}

#[test]
fn a_changed_payload_is_found() {
    let mut lines = export();
    lines[3]["payload"] = STANDARD.encode(b"six").into();
    assert_eq!(reason(&lines), "line 4: the payload is not the one that the digest names");
}

#[test]
fn a_chain_value_beside_a_digest_is_the_one_that_comes_out() {
    let mut lines = export();
    lines[3]["chain"] = lines[1]["head_chain"].clone();
    assert!(check(file(&lines).as_bytes()).unwrap().ok);
    lines[2]["chain"] = lines[1]["head_chain"].clone();
    let told = "line 3: the chain value is not the one that comes out of the entries";
    assert_eq!(reason(&lines), told);
    lines[2]["chain"] = "none".into();
    assert!(reason(&lines).starts_with("line 3: chain: "));
}

#[test]
fn a_changed_kind_operation_or_position_is_found() {
    for (field, value) in [("kind", "removed"), ("operation", &uuid_of([4; 16]))] {
        let mut lines = export();
        lines[3][field] = value.into();
        assert!(reason(&lines).contains("does not come out at 2"), "{field}");
    }
    let mut lines = export();
    lines[3]["kind"] = "gone".into();
    assert!(reason(&lines).contains("is not known"));
    lines = export();
    lines[3]["seq"] = 3.into();
    assert!(reason(&lines).contains("entry 3 follows 1"));
}

fn uuid_of(bytes: [u8; 16]) -> String {
    OperationId::from_bytes(bytes).to_string()
}

#[test]
fn reordered_entries_are_found() {
    let mut lines = export();
    lines.swap(2, 3);
    assert!(reason(&lines).contains("entry 2 follows 0"));
    // Also with the positions put right.
    (lines[2]["seq"], lines[3]["seq"]) = (1.into(), 2.into());
    assert!(reason(&lines).contains("does not come out at 2"));
}

#[test]
fn a_renamed_shard_is_found() {
    let mut lines = export();
    lines[1]["plan"] = "hone".into();
    assert!(reason(&lines).contains("does not begin with the chain of its name"));
}

#[test]
fn without_any_one_line_nothing_is_proven() {
    for cut in 0..export().len() {
        let mut lines = export();
        lines.remove(cut);
        assert!(check(file(&lines).as_bytes()).is_err(), "without line {}", cut + 1);
    }
}

#[test]
fn what_comes_before_a_lost_digest_is_not_proven() {
    let mut lines = export();
    lines[2]["digest"] = Value::Null;
    assert!(reason(&lines).contains("without digest and chain"));
    let epoch = Epoch::from_bytes([9; 16]);
    let shard = Shard { repo: "vault".to_owned(), plan: "home".to_owned() };
    let key = Identity::from_seed([7; 32]).key_id();
    let base = chain::chain_zero(&key, &epoch, &shard);
    let operation = OperationId::from_bytes([3; 16]);
    let digest = chain::digest(b"one");
    let first = chain::link(&base, 1, &operation, EntryKind::First, &digest);
    lines[2]["chain"] = hex::encode(first).into();
    let proven = check(file(&lines).as_bytes()).unwrap();
    assert_eq!((proven.ok, proven.entries, proven.unproven), (false, 2, 1));
    assert!(rendered(&proven).starts_with("✗ 1 entries come before a lost one"));
}

#[test]
fn a_left_out_entry_is_found() {
    let mut lines = export();
    lines.remove(3);
    assert!(reason(&lines).contains("the chain of vault/home does not come out at 2"));
}

#[test]
fn a_left_out_shard_is_found() {
    let mut lines = export();
    lines.drain(1..4);
    assert!(reason(&lines).contains("the root is not that of the shards"));
}

#[test]
fn a_foreign_signature_is_found() {
    let mut lines = export();
    let other = Identity::from_seed([8; 32]);
    lines[0]["public_key"] = hex::encode(other.public_key()).into();
    assert!(reason(&lines).contains("is claimed"));
    lines[4]["signature"] = "00".repeat(64).into();
    lines[0] = export()[0].clone();
    assert!(reason(&lines).starts_with("line 5: the checkpoint: "));
}

#[test]
fn a_checkpoint_of_another_time_or_log_is_found() {
    let mut lines = export();
    lines[4]["time"] = "2026-11-22T04:00:00.000Z".into();
    assert!(reason(&lines).starts_with("line 5: the checkpoint: "));
    // One who signs with a key of his own cannot pass for the origin.
    let (other, mut lines) = (Identity::from_seed([8; 32]), export());
    let root = hex::decode(lines[4]["root"].as_str().unwrap()).unwrap().try_into().unwrap();
    let time = Timestamp::parse(lines[4]["time"].as_str().unwrap()).unwrap();
    let forged = other.sign_checkpoint(&Epoch::from_bytes([9; 16]), &root, time);
    lines[4]["signature"] = hex::encode(forged).into();
    assert!(reason(&lines).starts_with("line 5: the checkpoint: "));
}

#[test]
fn a_file_cut_short_or_long_proves_nothing() {
    let mut lines = export();
    lines.push(lines[3].clone());
    assert!(reason(&lines).contains("more follows the checkpoint"));
    assert!(reason(&export()[..4]).contains("ends without a checkpoint"));
    let long = "x".repeat(LINE_LIMIT as usize + 10);
    assert!(check(long.as_bytes()).unwrap_err().to_string().contains("longer than"));
}

proptest! {
    #[test]
    fn any_bytes_are_no_proof_and_no_panic(bytes in proptest::collection::vec(0_u8.., 0..3_000)) {
        prop_assert!(check(bytes.as_slice()).is_err());
    }

    #[test]
    fn no_single_change_of_a_byte_goes_unseen_or_panics(at in 0_usize..2000, flip in 1_u8..128) {
        let good = file(&export()).into_bytes();
        let mut bad = good.clone();
        let at = at % bad.len();
        bad[at] ^= flip;
        if let Ok(proven) = check(bad.as_slice()) {
            // What the signature does not cover may differ: the name, the time of the export,
            // and how JSON is written.
            let before = check(good.as_slice()).unwrap();
            prop_assert_eq!((proven.root, proven.key_id), (before.root, before.key_id));
        }
    }
}
