//! What was asked for, as edits of the file.

use super::refuse;
use crate::api;
use crate::config::{ChannelDraft, Edit, Given, HookDraft, Level, TopLevel};
use crate::notify::Event;
use std::fmt::Display;
use std::str::FromStr;
use tonic::Status;

/// Every list as it is to be; an empty one is the default.
pub(super) fn addresses(request: &api::EditAddressesRequest) -> Result<Vec<Edit>, Status> {
    Ok(vec![
        Edit::Set(TopLevel::Listen(list("listen", &request.listen)?)),
        Edit::Set(TopLevel::SyncListen(list("sync-listen", &request.sync_listen)?)),
        Edit::Set(TopLevel::Urls(list("urls", &request.urls)?)),
        Edit::Set(TopLevel::TrustedProxies(list("trusted-proxies", &request.trusted_proxies)?)),
    ])
}

fn list<T: FromStr<Err: Display>>(name: &str, given: &[String]) -> Result<Vec<T>, Status> {
    given.iter().map(|text| refuse::field(name, text.trim())).collect()
}

pub(super) fn channel(request: api::PutChannelRequest) -> Result<ChannelDraft, Status> {
    let api::PutChannelRequest { id, action, fields } = request;
    let action = refuse::field("action", &action)?;
    let fields = fields.into_iter().map(|(key, value)| (key, Given(value))).collect();
    Ok(ChannelDraft { id, action, fields })
}

pub(super) fn hook(request: api::PutHookRequest) -> Result<HookDraft, Status> {
    let api::PutHookRequest { place: at, index, on, channel } = request;
    if on.is_empty() {
        return Err(refuse::invalid("on: no event is given", "such as any-failure"));
    }
    let on =
        on.iter().map(|event| refuse::field::<Event>("on", event)).collect::<Result<_, _>>()?;
    let channel = Some(channel).filter(|channel| !channel.is_empty());
    if index.is_none() && channel.is_none() {
        return Err(refuse::invalid("channel: a new hook needs one", "make a channel first"));
    }
    Ok(HookDraft { place: place(&at)?, index: index.map(|at| at as usize), on, channel })
}

/// `""`, `repo:ID` or `plan:ID`.
pub(super) fn place(text: &str) -> Result<Level, Status> {
    match text.split_once(':') {
        None if text.is_empty() => Ok(Level::Instance),
        Some(("repo", id)) => Ok(Level::Repo(refuse::field("place", id)?)),
        Some(("plan", id)) => Ok(Level::Plan(refuse::field("place", id)?)),
        Some(_) | None => {
            let message = format!("place {text:?}: it is empty, repo:ID or plan:ID");
            Err(refuse::invalid(message, ""))
        }
    }
}
