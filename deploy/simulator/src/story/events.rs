//! Records of the event log: update client, servicing, power.

use kbwatch_proto::words::{EventResult, SourceKind};

use super::{EventRecord, Expected, Story, What};
use crate::plan::Kb;
use crate::truth::hex;

const UPDATE_CLIENT: &str =
    "Name='Microsoft-Windows-WindowsUpdateClient' Guid='{945a8954-c147-4acd-923f-40c45405a658}'";
const SERVICING: &str =
    "Name='Microsoft-Windows-Servicing' Guid='{bd12f3b8-fc40-4a61-a307-b7a013a069c1}'";
const WUSA: &str = "Name='Microsoft-Windows-WUSA' Guid='{09608c12-c1da-4104-a6fe-b959cf57560a}'";
const KERNEL: &str =
    "Name='Microsoft-Windows-Kernel-General' Guid='{a68ca8b7-004f-d7b6-a698-07e2de0f1f5d}'";
const EVENT_LOG: &str = "Name='EventLog'";
const USER32: &str =
    "Name='User32' Guid='{b0aa8734-56f7-41cc-b2f4-de228e98b946}' EventSourceName='User32'";
const OPERATIONAL: &str = "Microsoft-Windows-WindowsUpdateClient/Operational";
/// Service id of an update server of one's own.
const WSUS_SERVICE: &str = "{3da21691-e39d-4da6-8a4b-b43877bcb1b7}";

/// What the update client says of an update: title, id and revision.
pub(crate) struct Offer {
    pub(crate) kb: String,
    pub(crate) title: String,
    pub(crate) guid: String,
    pub(crate) revision: u32,
}

impl Offer {
    pub(crate) fn of(kb: &Kb, language: &str) -> Self {
        Self {
            kb: kb.number.to_owned(),
            title: kb.title(language),
            guid: kb.guid.to_owned(),
            revision: kb.revision,
        }
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        vec![
            ("updateTitle", self.title.clone()),
            ("updateGuid", format!("{{{}}}", self.guid)),
            ("updateRevisionNumber", self.revision.to_string()),
        ]
    }

    fn expected(&self, result: EventResult, hresult: Option<u32>) -> Expected {
        Expected {
            source: SourceKind::EventLog,
            result,
            kb: self.kb.clone(),
            hresult,
            file: String::new(),
        }
    }
}

fn update_client(
    id: u32,
    level: u8,
    keywords: &'static str,
    fields: Vec<(&'static str, String)>,
) -> EventRecord {
    EventRecord {
        provider: UPDATE_CLIENT,
        id,
        version: 1,
        level,
        keywords,
        channel: "System",
        template: "EventData",
        fields,
    }
}

impl Story<'_> {
    /// 44, download started.
    pub(crate) fn download_starts(&mut self, at_ms: i64, offer: &Offer) {
        let record = update_client(44, 4, "0x8000000000002004", offer.fields());
        self.tell(at_ms, What::Event(record));
    }

    /// 41, downloaded.
    pub(crate) fn downloaded(&mut self, at_ms: i64, offer: &Offer) {
        let mut record = update_client(41, 4, "0x4000000000000014", offer.fields());
        record.channel = OPERATIONAL;
        let expected = offer.expected(EventResult::Success, None);
        self.tell_expecting(at_ms, What::Event(record), expected);
    }

    /// 31, download failed.
    pub(crate) fn download_fails(&mut self, at_ms: i64, offer: &Offer, hresult: u32) {
        let mut fields = offer.fields();
        fields.insert(1, ("errorCode", hex(hresult)));
        let mut record = update_client(31, 2, "0x4000000000000024", fields);
        record.channel = OPERATIONAL;
        let expected = offer.expected(EventResult::Fail, Some(hresult));
        self.tell_expecting(at_ms, What::Event(record), expected);
    }

    /// 43, install started.
    pub(crate) fn install_starts(&mut self, at_ms: i64, offer: &Offer) {
        let record = update_client(43, 4, "0x8000000000002008", offer.fields());
        self.tell(at_ms, What::Event(record));
    }

    /// 19, installed.
    pub(crate) fn install_succeeds(&mut self, at_ms: i64, offer: &Offer) {
        let mut fields = offer.fields();
        fields.push(("serviceGuid", WSUS_SERVICE.to_owned()));
        let record = update_client(19, 4, "0x8000000000000018", fields);
        let expected = offer.expected(EventResult::Success, None);
        self.tell_expecting(at_ms, What::Event(record), expected);
    }

    /// 20, install ended with a code; `result` says what that code means.
    pub(crate) fn install_ends(
        &mut self,
        at_ms: i64,
        offer: &Offer,
        hresult: u32,
        result: EventResult,
    ) {
        let mut fields = offer.fields();
        fields.insert(0, ("errorCode", hex(hresult)));
        fields.push(("serviceGuid", WSUS_SERVICE.to_owned()));
        let record = update_client(20, 2, "0x8000000000000028", fields);
        let expected = offer.expected(result, Some(hresult));
        self.tell_expecting(at_ms, What::Event(record), expected);
    }

    /// Servicing 1, a package is to change.
    pub(crate) fn package_initiates(&mut self, at_ms: i64, kb: &Kb, client: &str) {
        let fields = vec![
            ("PackageIdentifier", kb.number.to_owned()),
            ("InitialPackageState", "5000".to_owned()),
            ("InitialPackageStateTextized", "Absent".to_owned()),
            ("IntendedPackageState", "5112".to_owned()),
            ("IntendedPackageStateTextized", "Installed".to_owned()),
            ("Client", client.to_owned()),
        ];
        self.tell(
            at_ms,
            What::Event(servicing(1, "CbsPackageInitiateChanges", fields)),
        );
    }

    /// Servicing 2, 3 or 4: changed, failed, waits for a reboot.
    pub(crate) fn package_changes(&mut self, at_ms: i64, kb: &Kb, id: u32, hresult: u32) {
        let fields = vec![
            ("PackageIdentifier", kb.number.to_owned()),
            ("IntendedPackageState", "5112".to_owned()),
            ("IntendedPackageStateTextized", "Installed".to_owned()),
            ("ErrorCode", format!("0x{hresult:x}")),
            ("Client", "UpdateAgentLCU".to_owned()),
        ];
        let result = match id {
            2 => EventResult::Success,
            3 => EventResult::Fail,
            _ => EventResult::PendingReboot,
        };
        let expected = Expected {
            source: SourceKind::EventLog,
            result,
            kb: kb.number.to_owned(),
            hresult: Some(hresult),
            file: String::new(),
        };
        let record = servicing(id, "CbsPackageChangeState", fields);
        self.tell_expecting(at_ms, What::Event(record), expected);
    }

    /// Windows shuts down and, unless it stays dark, boots again.
    pub(crate) fn reboots(&mut self, at_ms: i64, back_at_ms: Option<i64>) {
        let reason = vec![
            (
                "param1",
                r"C:\Windows\servicing\TrustedInstaller.exe".to_owned(),
            ),
            ("param2", self.device.hostname.clone()),
            ("param3", "Operating System: Upgrade (Planned)".to_owned()),
            ("param5", "restart".to_owned()),
        ];
        self.tell(at_ms, What::Event(system(USER32, 1074, reason)));
        self.tell(
            at_ms + 900,
            What::Event(system(EVENT_LOG, 6006, Vec::new())),
        );
        let stop = vec![("StopTime", self.stamp(at_ms + 1_400))];
        self.tell(at_ms + 1_500, What::Event(system(KERNEL, 13, stop)));
        let Some(back) = back_at_ms else {
            return;
        };
        let build = self.device.build.to_string();
        let start = vec![
            ("MajorVersion", "10".to_owned()),
            ("MinorVersion", "0".to_owned()),
            ("BuildVersion", build),
            ("StartTime", self.stamp(back)),
        ];
        self.tell(back, What::Event(system(KERNEL, 12, start)));
        self.tell(
            back + 6_000,
            What::Event(system(EVENT_LOG, 6009, Vec::new())),
        );
        self.tell(
            back + 6_100,
            What::Event(system(EVENT_LOG, 6005, Vec::new())),
        );
    }

    /// WUSA 3: an installer file that does not apply.
    pub(crate) fn wusa_not_applicable(&mut self, at_ms: i64, kb: &str) {
        let fields = vec![
            ("UpdateTitle", format!("Security Update for Windows ({kb})")),
            ("ErrorCode", 0x8024_0017_u32.to_string()),
            (
                "ErrorString",
                "The update is not applicable to your computer.".to_owned(),
            ),
            (
                "CommandLine",
                format!(
                    r"wusa.exe D:\patch\windows10.0-{}-x64.msu /quiet /norestart",
                    kb.to_lowercase()
                ),
            ),
        ];
        let record = EventRecord {
            provider: WUSA,
            id: 3,
            version: 0,
            level: 2,
            keywords: "0x8000000000000000",
            channel: "Setup",
            template: "EventData",
            fields,
        };
        let expected = Expected {
            source: SourceKind::EventLog,
            result: EventResult::NotApplicable,
            kb: kb.to_owned(),
            hresult: Some(0x8024_0017),
            file: String::new(),
        };
        self.tell_expecting(at_ms, What::Event(record), expected);
    }
}

fn servicing(id: u32, template: &'static str, fields: Vec<(&'static str, String)>) -> EventRecord {
    EventRecord {
        provider: SERVICING,
        id,
        version: 0,
        level: 0,
        keywords: "0x8000000000000000",
        channel: "Setup",
        template,
        fields,
    }
}

fn system(provider: &'static str, id: u32, fields: Vec<(&'static str, String)>) -> EventRecord {
    EventRecord {
        provider,
        id,
        version: 0,
        level: 4,
        keywords: "0x80000000000000",
        channel: "System",
        template: "EventData",
        fields,
    }
}
