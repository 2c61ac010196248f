//! How restic is run, as keys.

use super::{id, of};
use crate::config::{ByteSize, Config, Edit, Editor, parse, tune};
use crate::model::{Compression, IoClass, Patience, Tuning};
use std::time::Duration;

const REPO: &str = r#"
[[repo]]
id = "vault"
uri = "/srv"
password = "x"
limits = { upload = "5MiB", download = "20MiB", nice = 10, io = "idle", memory = "1GiB", gogc = 20 }
compression = "max"
pack-size = "64MiB"
stall-after = "never"
max-run = "12h"
"#;
const PLAN: &str = r#"
[[plan]]
id = "home"
repo = "vault"
paths = ["/home"]
exclude-file = ["/etc/patterns"]
iexclude-file = ["/etc/more"]
exclude-larger-than = "2GiB"
exclude-caches = true
read-concurrency = 4
skip-if-unchanged = true
host = "nas.example"
limits = { upload = "1MiB", nice = 19 }
stall-after = "30m"
"#;

fn config() -> Config {
    parse(&format!("instance = \"nas\"\n{REPO}{PLAN}")).unwrap()
}

#[test]
fn limits_are_read_and_a_plans_win() {
    let config = config();
    let (repo, plan) = (&config.repos[0], &config.plans[0]);
    assert_eq!(repo.tuning.upload.unwrap().kib(), 5120);
    assert_eq!((repo.tuning.memory, repo.tuning.gogc), (Some(1 << 30), Some(20)));
    assert_eq!(repo.tuning.compression, Some(Compression::Max));
    assert_eq!(repo.tuning.pack_size.unwrap().mib(), 64);
    assert_eq!((plan.exclude_caches, plan.skip_if_unchanged), (true, true));
    assert_eq!(
        (plan.read_concurrency, plan.exclude_larger_than),
        (Some(4), Some(ByteSize(2 << 30)))
    );
    assert_eq!(plan.host.as_deref(), Some("nas.example"));
    let both = plan.tuning.or(repo.tuning);
    assert_eq!((both.upload.unwrap().kib(), both.download.unwrap().kib()), (1024, 20480));
    assert_eq!((both.nice.unwrap().get(), both.io), (19, Some(IoClass::Idle)));
    assert_eq!(repo.tuning.stall_after, Some(Patience::Endless));
    assert_eq!(both.stall_limit(), Some(Duration::from_secs(1800)));
    assert_eq!(both.run_limit(), Some(Duration::from_secs(12 * 3600)));
}

#[test]
fn what_is_out_of_bounds_is_told_where_it_stands() {
    let repo =
        |line: &str| of(&format!("[[repo]]\nid = \"v\"\nuri = \"/v\"\npassword = \"x\"\n{line}"));
    for (line, part) in [
        ("limits = { upload = \"100\" }", "at least 1KiB"),
        ("limits = { nice = 20 }", "repo[v].limits.nice: 20: nice is a whole number from 0 to 19"),
        ("limits = { nice = \"10\" }", "has to be a whole number"),
        ("limits = { io = \"idel\" }", "did you mean \"idle\""),
        ("limits = { memory = \"1MiB\" }", "less than 64MiB"),
        ("limits = { gogc = 0 }", "0 is not between 1 and 1000"),
        ("limits = { cpu = 1 }", "this key is not known"),
        ("compression = \"most\"", "is none of auto, off, max"),
        ("pack-size = \"5000kB\"", "whole number of MiB from 4MiB"),
        ("stall-after = \"10s\"", "is not between 1m and 30d"),
    ] {
        let problem = repo(line);
        assert!(problem.contains(part), "{line}: {problem}");
    }
    let plan =
        |line: &str| of(&format!("[[plan]]\nid = \"p\"\nrepo = \"v\"\npaths = [\"/h\"]\n{line}"));
    for (line, part) in [
        ("read-concurrency = 0", "0 is not between 1 and 64"),
        ("exclude-file = [\"patterns\"]", "no absolute path"),
        ("host = \"--tag\"", "no name of a host"),
        ("exclude-larger-than = \"big\"", "whole number and a unit"),
    ] {
        let problem = plan(line);
        assert!(problem.contains(part), "{line}: {problem}");
    }
}

#[test]
fn an_edit_writes_back_what_it_read() {
    let (_dir, path) = super::file("instance = \"nas\"\n");
    let config = config();
    let (repo, plan) = (config.repos[0].clone(), config.plans[0].clone());
    let edits = [Edit::AddRepo(Box::new(repo.clone())), Edit::AddPlan(plan.clone())];
    let after = Editor::new(path.clone()).apply(&edits).unwrap();
    assert_eq!((&after.repos[0], &after.plans[0]), (&repo, &plan));
    assert!(after.show().contains("nice = 10"), "{}", after.show());
    // Nothing of it stays when it is taken back.
    let mut bare = repo;
    bare.tuning = Tuning::NONE;
    let after = Editor::new(path.clone()).apply(&[Edit::ReplaceRepo(Box::new(bare))]).unwrap();
    assert_eq!(after.repos[0].tuning, Tuning::NONE);
    assert!(!super::read(&path).contains("compression"), "{}", super::read(&path));
    assert_eq!(id::<crate::model::PlanId>("home"), after.plans[0].id);
}

#[test]
fn single_values_are_set_and_removed_by_their_keys() {
    let before = config().repos[0].tuning;
    let after = tune(&before, [("nice", "5"), ("upload", ""), ("max-run", "1h")]).unwrap();
    assert_eq!((after.nice.unwrap().get(), after.upload), (5, None));
    assert_eq!(after.run_limit(), Some(Duration::from_secs(3600)));
    assert_eq!((after.download, after.pack_size), (before.download, before.pack_size));
    assert_eq!(tune(&before, []), Ok(before));
    let refused = |key, text| tune(&Tuning::NONE, [(key, text)]).unwrap_err();
    assert!(refused("nice", "20").contains("limits.nice: 20: nice is a whole number from 0 to 19"));
    assert!(refused("nice", "low").contains("has to be a whole number"));
    assert!(refused("cpu", "1").contains("cpu: this key is not known"));
    assert!(refused("upload", "1\"").contains("a whole number and a unit"));
}
