//! Messages of servicing in English: what became of a package.

use kbwatch_proto::words::{EventResult, Phase};

use super::{Provider, Said};
use crate::parse::scan;

/// Messages on packages and on the features in them.
pub(super) fn of_servicing(line: &str) -> Option<Said<'_>> {
    if let Some(at) = line.find("Initiating changes for package ") {
        return Some(began(&line[at..]));
    }
    if let Some(at) = line.find("A reboot is necessary before package ") {
        let text = &line[at..];
        let rest = &text["A reboot is necessary before package ".len()..];
        let mut said = package_said(EventResult::PendingReboot, text, rest);
        said.number = 4;
        return Some(said);
    }
    let at = line.find("Package ")?;
    let text = &line[at..];
    let rest = &text["Package ".len()..];
    let mut said = if rest.contains(" was successfully changed to the ") {
        let mut said = package_said(EventResult::Success, text, rest);
        said.number = 2;
        said
    } else if rest.contains(" failed to be changed to the ") {
        let mut said = package_said(EventResult::Fail, text, rest);
        said.number = 3;
        let status = rest.split_once("Status: ").map(|(_, code)| code.as_bytes());
        said.set_code(status.and_then(scan::code));
        said
    } else {
        return None;
    };
    if matches!(
        said.states.1,
        "Absent" | "Uninstall Pending" | "Uninstalled"
    ) {
        said.phase = Phase::Uninstall;
    }
    Some(said)
}

/// `KB1 … changed to the Installed state …`.
fn package_said<'a>(result: EventResult, text: &'a str, rest: &'a str) -> Said<'a> {
    let mut said = Said::new(Provider::Servicing, Phase::Install, result, text);
    said.package = rest.split(' ').next().unwrap_or_default();
    if let Some((_, state)) = rest.split_once("changed to the ") {
        said.states.1 = state.split(" state").next().unwrap_or_default();
    }
    said
}

/// `Initiating changes for package P. Current state is A. Target state is B.
/// Client id: C.`
fn began(text: &str) -> Said<'_> {
    let rest = &text["Initiating changes for package ".len()..];
    let mut said = Said::new(
        Provider::Servicing,
        Phase::Install,
        EventResult::Start,
        text,
    );
    said.number = 1;
    said.package = rest.split(". ").next().unwrap_or_default();
    let part = |mark: &str| {
        let value = rest.split_once(mark).map_or("", |(_, value)| value);
        value.split('.').next().unwrap_or_default()
    };
    said.states = (part("Current state is "), part("Target state is "));
    said.client = part("Client id: ");
    if matches!(said.states.1, "Absent" | "Uninstalled") {
        said.phase = Phase::Uninstall;
    }
    said
}
