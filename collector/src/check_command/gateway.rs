//! Whether the gateway can be reached from here.

use std::io;

use super::screen::Screen;
use crate::config::CollectorConfig;
use crate::send;
use crate::send::why::explain;
use crate::status::Status;

/// Connects once and shows what came of it.
pub(super) fn look(
    config: &CollectorConfig,
    status: &io::Result<Status>,
    is_running: bool,
    screen: &mut Screen,
) {
    let gateway = &config.gateway;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(send::probe(config)),
        Err(error) => Err(error.to_string()),
    };
    let connected = status.as_ref().is_ok_and(|status| status.connected);
    let receipted = status
        .as_ref()
        .is_ok_and(|status| status.last_receipt_at_ms.is_some());
    match outcome {
        Ok(()) if !is_running => screen.line("gateway", format!("{gateway} can be reached")),
        Ok(()) if connected && receipted => {
            screen.line("gateway", format!("{gateway} answers"));
        }
        Ok(()) => {
            screen.line(
                "gateway",
                format!("{gateway} can be reached, but has not answered"),
            );
            screen.fault(
                "the gateway is there and gives the collector no receipts",
                "wait a minute and check again; else ask the operators of kbwatch whether they accept this device's certificate",
            );
        }
        Err(why) => {
            screen.line("gateway", format!("{gateway} cannot be reached"));
            let why = explain(&why);
            screen.fault(why.what, why.remedy);
        }
    }
}
