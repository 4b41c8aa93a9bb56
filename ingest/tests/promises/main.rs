//! The promises of ingest, kept on a real ClickHouse over real gRPC.

#[cfg(test)]
mod accounts;
#[cfg(test)]
mod breaks;
#[cfg(test)]
mod broken_line;
#[cfg(test)]
mod columns;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod device;
#[cfg(test)]
mod direct;
#[cfg(test)]
mod enrol;
#[cfg(test)]
mod enrol_client;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod hearing;
#[cfg(test)]
mod kafka;
#[cfg(test)]
mod kafka_process;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod operators;
#[cfg(test)]
mod papers;
#[cfg(test)]
mod pki_commands;
#[cfg(test)]
mod rebuilding;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod rejects;
#[cfg(test)]
mod senders;
#[cfg(test)]
mod stopping;
#[cfg(test)]
mod topic;
#[cfg(test)]
mod traces;
