//! The log texts of operations, asked for and given part by part.

use super::message::text;
use super::proto::sync as pb;
use super::{WireError, at_most, exact};
use crate::model::OperationId;
use bytes::Bytes;

const MAX_LOG_CHUNK_BYTES: usize = 64 * 1024;

/// Asks for log text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRequest {
    /// Repeated in the answer.
    pub number: u32,
    /// Of which operation.
    pub operation: OperationId,
    /// From which byte on.
    pub offset: u64,
}

/// A part of a log text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogChunk {
    /// Of the request.
    pub number: u32,
    /// At most 64 KiB.
    pub data: Bytes,
    /// Where the next part begins.
    pub next_offset: u64,
    /// Whether there is none.
    pub end: bool,
    /// Why it is not given; empty where it is.
    pub refused: String,
}

pub(super) fn request_out(request: &LogRequest) -> pb::LogRequest {
    pb::LogRequest {
        number: request.number,
        operation: Bytes::copy_from_slice(request.operation.as_bytes()),
        offset: request.offset,
    }
}

pub(super) fn request_in(request: &pb::LogRequest) -> Result<LogRequest, WireError> {
    Ok(LogRequest {
        number: request.number,
        operation: OperationId::from_bytes(exact("operation", &request.operation)?),
        offset: request.offset,
    })
}

pub(super) fn chunk_out(chunk: &LogChunk) -> pb::LogChunk {
    pb::LogChunk {
        number: chunk.number,
        data: chunk.data.clone(),
        next_offset: chunk.next_offset,
        end: chunk.end,
        refused: chunk.refused.clone(),
    }
}

pub(super) fn chunk_in(chunk: pb::LogChunk) -> Result<LogChunk, WireError> {
    at_most("log chunk", chunk.data.len(), MAX_LOG_CHUNK_BYTES)?;
    text("refused", &chunk.refused, 512)?;
    Ok(LogChunk {
        number: chunk.number,
        data: chunk.data,
        next_offset: chunk.next_offset,
        end: chunk.end,
        refused: chunk.refused,
    })
}
