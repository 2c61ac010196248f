//! The fleet as one instance sees it, over the socket of a real daemon.
#![allow(clippy::unwrap_used)]

mod machine;

use holdfast::api::fleet_service_client::FleetServiceClient;
use holdfast::api::operation_service_client::OperationServiceClient;
use holdfast::api::{
    Event, FleetPlan, Operation, OperationPage, OperationPageRequest, Overview, OverviewRequest,
    PlanHistory, PlanHistoryRequest, WatchRequest,
};
use holdfast::net::local;
use machine::{Machine, PATIENCE};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tonic::transport::Channel;

const DAY_OF_PLAN: &str = "schedule = \"cron: 0 3 * * *\"\n";

struct Api {
    runtime: Runtime,
    socket: PathBuf,
}

impl Api {
    fn of(machine: &Machine) -> Self {
        let runtime_dir = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let socket = local::socket_path(&machine.data(), runtime_dir.as_deref()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { runtime, socket }
    }

    async fn channel(&self) -> Channel {
        local::connect(&self.socket).await.unwrap()
    }

    fn overview(&self, days: u32) -> Overview {
        self.runtime.block_on(async {
            let mut fleet = FleetServiceClient::new(self.channel().await);
            let request = OverviewRequest { days, time_zone: "UTC".to_owned() };
            fleet.overview(request).await.unwrap().into_inner()
        })
    }

    fn history(&self, plan: &str, peer: Option<&str>) -> PlanHistory {
        self.runtime.block_on(async {
            let mut fleet = FleetServiceClient::new(self.channel().await);
            let request = PlanHistoryRequest {
                plan: plan.to_owned(),
                peer: peer.map(str::to_owned),
                days: 0,
                time_zone: "UTC".to_owned(),
            };
            fleet.plan_history(request).await.unwrap().into_inner()
        })
    }

    fn page(&self, request: OperationPageRequest) -> Result<OperationPage, tonic::Status> {
        self.runtime.block_on(async {
            let mut operations = OperationServiceClient::new(self.channel().await);
            operations.page(request).await.map(tonic::Response::into_inner)
        })
    }

    /// What is told from a cursor on, until it is enough.
    fn told(&self, cursor: Option<String>, enough: impl Fn(&[Event]) -> bool) -> Vec<Event> {
        self.runtime.block_on(async {
            let mut fleet = FleetServiceClient::new(self.channel().await);
            let mut events = fleet.watch(WatchRequest { cursor }).await.unwrap().into_inner();
            let mut told = Vec::new();
            let end = Instant::now() + PATIENCE;
            while !enough(&told) {
                assert!(Instant::now() < end, "never enough: {told:?}");
                let next = timeout(PATIENCE, events.message()).await.unwrap().unwrap().unwrap();
                told.push(next);
            }
            told
        })
    }
}

fn config(machine: &Machine, more: &str) -> String {
    let vault = machine.folder().join("vault");
    let files = machine.folder().join("files");
    std::fs::create_dir_all(&files).unwrap();
    std::fs::write(files.join("a"), "a").unwrap();
    format!(
        "instance = \"{}\"\nlisten = [\"127.0.0.1:{}\"]\nurls = [\"{}\"]\nheartbeat = \"1s\"\n\
         [[repo]]\nid = \"vault\"\nuri = \"{}\"\npassword = \"x\"\nkind = \"cloud\"\nplace = \"off-site\"\n\
         [[plan]]\nid = \"home\"\nrepo = \"vault\"\npaths = [\"{}\"]\n{more}",
        machine.name,
        machine.port,
        machine.url,
        vault.display(),
        files.display(),
    )
}

/// A machine with one plan.
fn with_plan(name: &str, more: &str) -> Machine {
    let mut machine = Machine::start(name);
    machine.write_config(&config(&machine, more));
    machine.restart();
    machine
}

fn plan<'a>(overview: &'a Overview, instance: &str, id: &str) -> &'a FleetPlan {
    let is_it = |plan: &&FleetPlan| {
        plan.plan.as_ref().is_some_and(|plan| plan.instance == instance && plan.id == id)
    };
    overview.plans.iter().find(is_it).unwrap()
}

fn state(plan: &FleetPlan) -> &str {
    &plan.plan.as_ref().unwrap().state
}

fn operations(told: &[Event]) -> Vec<&Operation> {
    told.iter().filter_map(|event| event.operation.as_ref()).collect()
}

#[test]
fn an_overview_says_how_every_plan_is_and_how_safe() {
    let nas = with_plan("nas", DAY_OF_PLAN);
    let api = Api::of(&nas);
    let before = api.overview(0);
    let home = plan(&before, "nas", "home");
    assert_eq!((state(home), home.days.len()), ("not-yet", 14));
    assert!(home.days.iter().all(|day| day == "idle"), "{:?}", home.days);
    assert_eq!((home.size, &home.reason), (None, &None));
    assert_eq!(home.copies.unwrap().copies, 1, "what is not saved is one copy");

    nas.ask(&["plan", "backup", "home"]);
    let after = api.overview(5);
    let home = plan(&after, "nas", "home");
    assert_eq!((state(home), home.days.len()), ("fresh", 5));
    assert_eq!(home.days[4], "good");
    assert_eq!(home.size, Some(1));
    let copies = home.copies.unwrap();
    assert_eq!((copies.copies, copies.kinds, copies.off_site), (2, 2, 1));
    assert!(!copies.restore_proven);
    let here = &after.machines[0];
    assert_eq!((here.instance.as_str(), here.here, here.state.as_str()), ("nas", true, "here"));
    assert_eq!(here.class, "server");

    let target = nas.folder().join("restored");
    nas.ask(&["restore", "latest", "--plan", "home", "--target", target.to_str().unwrap()]);
    let proven = api.overview(0).coverage.unwrap();
    assert_eq!((proven.plans, proven.restore_proven, proven.one_off_site), (1, 1, 1));
    assert_eq!((proven.three_copies, proven.two_kinds), (0, 1));
}

#[test]
fn a_plan_that_fails_says_why_what_to_do_and_can_be_snoozed() {
    let nas = with_plan("nas", "");
    nas.ask(&["plan", "backup", "home"]);
    std::fs::rename(nas.folder().join("vault"), nas.folder().join("away")).unwrap();
    assert_ne!(nas.cli(&["plan", "backup", "home"]).code, 0);
    let api = Api::of(&nas);
    let overview = api.overview(0);
    let home = plan(&overview, "nas", "home");
    assert_eq!(state(home), "failing");
    assert_eq!(home.days.last().unwrap(), "some-failed");
    assert_eq!(home.fix.as_deref(), Some("retry"));
    assert!(home.reason.as_ref().is_some_and(|why| !why.is_empty()));
    let of_plan =
        |overview: &Overview| overview.attention.iter().filter(|row| row.kind == "plan").count();
    assert_eq!(of_plan(&overview), 1);

    nas.ask(&["fleet", "snooze", "home", "--for", "1d"]);
    let quiet = api.overview(0);
    let home = plan(&quiet, "nas", "home");
    assert_eq!(state(home), "failing", "its state stays");
    assert!(home.snoozed_until.is_some());
    assert_eq!(of_plan(&quiet), 0);
    nas.ask(&["fleet", "snooze", "home", "--end"]);
    assert_eq!(of_plan(&api.overview(0)), 1);
    assert_eq!(nas.cli(&["fleet", "snooze", "nothing", "--for", "1d"]).refused(), "not-found");

    let past = api.history("home", None);
    assert_eq!((past.days.len(), past.runs.len()), (30, 2));
    assert_eq!(past.runs[0].status, "failed");
    assert_eq!(past.days[29].outcome, "some-failed");
}

#[test]
fn a_peers_plans_are_seen_and_what_it_does_is_told() {
    let (hub, laptop) = (Machine::start("hub"), with_plan("laptop", ""));
    laptop.joins(&hub, &["--ask", "read-operations=*"], &["--accept-asks"]);
    hub.until(&["fleet"], |plans| plans[0]["instance"] == "laptop");
    let api = Api::of(&hub);
    let cursor = api.told(None, |told| !told.is_empty())[0].cursor.clone();
    laptop.ask(&["plan", "backup", "home"]);
    let done = |told: &[Event]| {
        operations(told).iter().any(|op| op.kind == "backup" && op.status == "succeeded")
    };
    let told = api.told(Some(cursor), done);
    assert!(operations(&told).iter().all(|operation| operation.instance == "laptop"));
    let overview = api.overview(0);
    let home = plan(&overview, "laptop", "home");
    assert_eq!((state(home), home.days.last().unwrap().as_str()), ("fresh", "good"));
    assert_eq!(home.copies, None, "nothing is known here of its repo");
    assert_eq!(overview.coverage.unwrap().plans, 0);
    let machines: Vec<_> =
        overview.machines.iter().map(|m| (m.instance.as_str(), m.state.as_str())).collect();
    assert_eq!(machines, [("hub", "here"), ("laptop", "connected")]);
    drop(laptop);
    hub.until(&["peer", "list"], |peers| peers[0]["state"] == "offline");
    let overview = api.overview(0);
    let home = plan(&overview, "laptop", "home");
    assert!(home.plan.as_ref().unwrap().as_of.is_some());
    assert_eq!(home.days.last().unwrap(), "good", "what was seen stays");
    assert_eq!(api.history("home", Some("laptop")).runs.len(), 1);
}

#[test]
fn a_watch_goes_on_over_a_kill_of_the_daemon_without_loss_or_doubling() {
    let mut nas = with_plan("nas", "");
    let api = Api::of(&nas);
    let first = api.told(None, |told| !told.is_empty());
    assert!(first[0].operation.is_none() && !first[0].lost, "a beat");
    let mut cursor = first[0].cursor.clone();
    let mut revisions: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for round in 0..3 {
        let backup = nas.ask(&["plan", "backup", "home"]);
        let id = backup["id"].as_str().unwrap().to_owned();
        // Killed before anything of this round was told.
        nas.kill9();
        nas.restart();
        let api = Api::of(&nas);
        let ended = |told: &[Event]| {
            operations(told).iter().any(|op| op.id == id && op.status == "succeeded")
        };
        let told = api.told(Some(cursor.clone()), ended);
        assert!(told.iter().all(|event| !event.lost), "{round}");
        for operation in operations(&told) {
            revisions.entry(operation.id.clone()).or_default().push(operation.revision);
        }
        cursor = told.last().unwrap().cursor.clone();
    }
    // What follows the last backup may still come; of all that was told nothing comes again.
    let rest = Api::of(&nas).told(Some(cursor), |told| told.len() >= 3);
    for operation in operations(&rest) {
        revisions.entry(operation.id.clone()).or_default().push(operation.revision);
    }
    for (id, revisions) in &revisions {
        assert!(revisions.windows(2).all(|two| two[0] < two[1]), "{id}: {revisions:?}");
    }
    let lost = Api::of(&nas).told(Some("of.another.history".to_owned()), |told| !told.is_empty());
    assert!(lost[0].lost);
}

#[test]
fn a_beat_comes_at_least_every_two_seconds_and_areas_when_they_change() {
    let nas = with_plan("nas", "");
    let api = Api::of(&nas);
    api.runtime.block_on(async {
        let mut fleet = FleetServiceClient::new(api.channel().await);
        let mut events = fleet.watch(WatchRequest { cursor: None }).await.unwrap().into_inner();
        for _ in 0..4 {
            let event = timeout(Duration::from_secs(2), events.message()).await;
            assert!(event.unwrap().unwrap().is_some(), "the daemon is there");
        }
    });
    let areas = |told: &[Event]| -> Vec<String> {
        told.iter().flat_map(|event| event.changed.clone()).collect()
    };
    let first = api.told(None, |told| !told.is_empty());
    let newest = Some(first[0].cursor.clone());
    for first in [first, api.told(newest, |told| !told.is_empty())] {
        let told = ["plans", "repos", "peers", "tokens", "config", "users", "attention"];
        assert_eq!(first[0].changed, told, "what was asked before may be old");
    }
    let watching = std::thread::scope(|scope| {
        let seen = scope.spawn(|| {
            let api = Api::of(&nas);
            api.told(None, |told| {
                let areas = areas(told.get(1..).unwrap_or_default());
                ["tokens", "config", "plans"].iter().all(|area| areas.iter().any(|a| a == area))
            })
        });
        while !seen.is_finished() {
            nas.ask(&["token", "create"]);
            nas.write_config(&config(&nas, "max-age = \"1d\"\n"));
            nas.write_config(&config(&nas, "max-age = \"2d\"\n"));
        }
        seen.join().unwrap()
    });
    assert!(watching.iter().all(|event| !event.lost));
}

/// Its operations, oldest first, once the index that follows the last backup has ended.
fn indexed(machine: &Machine) -> Vec<serde_json::Value> {
    let begun = Instant::now();
    loop {
        let listed = machine.cli(&["ops"]).lines();
        if listed.last().is_some_and(|op| op["kind"] == "index" && op["status"] == "succeeded") {
            return listed;
        }
        assert!(begun.elapsed() < PATIENCE, "{listed:#?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn pages_are_asked_for_by_key_and_wrong_questions_are_refused() {
    let nas = with_plan("nas", "");
    for _ in 0..3 {
        nas.ask(&["plan", "backup", "home"]);
    }
    let api = Api::of(&nas);
    let listed = indexed(&nas);
    let all = api.page(OperationPageRequest::default()).unwrap();
    let mut expected: Vec<_> = listed.iter().map(|op| op["id"].as_str().unwrap()).collect();
    expected.reverse();
    let ids = |page: &OperationPage| -> Vec<String> {
        page.operations.iter().map(|op| op.id.clone()).collect()
    };
    assert_eq!(ids(&all), expected);
    assert_eq!(all.older, None);
    let one = OperationPageRequest { limit: 1, ..OperationPageRequest::default() };
    let mut found = Vec::new();
    let mut before = None;
    loop {
        let page = api.page(OperationPageRequest { before, ..one.clone() }).unwrap();
        found.extend(ids(&page));
        before = page.older;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(found, expected);
    let newest = all.newer.clone();
    nas.ask(&["plan", "backup", "home"]);
    let new = api.page(OperationPageRequest { after: newest, ..Default::default() }).unwrap();
    assert!(!new.operations.is_empty());
    assert!(new.operations.iter().all(|operation| !expected.contains(&operation.id.as_str())));

    let backups = OperationPageRequest { kinds: vec!["backup".to_owned()], ..Default::default() };
    assert_eq!(api.page(backups).unwrap().operations.len(), 4);
    let refused = |request| api.page(request).unwrap_err().code();
    let wrong = [
        OperationPageRequest { kinds: vec!["nothing".to_owned()], ..Default::default() },
        OperationPageRequest { limit: 501, ..Default::default() },
        OperationPageRequest { before: Some("x".to_owned()), ..Default::default() },
        OperationPageRequest { since: Some("yesterday".to_owned()), ..Default::default() },
    ];
    for request in wrong {
        assert_eq!(refused(request), tonic::Code::InvalidArgument);
    }
}
