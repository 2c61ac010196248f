//! The configuration in effect, and what is wrong with the file.

use crate::api::config_service_server::ConfigService;
use crate::api::{Config as Document, Problem, ShowConfigRequest};
use crate::config::{self, LoadError};
use crate::daemon::Node;
use std::path::Path;
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// Answers for one instance.
pub(super) struct Service {
    node: Arc<Node>,
}

impl Service {
    pub(super) const fn new(node: Arc<Node>) -> Self {
        Self { node }
    }
}

#[tonic::async_trait]
impl ConfigService for Service {
    async fn show(&self, _: Request<ShowConfigRequest>) -> Result<Response<Document>, Status> {
        let live = &self.node.config;
        Ok(Response::new(Document {
            path: live.path().display().to_string(),
            text: live.current().show(),
            read_only: is_read_only(live.path()),
            problems: live.trouble().map(problems).unwrap_or_default(),
        }))
    }
}

/// Whether whoever manages the file marked it so; what else may hinder an edit is told by the edit.
pub(super) fn is_read_only(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.permissions().readonly())
}

/// All that keeps the file from being in effect.
pub(super) fn problems(trouble: LoadError) -> Vec<Problem> {
    match trouble {
        LoadError::Invalid { problems, .. } => problems.0.iter().map(problem).collect(),
        LoadError::Unreadable { .. } | LoadError::Unwritable { .. } => {
            vec![Problem { line: 0, column: 0, message: trouble.to_string() }]
        }
    }
}

fn problem(problem: &config::Problem) -> Problem {
    let key = match problem.key.as_str() {
        "" => String::new(),
        key => format!("{key}: "),
    };
    let cure = problem.suggestion.as_ref().map(|text| format!("; {text}")).unwrap_or_default();
    let message = format!("{key}{}{cure}", problem.message);
    Problem { line: problem.line, column: problem.column, message }
}
