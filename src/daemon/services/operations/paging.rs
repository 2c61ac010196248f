//! One page of operations, by any filter.

use super::super::describe::{self, Names};
use super::super::{lookup, refuse};
use crate::api::{OperationPage, OperationPageRequest};
use crate::daemon::Node;
use crate::model::{FlowId, KeyId, Timestamp};
use crate::store::history::{PageFilter, Position, Turn};
use std::fmt::Display;
use std::str::FromStr;
use tonic::Status;

/// Operations of a page where no number is asked for, and at most.
const LIMIT: (u32, u32) = (50, 500);
/// Names in one list of a filter.
const MOST_NAMES: usize = 256;
/// No sentence is longer.
const MOST_TEXT: usize = 256;

/// The page that is asked for.
pub(super) async fn page(
    node: &Node,
    request: OperationPageRequest,
) -> Result<OperationPage, Status> {
    let (limit, turn) = (limit(request.limit)?, turn(&request)?);
    let origins = origins(node, &request.peers).await?;
    let filter = filter(request, origins)?;
    let names = Names::read(node).await?;
    let read = node.history.read(move |reader| reader.page(&filter, turn, limit)).await;
    let page = read.map_err(refuse::store)?;
    let key = |key: Option<Position>| key.map(|key| key.to_string());
    Ok(OperationPage {
        operations: page.operations.iter().map(|one| describe::recorded(one, &names)).collect(),
        older: key(page.older),
        newer: key(page.newer),
    })
}

fn limit(asked: u32) -> Result<usize, Status> {
    let (usual, most) = LIMIT;
    if asked > most {
        let message = format!("limit {asked}: a page has at most {most}");
        return Err(refuse::invalid(message, "ask for the next page"));
    }
    Ok(usize::try_from(if asked == 0 { usual } else { asked }).unwrap_or(usize::MAX))
}

fn turn(request: &OperationPageRequest) -> Result<Turn, Status> {
    match (&request.before, &request.after) {
        (None, None) => Ok(Turn::Newest),
        (Some(key), None) => refuse::field("before", key).map(Turn::Before),
        (None, Some(key)) => refuse::field("after", key).map(Turn::After),
        (Some(_), Some(_)) => {
            Err(refuse::invalid("before and after are given", "give one of them"))
        }
    }
}

async fn origins(node: &Node, names: &[String]) -> Result<Vec<KeyId>, Status> {
    bounded("peers", names)?;
    let mut origins = Vec::new();
    for name in names {
        origins.push(lookup::origin(node, name).await?);
    }
    Ok(origins)
}

fn filter(request: OperationPageRequest, origins: Vec<KeyId>) -> Result<PageFilter, Status> {
    let contains = request.contains.map(|text| text.trim().to_owned());
    let contains = contains.filter(|text| !text.is_empty());
    if let Some(text) = contains.as_ref().filter(|text| text.len() > MOST_TEXT) {
        let message = format!("contains: a text of {} bytes", text.len());
        return Err(refuse::invalid(message, &format!("give at most {MOST_TEXT}")));
    }
    Ok(PageFilter {
        origins,
        plans: bounded("plans", &request.plans)?,
        repos: bounded("repos", &request.repos)?,
        kinds: words("kinds", &request.kinds)?,
        statuses: words("statuses", &request.statuses)?,
        since: time("since", request.since.as_ref())?,
        until: time("until", request.until.as_ref())?,
        contains,
        flow: request.flow.map(|flow| refuse::field::<FlowId>("flow", &flow)).transpose()?,
    })
}

fn bounded(name: &str, list: &[String]) -> Result<Vec<String>, Status> {
    if list.len() > MOST_NAMES {
        let message = format!("{name}: a list of {}", list.len());
        return Err(refuse::invalid(message, &format!("give at most {MOST_NAMES}")));
    }
    Ok(list.to_vec())
}

fn words<T>(name: &str, list: &[String]) -> Result<Vec<T>, Status>
where
    T: FromStr + PartialEq,
    T::Err: Display,
{
    let mut words: Vec<T> = Vec::new();
    for word in bounded(name, list)? {
        let word = refuse::field(name, &word)?;
        if !words.contains(&word) {
            words.push(word);
        }
    }
    Ok(words)
}

fn time(name: &str, text: Option<&String>) -> Result<Option<Timestamp>, Status> {
    let read = |text: &String| {
        let wrong = || refuse::invalid(format!("{name} {text:?} is not a time of RFC 3339"), "");
        Timestamp::parse(text).ok_or_else(wrong)
    };
    text.map(read).transpose()
}
