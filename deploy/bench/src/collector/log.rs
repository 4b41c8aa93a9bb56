//! A CBS.log as servicing writes it: sessions of many records of no consequence
//! and a few that matter, some over several lines.

/// Packages of a session; each says a dozen things about itself.
const PACKAGES: u32 = 60;

/// One session's text; no two sessions have a line in common.
pub(crate) fn session(seed: u64, number: u32) -> String {
    let (day, hour, minute) = (1 + number / 1440 % 28, number / 60 % 24, number % 60);
    let month = 1 + number / 40_320 % 12;
    let id = format!("{}_{}", 31_000_000 + seed % 1_000, 1_000 + number);
    let head = |second: u32| {
        format!(
            "2026-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}, Info                  "
        )
    };
    let packages = (0..PACKAGES).map(|package| {
        let name = format!(
            "Microsoft-Windows-Feature{package}-Package~31bf3856ad364e35~amd64~~10.0.17763.{number}"
        );
        about_package(&head(package), &name, number, package)
    });
    let outcome = if number.is_multiple_of(5) {
        "[HRESULT = 0x800f0985 - PSFX_E_APPLY_REVERSE_DELTA_FAILED]"
    } else {
        "[HRESULT = 0x00000000 - S_OK]"
    };
    let verdict = format!(
        "{}CBS    Exec: Processing complete.  Session: {id}, \
         Package: Package_for_RollupFix~31bf3856ad364e35~amd64~~17763.3887.1.{number}, \
         Identifier: KB5022286 {outcome}\r\n",
        head(59)
    );
    packages.collect::<String>() + &verdict
}

fn about_package(head: &str, name: &str, number: u32, package: u32) -> String {
    let detect = |step: u32| {
        format!(
            "{head}CBS    Appl: detect Parent, Package: {name}, \
             Parent: Microsoft-Windows-Foundation-Package~31bf3856ad364e35~amd64~~10.0.17763.1, \
             Disposition = Detect, VersionComp: EQ, step {step}\r\n\
             {head}CBS    Appl: Evaluating package applicability for package {name}, \
             applicable state: Installed\r\n"
        )
    };
    let plan = format!(
        "{head}CSI    {number:08x}@2026/1/1:00:00:00.{package:03} CSI Transaction \
         @0x1c2d3e4f{package:04x} initialized for deployment engine \n    with {name}\n    \
         and nothing else\r\n\
         {head}CBS    Plan: Skipping package since it is already in the correct state: {name}, \
         current: Installed, targeted: Installed\r\n"
    );
    (0..6).map(detect).collect::<String>() + &plan
}
