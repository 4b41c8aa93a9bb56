//! The gateway: says who speaks, checks the envelope, hands the sealed batch
//! on and answers when it is durable. It never looks inside.

mod connection;
mod conversation;
mod decide;
mod handshake;
mod identity;
mod presence;
mod rate;
mod server;

pub use decide::{Refusal, check_envelope};
pub use handshake::TlsError;
pub use identity::{Denial, Identity, Speaker};
pub use server::{Gate, ReceiveError, serve};
