//! The kinds of bad clients, one after the other, and the table of what became
//! of each.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use crate::device::{Stream, batch};
use crate::gateway::{ALONE, Counts, Fort, quick_store, resident_kib, until};
use crate::{connections, enrolling, envelopes, floods, frames, messages, papers, senders};

/// What this process may grow by over one kind, KiB: the bad client's own memory
/// is in it, and what the allocator keeps.
const MAX_GROWTH_KIB: u64 = 96 * 1_024;

type Attack = for<'a> fn(&'a Fort) -> LocalBoxFuture<'a, String>;

/// A kind of bad client.
struct Kind {
    name: &'static str,
    /// What it must see.
    sees: &'static str,
    /// What must be counted; nothing where HTTP/2 itself ends the matter.
    counted: &'static str,
    attack: Attack,
}

fn kind(name: &'static str, sees: &'static str, counted: &'static str, attack: Attack) -> Kind {
    Kind {
        name,
        sees,
        counted,
        attack,
    }
}

#[rustfmt::skip]
fn shown() -> Vec<Kind> {
    vec![
        kind("no certificate", "PermissionDenied", "denials no_certificate", |f| papers::nothing(f).boxed_local()),
        kind("certificate of another authority", "closed", "denials foreign_certificate", |f| papers::foreign(f).boxed_local()),
        kind("self-signed certificate", "closed", "denials foreign_certificate", |f| papers::self_signed(f).boxed_local()),
        kind("expired certificate", "closed", "denials expired_certificate", |f| papers::expired(f).boxed_local()),
        kind("certificate not yet valid", "closed", "denials not_yet_valid_certificate", |f| papers::not_yet_valid(f).boxed_local()),
        kind("revoked certificate", "closed", "denials revoked_certificate", |f| papers::revoked(f).boxed_local()),
        kind("certificate of a revoked authority", "closed", "denials revoked_certificate", |f| papers::of_revoked_authority(f).boxed_local()),
        kind("certificate of an authority without a list", "closed", "denials unlisted_certificate", |f| papers::of_unlisted_authority(f).boxed_local()),
        kind("a server's certificate", "closed", "denials foreign_certificate", |f| papers::of_a_server(f).boxed_local()),
        kind("certificate without an identity", "PermissionDenied", "denials invalid_id", |f| papers::of_no_device(f).boxed_local()),
        kind("identity of 20 KB", "PermissionDenied", "denials invalid_id", |f| papers::of_a_name_too_long(f).boxed_local()),
        kind("certificate of 100 KB", "closed", "broken_streams handshake", |f| papers::of_a_hundred_kilobytes(f).boxed_local()),
        kind("events of another device", "PermissionDenied", "denials no_importer", |f| senders::brings_events_of_another(f).boxed_local()),
        kind("calls itself another device", "PermissionDenied", "denials other_device", |f| senders::calls_itself_another(f).boxed_local()),
        kind("import for an impossible device", "PermissionDenied", "denials invalid_id", |f| senders::imports_for_no_device(f).boxed_local()),
        kind("batch before it says who it is", "PermissionDenied", "denials not_declared", |f| senders::does_not_say_who_it_is(f).boxed_local()),
        kind("becomes another device in mid-stream", "PermissionDenied", "denials other_device", |f| senders::becomes_another(f).boxed_local()),
    ]
}

#[rustfmt::skip]
fn sent() -> Vec<Kind> {
    vec![
        kind("payload over its limit", "Refused", "refusals payload_too_long", |f| envelopes::payload_too_long(f).boxed_local()),
        kind("four billion events", "Refused", "refusals too_many_events", |f| envelopes::too_many_events(f).boxed_local()),
        kind("no format", "Refused", "refusals no_format", |f| envelopes::no_format(f).boxed_local()),
        kind("version of 10 KB", "Refused", "refusals version", |f| envelopes::version_of_ten_kilobytes(f).boxed_local()),
        kind("wrong checksum", "Refused", "refusals checksum", |f| envelopes::wrong_checksum(f).boxed_local()),
        kind("wrong length", "Refused", "refusals declares_other", |f| envelopes::wrong_length(f).boxed_local()),
        kind("frame of four gigabytes", "Refused", "refusals declares_too_much", |f| envelopes::frame_of_four_gigabytes(f).boxed_local()),
        kind("frame without a length", "Refused", "refusals frame", |f| envelopes::frame_without_length(f).boxed_local()),
        kind("noise for a payload", "Refused", "refusals frame", |f| envelopes::noise(f).boxed_local()),
        kind("zstd bomb", "Durable", "store_dead_letters batch", |f| envelopes::bomb(f).boxed_local()),
        kind("truncated zstd", "Durable", "store_dead_letters batch", |f| envelopes::truncated(f).boxed_local()),
        kind("garbage in good zstd", "Durable", "store_dead_letters batch", |f| envelopes::packed_garbage(f).boxed_local()),
        kind("wrong count", "Durable", "store_dead_letters batch", |f| envelopes::wrong_count(f).boxed_local()),
        kind("row of invalid UTF-8", "Durable", "store_dead_letters rows", |f| envelopes::text_that_is_none(f).boxed_local()),
        kind("months of a century", "Durable", "store_dead_letters rows", |f| envelopes::months_of_a_century(f).boxed_local()),
        kind("numbers at their ends, jumping back", "Durable", "answers durable", |f| envelopes::numbers_at_their_ends(f).boxed_local()),
        kind("batch replayed thirty times", "stored 10", "answers durable", |f| envelopes::replayed(f).boxed_local()),
        kind("noise of a newer format", "Durable", "store_dead_letters parked", |f| envelopes::noise_of_a_newer_format(f).boxed_local()),
        kind("message of two gigabytes", "answered", "broken_streams message_too_long", |f| messages::two_gigabytes(f).boxed_local()),
        kind("garbage for a message", "answered", "broken_streams malformed", |f| messages::garbage(f).boxed_local()),
        kind("compressed message", "answered", "broken_streams malformed", |f| messages::compressed(f).boxed_local()),
        kind("message of invalid UTF-8", "answered", "broken_streams malformed", |f| messages::text_that_is_none(f).boxed_local()),
        kind("half a message", "answered", "broken_streams malformed", |f| messages::half_of_one(f).boxed_local()),
        kind("half a message, and gone", "gone", "", |f| messages::half_of_one_and_gone(f).boxed_local()),
        kind("message dribbled", "answered", "broken_streams message_overdue", |f| messages::dribbled(f).boxed_local()),
        kind("unknown service", "answered", "", |f| messages::unknown_service(f).boxed_local()),
        kind("unknown method", "answered", "", |f| messages::unknown_method(f).boxed_local()),
        kind("a browser's request", "answered", "", |f| messages::no_grpc(f).boxed_local()),
    ]
}

#[rustfmt::skip]
fn spoken() -> Vec<Kind> {
    vec![
        kind("plain text to TLS", "closed", "broken_streams handshake", |f| connections::plain_text(f).boxed_local()),
        kind("noise to TLS", "closed", "broken_streams handshake", |f| connections::noise(f).boxed_local()),
        kind("TLS 1.2", "closed", "broken_streams handshake", |f| connections::old_tls(f).boxed_local()),
        kind("another protocol in TLS", "closed", "broken_streams handshake", |f| connections::other_protocol(f).boxed_local()),
        kind("HTTP/1 in TLS", "closed", "broken_streams no_http2", |f| connections::http1(f).boxed_local()),
        kind("connects and says nothing", "closed", "broken_streams handshake_overdue", |f| connections::silence(f).boxed_local()),
        kind("handshake dribbled", "closed", "broken_streams handshake_overdue", |f| connections::dribbled_handshake(f).boxed_local()),
        kind("says nothing after TLS", "closed", "broken_streams silent", |f| connections::silence_after_tls(f).boxed_local()),
        kind("preface dribbled", "closed", "broken_streams silent", |f| connections::dribbled_preface(f).boxed_local()),
        kind("noise for frames", "goaway 6", "", |f| frames::noise(f).boxed_local()),
        kind("frame longer than agreed", "goaway 6", "", |f| frames::too_long(f).boxed_local()),
        kind("data on no stream", "goaway 1", "", |f| frames::on_no_stream(f).boxed_local()),
        kind("headers that cannot be unpacked", "goaway 1", "", |f| frames::headers_that_are_none(f).boxed_local()),
        kind("continuation of nothing", "goaway 1", "", |f| frames::no_headers_at_all(f).boxed_local()),
        kind("window over its limit", "goaway 3", "", |f| frames::window_overflow(f).boxed_local()),
        kind("two prefaces", "goaway 6", "", |f| frames::two_prefaces(f).boxed_local()),
        kind("metadata of a megabyte", "goaway 11", "", |f| frames::metadata_flood(f).boxed_local()),
        kind("headers without an end", "goaway 11", "", |f| frames::endless_headers(f).boxed_local()),
        kind("headers dribbled", "goaway 0", "", |f| frames::dribbled_headers(f).boxed_local()),
        kind("ten thousand resets", "goaway 11", "", |f| frames::rapid_reset(f).boxed_local()),
        kind("twenty thousand pings", "held", "", |f| frames::ping_flood(f).boxed_local()),
        kind("twenty thousand settings", "held", "", |f| frames::settings_flood(f).boxed_local()),
        kind("five thousand empty frames", "goaway 11", "", |f| frames::empty_data_flood(f).boxed_local()),
        kind("takes no receipts", "held", "", |f| frames::never_reads(f).boxed_local()),
    ]
}

#[rustfmt::skip]
fn flooded() -> Vec<Kind> {
    vec![
        kind("flood of streams", "4 held, then ResourceExhausted", "denials too_many_streams", |f| floods::streams(f).boxed_local()),
        kind("flood of denied streams", "hung up on after 33", "denials invalid_id", |f| floods::denied_streams(f).boxed_local()),
        kind("flood of connections", "8 held", "denials too_many_connections", |f| floods::connections(f).boxed_local()),
        kind("flood of silent connections", "let someone in", "broken_streams handshake_overtaken", |f| floods::silent_connections(f).boxed_local()),
        kind("storm of reconnects", "none left", "", |f| floods::reconnects(f).boxed_local()),
        kind("flood of batches", "Retry", "throttled_batches device", |f| floods::batches(f).boxed_local()),
        kind("flood of bytes", "Retry", "throttled_batches device", |f| floods::bytes(f).boxed_local()),
    ]
}

#[rustfmt::skip]
fn enrolled() -> Vec<Kind> {
    vec![
        kind("token that nobody gave out", "PermissionDenied", "denials enrol_unknown_token", |f| enrolling::unknown_token(f).boxed_local()),
        kind("token that is a path", "PermissionDenied", "denials enrol_unknown_token", |f| enrolling::token_that_is_a_path(f).boxed_local()),
        kind("token used before", "PermissionDenied", "denials enrol_used_token", |f| enrolling::used_token(f).boxed_local()),
        kind("token that is over", "PermissionDenied", "denials enrol_expired_token", |f| enrolling::expired_token(f).boxed_local()),
        kind("token of another device", "PermissionDenied", "denials enrol_other_device", |f| enrolling::token_of_another(f).boxed_local()),
        kind("request without its key", "InvalidArgument", "denials enrol_forged_request", |f| enrolling::forged_request(f).boxed_local()),
        kind("noise for a request", "InvalidArgument", "denials enrol_no_request", |f| enrolling::noise_for_a_request(f).boxed_local()),
        kind("unusual key", "InvalidArgument", "denials enrol_weak_key", |f| enrolling::unusual_key(f).boxed_local()),
        kind("application of a megabyte", "OutOfRange", "", |f| enrolling::application_of_a_megabyte(f).boxed_local()),
        kind("batches where devices enrol", "Unimplemented", "", |f| enrolling::batches_at_the_counter(f).boxed_local()),
        kind("plain text where devices enrol", "closed", "broken_streams enrol_handshake", |f| enrolling::plain_text(f).boxed_local()),
        kind("silence where devices enrol", "closed", "broken_streams enrol_handshake_overdue", |f| enrolling::silence(f).boxed_local()),
        kind("connections where devices enrol", "closed", "denials enrol_too_many_connections", |f| enrolling::many_connections(f).boxed_local()),
        kind("flood of guessed tokens", "ResourceExhausted", "denials enrol_too_often", |f| enrolling::guesses(f).boxed_local()),
    ]
}

/// A line of the table.
struct Outcome {
    line: String,
    fault: Option<String>,
}

async fn tried(fort: &Fort, kind: &Kind, good: &mut Stream, number: u32) -> Outcome {
    let (before, kib, begun) = (fort.counts(), resident_kib(), Instant::now());
    let attack = AssertUnwindSafe((kind.attack)(fort)).catch_unwind();
    let saw = attack.await.unwrap_or_else(|_| "a panic".to_owned());
    let count = |counts: &Counts| counts.get(kind.counted).copied().unwrap_or(0);
    let is_counted =
        kind.counted.is_empty() || until(async || count(&fort.counts()) > count(&before)).await;
    let grown = resident_kib().saturating_sub(kib);
    good.deliver(batch(u64::from(number), number * 10, 10))
        .await;
    let line = format!(
        "{:<44} {:<32} {:<36} {grown:>8} {:>6}",
        kind.name,
        saw,
        kind.counted,
        begun.elapsed().as_millis()
    );
    let fault = if saw != kind.sees {
        Some(format!("{}: saw {saw} instead of {}", kind.name, kind.sees))
    } else if !is_counted {
        let counts = fort.counts();
        let grown = counts
            .iter()
            .filter(|(name, now)| before.get(*name) != Some(*now));
        let grown: Vec<_> = grown.collect();
        Some(format!("{}: counted {grown:?}", kind.name))
    } else if grown > MAX_GROWTH_KIB {
        Some(format!("{}: memory grew by {grown} KiB", kind.name))
    } else {
        None
    };
    Outcome { line, fault }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_bad_client_is_refused_or_contained_and_counted() {
    let _alone = ALONE.lock().await;
    let fort = Fort::start(quick_store()).await;
    let mut good = fort.device("good").await;
    let kinds: Vec<Kind> = [shown(), sent(), spoken(), flooded(), enrolled()]
        .into_iter()
        .flatten()
        .collect();
    println!(
        "{:<44} {:<32} {:<36} {:>8} {:>6}",
        "kind", "sees", "counted", "KiB", "ms"
    );
    let mut faults = Vec::new();
    for (kind, number) in kinds.iter().zip(1..) {
        let outcome = tried(&fort, kind, &mut good, number).await;
        println!("{}", outcome.line);
        faults.extend(outcome.fault);
    }
    println!("{} kinds", kinds.len());
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(kinds.len() >= 30);
    let good = u64::try_from(kinds.len()).unwrap() * 10;
    assert_eq!(
        fort.stored_of("good").await,
        good,
        "nothing is lost or doubled"
    );
    assert!(fort.metrics.receive_batches().balances());
    assert!(fort.metrics.store_events().balances());
}
