//! The gateway: says who speaks, checks the envelope, hands the sealed batch
//! on and answers when it is durable. It never looks inside.

mod allowance;
mod arrival;
mod audit;
mod branches;
mod certificates;
mod connection;
mod conversation;
mod decide;
mod enrolment;
mod expiry;
mod guard;
mod handover;
mod handshake;
mod identity;
mod places;
mod presence;
mod rate;
mod reply;
mod sender;
mod server;
mod service;
mod shared;
mod unlisted;
mod waiting;

pub use branches::BranchesError;
pub use certificates::TlsError;
pub use decide::{Refusal, check_envelope};
pub use expiry::{RunsOut, running_out};
pub use identity::{Denial, Identity, Speaker};
pub use server::{Gate, ReceiveError, check_certificates, serve};
pub use unlisted::without_list;
