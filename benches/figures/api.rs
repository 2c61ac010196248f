//! What the UI asks of a daemon that holds much history: an overview, and pages by each filter.

use crate::hub::{self, Logs};
use crate::process::Home;
use crate::report::{Goal, Report, millis};
use crate::scale::Scale;
use anyhow::Context as _;
use holdfast::api::fleet_service_client::FleetServiceClient;
use holdfast::api::operation_service_client::OperationServiceClient;
use holdfast::api::{OperationPageRequest, OverviewRequest};
use holdfast::net::local;
use holdfast::store::history::Owner;
use holdfast::store::{History, Trust};
use std::path::Path;
use std::time::{Duration, Instant};
use tonic::transport::Channel;

/// Machines, and plans of each.
const MACHINES: u32 = 100;
const PLANS: u32 = 10;
/// A page, and an overview of all plans, at most.
const PAGE_MS: f64 = 100.0;
const OVERVIEW_MS: f64 = 300.0;
const TIMES: usize = 5;
/// Longer than any answer of these takes.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) fn measure(scale: &Scale, folder: &Path, report: &mut Report) -> anyhow::Result<()> {
    let home = Home::new(folder, "api")?;
    let runs = u32::try_from(scale.operations / u64::from(MACHINES * PLANS))?.max(1);
    let begun = Instant::now();
    let owner = Owner { public_key: home.identity()?.public_key() };
    let history = History::open(&home.data, owner)?;
    let logs = Logs { plans: PLANS, runs };
    hub::fill(&Trust::open(&home.data)?, &history, MACHINES, logs, |_| ())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(history.close());
    drop(history);
    let taken = f64::from(MACHINES * PLANS * runs) / begun.elapsed().as_secs_f64();
    report.add("taken in, with all indexes", taken, "operations/s", Goal::None);
    let daemon = home.start()?;
    runtime.block_on(asked(&home, report))?;
    daemon.stop()
}

async fn asked(home: &Home, report: &mut Report) -> anyhow::Result<()> {
    let runtime_dir = std::env::var_os("XDG_RUNTIME_DIR").map(std::path::PathBuf::from);
    let socket = local::socket_path(&home.data, runtime_dir.as_deref())?;
    let channel = tokio::time::timeout(PATIENCE, local::connect(&socket)).await??;
    let mut fleet = FleetServiceClient::new(channel.clone()).max_decoding_message_size(64 << 20);
    for n in 0..=TIMES {
        let begun = Instant::now();
        let overview = fleet.overview(OverviewRequest::default()).await?.into_inner();
        let plans = overview.plans.len();
        let (name, goal) = match n {
            0 => ("overview, cold", Goal::None),
            TIMES => ("overview, warm", Goal::AtMost(OVERVIEW_MS)),
            _ => continue,
        };
        report.note(name, millis(begun.elapsed()), "ms", goal, format!("{plans} plans"));
    }
    let mut operations = OperationServiceClient::new(channel);
    for (name, request) in requests() {
        page(&mut operations, name, request, report).await?;
    }
    Ok(())
}

async fn page(
    operations: &mut OperationServiceClient<Channel>,
    name: &str,
    request: OperationPageRequest,
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut worst = Duration::ZERO;
    let mut found = 0;
    for _ in 0..TIMES {
        let begun = Instant::now();
        let page = operations.page(request.clone()).await.context("a page")?.into_inner();
        worst = worst.max(begun.elapsed());
        found = page.operations.len();
    }
    let note = format!("{found} on the page; the slowest of {TIMES}");
    report.note(&format!("page, {name}"), millis(worst), "ms", Goal::AtMost(PAGE_MS), note);
    Ok(())
}

/// One of each filter, and what is worst for it: few, none, or very many that match.
fn requests() -> Vec<(&'static str, OperationPageRequest)> {
    let none = OperationPageRequest::default;
    let text = |text: &str| vec![text.to_owned()];
    let contains = |text: &str| OperationPageRequest { contains: Some(text.to_owned()), ..none() };
    let long_ago = Some("2020-01-01T00:00:00Z".to_owned());
    vec![
        ("newest", none()),
        ("of one machine", OperationPageRequest { peers: text("peer-00050"), ..none() }),
        ("of a plan of every machine", OperationPageRequest { plans: text("plan-0003"), ..none() }),
        ("of a repo of every machine", OperationPageRequest { repos: text("vault"), ..none() }),
        ("of a repo that is not there", OperationPageRequest { repos: text("none"), ..none() }),
        ("kind that is rare", OperationPageRequest { kinds: text("restore"), ..none() }),
        ("kind that never was", OperationPageRequest { kinds: text("prune"), ..none() }),
        ("failed", OperationPageRequest { statuses: text("failed"), ..none() }),
        ("lost, of which there is none", OperationPageRequest { statuses: text("lost"), ..none() }),
        (
            "failed forgets, of which there is none",
            OperationPageRequest { kinds: text("forget"), statuses: text("failed"), ..none() },
        ),
        (
            "restores of one plan of one machine",
            OperationPageRequest {
                kinds: text("restore"),
                peers: text("peer-00050"),
                plans: text("plan-0003"),
                ..none()
            },
        ),
        ("before all", OperationPageRequest { until: long_ago, ..none() }),
        ("containing a sentence of many", contains("cannot be reached")),
        ("containing a sentence of few", contains("973 files")),
        ("containing part of many sentences", contains("files could not")),
        ("containing a plan", contains("plan-0003")),
        ("containing every plan", contains("plan")),
        ("containing nothing that is there", contains("no such words")),
        (
            "containing a plan, lost, of which there is none",
            OperationPageRequest { statuses: text("lost"), ..contains("plan-0003") },
        ),
        ("500 at once", OperationPageRequest { limit: 500, ..none() }),
    ]
}
