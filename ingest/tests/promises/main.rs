//! The promises of ingest, kept on a real ClickHouse over real gRPC.

#[cfg(test)]
mod direct;
#[cfg(test)]
#[expect(
    dead_code,
    reason = "helpers of the tests of rejections and breakdowns"
)]
mod gateway;
