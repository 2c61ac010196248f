//! The command line against a daemon's socket, with answers written down here.

use super::*;
use crate::api::operation_service_server::{OperationService, OperationServiceServer};
use crate::api::plan_service_server::{PlanService, PlanServiceServer};
use crate::api::*;
use crate::net::local::{LocalSocket, socket_path};
use crate::shutdown::Shutdown;
use std::pin::Pin;
use tonic::service::Routes;
use tonic::{Code, Request, Response, Status};

type Answer<T> = Result<Response<T>, Status>;
type Stream<T> = Pin<Box<dyn tokio_stream::Stream<Item = Result<T, Status>> + Send>>;

/// A daemon whose one backup ends with a given status, or with the daemon going away.
#[derive(Clone)]
struct Scripted {
    ends: Option<&'static str>,
}

fn backup(status: &str) -> Operation {
    Operation {
        id: "019aa4e2-7d1c-7000-8000-000000000000".to_owned(),
        kind: "backup".to_owned(),
        plan: Some("home".to_owned()),
        status: status.to_owned(),
        ..Operation::default()
    }
}

fn not_asked<T>() -> Answer<T> {
    Err(Status::unimplemented("this is not asked for here"))
}

#[tonic::async_trait]
impl PlanService for Scripted {
    async fn list(&self, _: Request<ListPlansRequest>) -> Answer<PlanList> {
        not_asked()
    }

    async fn fleet(&self, _: Request<FleetRequest>) -> Answer<PlanList> {
        let state = self.ends.unwrap_or_default().to_owned();
        let plan = Plan { needs_someone: state == "stale", state, ..Plan::default() };
        Ok(Response::new(PlanList { plans: vec![plan], removed: Vec::new() }))
    }

    async fn add(&self, _: Request<AddPlanRequest>) -> Answer<Plan> {
        not_asked()
    }

    async fn edit(&self, _: Request<EditPlanRequest>) -> Answer<Plan> {
        not_asked()
    }

    async fn remove(&self, _: Request<PlanRequest>) -> Answer<RemovedPlan> {
        not_asked()
    }

    async fn restore(&self, _: Request<PlanRequest>) -> Answer<Plan> {
        not_asked()
    }

    async fn dry_run(&self, _: Request<PlanRequest>) -> Answer<BackupTrial> {
        not_asked()
    }

    async fn show(&self, _: Request<PlanRequest>) -> Answer<Plan> {
        not_asked()
    }

    async fn pause(&self, _: Request<PausePlanRequest>) -> Answer<Plan> {
        not_asked()
    }

    async fn resume(&self, _: Request<PlanRequest>) -> Answer<Plan> {
        not_asked()
    }

    async fn backup(&self, request: Request<PlanRequest>) -> Answer<Operation> {
        match request.get_ref().plan.as_str() {
            "home" => Ok(Response::new(backup("pending"))),
            other => Err(Error::new("not-found", format!("no plan {other}"), "holdfast plan list")
                .into_status(Code::NotFound)),
        }
    }
}

#[tonic::async_trait]
impl OperationService for Scripted {
    type ListStream = Stream<Operation>;
    type WatchStream = Stream<OperationEvent>;
    type LogStream = Stream<LogChunk>;
    type ExportStream = Stream<ExportRecord>;

    async fn list(&self, _: Request<ListOperationsRequest>) -> Answer<Self::ListStream> {
        let operations = ["succeeded", "failed"].map(|status| Ok(backup(status)));
        Ok(Response::new(Box::pin(tokio_stream::iter(operations))))
    }

    async fn page(&self, _: Request<OperationPageRequest>) -> Answer<OperationPage> {
        not_asked()
    }

    async fn show(&self, _: Request<OperationRequest>) -> Answer<OperationDetail> {
        not_asked()
    }

    async fn watch(&self, _: Request<OperationRequest>) -> Answer<Self::WatchStream> {
        let running = OperationEvent { operation: Some(backup("running")), progress: None };
        let progress = Progress { permille: 500, ..Progress::default() };
        let half = OperationEvent { operation: None, progress: Some(progress) };
        let ended = self
            .ends
            .map(|status| OperationEvent { operation: Some(backup(status)), progress: None });
        let events = [running, half].into_iter().chain(ended).map(Ok);
        Ok(Response::new(Box::pin(tokio_stream::iter(events))))
    }

    async fn cancel(&self, _: Request<OperationRequest>) -> Answer<Operation> {
        not_asked()
    }

    async fn remove(&self, _: Request<OperationRequest>) -> Answer<Operation> {
        not_asked()
    }

    async fn log(&self, _: Request<OperationLogRequest>) -> Answer<Self::LogStream> {
        not_asked()
    }

    async fn export(&self, _: Request<ExportRequest>) -> Answer<Self::ExportStream> {
        not_asked()
    }
}

/// The exit of a command against a daemon whose backups end like this.
fn against(ends: impl Into<Option<&'static str>>, arguments: &[&str]) -> Exit {
    let data_dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let shutdown = Shutdown::default();
    let scripted = Scripted { ends: ends.into() };
    let socket = socket_path(data_dir.path(), None).unwrap();
    let routes = Routes::new(PlanServiceServer::new(scripted.clone()))
        .add_service(OperationServiceServer::new(scripted));
    let serving = {
        let _inside = runtime.enter();
        tokio::spawn(LocalSocket::bind(&socket).unwrap().serve(routes, shutdown.guard()))
    };
    let folder = data_dir.path().display().to_string();
    let exit = exit_of(&[arguments, &["--data-dir", &folder]].concat());
    shutdown.ask();
    runtime.block_on(serving).unwrap().unwrap();
    exit
}

#[test]
fn a_backup_exits_by_how_it_ended() {
    assert_eq!(against("succeeded", &["plan", "backup", "home"]), Exit::Done);
    assert_eq!(against("warning", &["plan", "backup", "home", "--json"]), Exit::Done);
    assert_eq!(against("failed", &["plan", "backup", "home"]), Exit::Failed);
    assert_eq!(against("cancelled", &["plan", "backup", "home"]), Exit::Failed);
    assert_eq!(against("failed", &["plan", "backup", "home", "--no-wait"]), Exit::Done);
}

#[test]
fn a_daemon_that_stops_during_a_backup_is_unreachable() {
    assert_eq!(against(None, &["plan", "backup", "home"]), Exit::Unreachable);
}

#[test]
fn a_refused_call_exits_1() {
    assert_eq!(against("succeeded", &["plan", "backup", "nothing"]), Exit::Failed);
}

#[test]
fn the_fleet_exits_1_only_if_someone_is_needed() {
    assert_eq!(against("fresh", &["fleet"]), Exit::Done);
    assert_eq!(against("late", &["fleet", "--json"]), Exit::Done);
    assert_eq!(against("stale", &["fleet"]), Exit::Failed);
}

#[test]
fn history_is_listed_and_that_is_no_failure() {
    assert_eq!(against("succeeded", &["ops"]), Exit::Done);
    assert_eq!(against("succeeded", &["ops", "--json", "--follow"]), Exit::Done);
}
