//! The gateway: says who speaks, checks the envelope, hands the sealed batch
//! on and answers when it is durable. It never looks inside.

mod certificates;
mod connection;
mod conversation;
mod decide;
mod guard;
mod handshake;
mod identity;
mod presence;
mod rate;
mod server;

pub use certificates::TlsError;
pub use decide::{Refusal, check_envelope};
pub use identity::{Denial, Identity, Speaker};
pub use server::{Gate, ReceiveError, check_certificates, serve};
