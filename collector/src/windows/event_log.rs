//! The Windows event log as text: a query gives the XML of its records.
//!
//! Nothing subscribes: whoever asks again from the last record number misses
//! nothing, which subscriptions do not promise. Wine answers no query, so this
//! file awaits a real machine.
#![expect(unsafe_code, reason = "the event log has no safe interface")]

use std::io;
use std::ops::RangeInclusive;
use std::ptr;

use windows_sys::Win32::Foundation::{
    ERROR_INSUFFICIENT_BUFFER, ERROR_INVALID_DATA, ERROR_NO_MORE_ITEMS,
};
use windows_sys::Win32::System::EventLog::{
    EVT_HANDLE, EvtClose, EvtNext, EvtQuery, EvtQueryChannelPath, EvtQueryForwardDirection,
    EvtQueryReverseDirection, EvtRender, EvtRenderEventXml,
};

/// How long the event log may think about one record, in milliseconds.
const PATIENCE_MS: u32 = 5_000;

/// Longest record that is taken, in bytes of UTF-16.
const MAX_RECORD_LEN: u32 = 256 * 1024;

/// Errors of the event log's own (winerror.h): broken records, and publishers
/// whose manifest is gone.
const EVENT_LOG_ERRORS: RangeInclusive<u32> = 15_000..=15_099;

/// In which order records come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    OldestFirst,
    NewestFirst,
}

/// Records of a channel.
#[derive(Debug)]
pub(super) struct Query(Handle);

#[derive(Debug)]
struct Handle(EVT_HANDLE);

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: handles are made below, where none is zero, and closed once.
        unsafe { EvtClose(self.0) };
    }
}

impl Query {
    /// Asks a channel for the records that an `XPath` selects.
    pub(super) fn open(channel: &str, xpath: &str, order: Order) -> io::Result<Self> {
        let direction = match order {
            Order::OldestFirst => EvtQueryForwardDirection,
            Order::NewestFirst => EvtQueryReverseDirection,
        };
        let channel = wide(channel);
        let xpath = wide(xpath);
        // SAFETY: both texts end with a zero and outlive the call.
        let handle = unsafe {
            EvtQuery(
                0,
                channel.as_ptr(),
                xpath.as_ptr(),
                EvtQueryChannelPath | direction,
            )
        };
        if handle == 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self(Handle(handle)))
    }

    /// The next record as XML, until there is none. One that is too long, or that
    /// the event log cannot tell, is empty.
    pub(super) fn next(&mut self) -> io::Result<Option<String>> {
        let mut event: EVT_HANDLE = 0;
        let mut returned = 0;
        // SAFETY: one handle is asked for, and there is room for one.
        let done = unsafe {
            EvtNext(
                self.0.0,
                1,
                &raw mut event,
                PATIENCE_MS,
                0,
                &raw mut returned,
            )
        };
        if done == 0 {
            let error = io::Error::last_os_error();
            return match error.raw_os_error() {
                Some(code) if code.cast_unsigned() == ERROR_NO_MORE_ITEMS => Ok(None),
                _ => Err(error),
            };
        }
        if returned == 0 {
            return Ok(None);
        }
        match render(&Handle(event)) {
            Ok(xml) => Ok(Some(xml)),
            // It would hold up all records behind it for good.
            Err(error) if is_of_record(&error) => {
                tracing::warn!(%error, "the event log cannot tell a record, which is left out");
                Ok(Some(String::new()))
            }
            Err(error) => Err(error),
        }
    }
}

/// Whether a record itself is at fault, not the service or the memory.
fn is_of_record(error: &io::Error) -> bool {
    let code = error.raw_os_error().map(i32::cast_unsigned);
    code.is_some_and(|code| code == ERROR_INVALID_DATA || EVENT_LOG_ERRORS.contains(&code))
}

fn render(event: &Handle) -> io::Result<String> {
    let mut text: Vec<u16> = Vec::new();
    loop {
        let room = u32::try_from(text.len() * 2).unwrap_or(0);
        let (mut used, mut properties) = (0, 0);
        // SAFETY: `room` bytes are there; without any, none is written.
        let done = unsafe {
            EvtRender(
                0,
                event.0,
                EvtRenderEventXml,
                room,
                if text.is_empty() {
                    ptr::null_mut()
                } else {
                    text.as_mut_ptr().cast()
                },
                &raw mut used,
                &raw mut properties,
            )
        };
        if done != 0 {
            let end = text
                .iter()
                .position(|unit| *unit == 0)
                .unwrap_or(text.len());
            return Ok(String::from_utf16_lossy(&text[..end]));
        }
        let error = io::Error::last_os_error();
        let too_small =
            error.raw_os_error().map(i32::cast_unsigned) == Some(ERROR_INSUFFICIENT_BUFFER);
        if !too_small || used <= room {
            return Err(error);
        }
        if used > MAX_RECORD_LEN {
            return Ok(String::new());
        }
        text.resize(used.div_ceil(2) as usize, 0);
    }
}

fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}
