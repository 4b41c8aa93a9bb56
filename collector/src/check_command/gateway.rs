//! Whether the gateway can be reached from here.

use std::io;

use super::screen::Screen;
use crate::config::CollectorConfig;
use crate::send;
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
            let (what, remedy) = explain(&why);
            screen.fault(what, remedy);
        }
    }
}

/// Why a connection failed, and what to do, in plain words.
fn explain(why: &str) -> (String, &'static str) {
    let lower = why.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if has(&["dns", "lookup", "name or service", "no such host", "11001"]) {
        let what = "the gateway's name is not known on this network".to_owned();
        return (
            what,
            "check the key gateway of the configuration, and this machine's DNS",
        );
    }
    if has(&["connection refused", "actively refused", "10061"]) {
        let what = "the gateway's machine refuses the connection".to_owned();
        return (
            what,
            "check the port in the key gateway; ask whether the gateway runs",
        );
    }
    if has(&["no answer in time", "timed out", "timeout", "unreachable"]) {
        let what = "nothing answers at the gateway's address".to_owned();
        return (
            what,
            "check network, firewall and proxy between this machine and the gateway",
        );
    }
    if has(&["unknownissuer", "unknown issuer"]) {
        let what = "the gateway shows a certificate of an authority that is not trusted".to_owned();
        return (
            what,
            "check tls.ca; where it is right, something between here and the gateway opens TLS",
        );
    }
    if has(&["notvalidforname", "not valid for name"]) {
        let what = "the gateway's certificate is for another name".to_owned();
        return (
            what,
            "write the gateway's name as its certificate states it into the key gateway",
        );
    }
    if has(&["expired", "notvalidyet", "not valid yet"]) {
        let what = "the gateway's certificate is not valid now".to_owned();
        return (
            what,
            "check this machine's clock; else tell the operators of kbwatch",
        );
    }
    (
        format!("no connection: {why}"),
        "tell the operators of kbwatch",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_connection_is_told_in_plain_words() {
        let refused = "transport error: tcp connect error: Connection refused (os error 111)";
        assert!(explain(refused).0.contains("refuses"));
        let foreign = "transport error: invalid peer certificate: UnknownIssuer";
        assert!(explain(foreign).1.contains("tls.ca"));
        let odd = explain("the moon is full");
        assert!(odd.0.contains("the moon is full"));
    }
}
