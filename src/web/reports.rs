//! What browsers report against the policy of our pages: logged, a few per minute.
//!
//! Anybody can send such a report, so nothing follows from one but a line in the log.

use super::denial::respond;
use super::serve::{Arrival, read};
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::{Method, StatusCode};
use serde_json::Value;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

pub(super) const PATH: &str = "/csp-report";
const PER_MINUTE: u32 = 10;
const MINUTE: Duration = Duration::from_secs(60);
const LONGEST_LINE: usize = 512;

/// The minute that runs, and how many reports it had.
#[derive(Debug, Default)]
pub(super) struct Reports(Mutex<Option<(Instant, u32)>>);

impl Reports {
    pub(super) async fn take(&self, request: Request) -> Response {
        if request.method() != Method::POST {
            return respond(StatusCode::METHOD_NOT_ALLOWED, "text/plain", Body::empty());
        }
        if self.has_room(Instant::now())
            && let Ok(report) = read(request.into_body(), Arrival::STRANGER).await
        {
            tracing::warn!(report = %summary(&report), "a page broke its content security policy");
        }
        respond(StatusCode::NO_CONTENT, "text/plain", Body::empty())
    }

    fn has_room(&self, now: Instant) -> bool {
        let mut minute = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, reports) =
            minute.filter(|(since, _)| now.duration_since(*since) < MINUTE).unwrap_or((now, 0));
        *minute = Some((since, reports + 1));
        reports < PER_MINUTE
    }
}

/// On one line, whatever is in it.
fn summary(report: &[u8]) -> String {
    let text = match serde_json::from_slice::<Value>(report) {
        Ok(report) => report.to_string(),
        Err(_) => "not JSON".to_owned(),
    };
    text.chars().take(LONGEST_LINE).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_has_room_for_a_few() {
        let (reports, now) = (Reports::default(), Instant::now());
        let taken = (0..100).filter(|_| reports.has_room(now)).count();
        assert_eq!(taken, PER_MINUTE as usize);
        assert!(!reports.has_room(now + MINUTE / 2));
        assert!(reports.has_room(now + MINUTE));
    }

    #[test]
    fn a_report_cannot_write_lines_of_its_own() {
        let hostile = "{\"csp-report\":{\"blocked-uri\":\"\u{202e}x\\n2026 ERROR\u{1b}[31m\"}}";
        let line = summary(hostile.as_bytes());
        assert!(line.chars().all(|c| !c.is_control() && c != '\u{202e}'), "{line}");
        assert!(summary("\"x\"".repeat(1000).as_bytes()).len() <= LONGEST_LINE);
    }
}
