//! A message of Kafka as it is taken: its bytes, and under which span they were
//! written.

use rdkafka::Message;
use rdkafka::message::{BorrowedMessage, Headers};

use super::taken::Raw;
use crate::trace::{Context, TRACEPARENT};

/// A message that was read.
pub(super) struct Read {
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) content: Raw,
    pub(super) traced: Option<Context>,
}

/// Reads a message, and under which span it was written.
pub(super) fn read(message: &BorrowedMessage<'_>) -> Read {
    let headers = message.headers().into_iter();
    let mut headers = headers.flat_map(Headers::iter);
    let traced = headers.find(|header| header.key == TRACEPARENT);
    let traced = traced.and_then(|header| std::str::from_utf8(header.value?).ok());
    Read {
        partition: message.partition(),
        offset: message.offset(),
        content: content(message),
        traced: traced.and_then(Context::read),
    }
}

fn content(message: &BorrowedMessage<'_>) -> Raw {
    Raw {
        bytes: message.payload().unwrap_or_default().to_vec(),
        key: message.key().unwrap_or_default().to_vec(),
        written_at_ms: message.timestamp().to_millis().unwrap_or_default(),
    }
}
