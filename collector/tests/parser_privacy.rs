//! Nobody is named by what leaves a device: generated names and accounts, in
//! lines of every kind that tell something.

use kbwatch_collector::parse::{FileKind, Origin, TextParser};
use kbwatch_proto::event::UpdateEvent;
use proptest::prelude::*;

/// Lines of every kind that tell something and hold a path and an account.
const PRIVATE_LINES: &[(FileKind, &str)] = &[
    (
        FileKind::Cbs,
        "2023-01-11 09:00:00, Info                  CBS    Startup: Failed for PATH of ACCOUNT \
         [HRESULT = 0x80070005 - E_ACCESSDENIED]\r\n\
         2023-01-11 09:00:01, Info                  CSI    00000001 [SR] Could not reproject \
         corrupted file PATH ACCOUNT; source file in store is also corrupted\r\n",
    ),
    (
        FileKind::Dism,
        "2023-01-11 09:00:00, Info                  DISM   DISM.EXE: Executing command line: \
         dism /online /add-package /packagepath:PATH /user:ACCOUNT\r\n\
         2023-01-11 09:00:01, Error                 DISM   Failed on PATH for ACCOUNT \
         - CPackage::AddPackage(hr:0x80070005)\r\n",
    ),
    (
        FileKind::WuDecoded,
        "2023/01/11 09:00:00.1234567 1 2 Agent  Title = PATH ACCOUNT (KB5022286)\r\n",
    ),
    (
        FileKind::WuLegacy,
        "2023-01-11\t09:00:00:120\t 648\t1a4\tHandler\tFATAL: CBS called Error with \
         0x800f0831 PATH ACCOUNT\r\n",
    ),
    (
        FileKind::EventXml,
        "<Event><System><Provider Name='Microsoft-Windows-WindowsUpdateClient'/>\
         <EventID>20</EventID><EventRecordID>1</EventRecordID></System><EventData>\
         <Data Name='updateTitle'>PATH ACCOUNT</Data></EventData></Event>",
    ),
    (
        FileKind::EventRendered,
        "Installation Failure: Windows failed to install the following update with error \
         0x80070005: PATH ACCOUNT.\r\n",
    ),
    (
        FileKind::ConfigMgr,
        "Scan failed with error = 0x8024401c. PATH ACCOUNT   WUAHandler\r\n",
    ),
    (
        FileKind::CheckSur,
        "(f)\tCSI Payload File Missing\t0x80070002\tPATH\tACCOUNT\r\n",
    ),
    (
        FileKind::Panther,
        "2023-01-11 09:10:01, Error                 SP     Operation failed: Copy PATH \
         ACCOUNT. Error: 0x8007042B\r\n",
    ),
    (
        FileKind::Systeminfo,
        "OS Name: Microsoft Windows PATH ACCOUNT\r\n",
    ),
];

fn read(kind: FileKind, bytes: &[u8]) -> Vec<UpdateEvent> {
    let origin = Origin {
        device_id: "pc-1".to_owned(),
        log: "log".to_owned(),
    };
    let mut parser = TextParser::new(kind, origin).with_noise(true);
    let mut events = Vec::new();
    parser.feed(bytes, &mut events);
    parser.finish(&mut events);
    events
}

/// Found by fuzzing: fields that a grammar takes as they are named a user.
#[test]
fn no_field_names_a_user_whatever_it_was_read_from() {
    let element = br#"<Event><System><Provider Name='Microsoft-Windows-WindowsUpdateClient'/>
        <EventID>19</EventID><EventRecordID>1</EventRecordID><Channel>System</Channel></System>
        <EventData><Data Name='updateTitle'>"C:\Users\wang\kb5022286.msu" S-1-5-21-1-2-3-1001</Data>
        </EventData></Event>"#;
    let list = b"Host Name: PC-1\r\nOS Name: Microsoft Windows 10 C:\\Users\\wang\r\n";
    for (kind, bytes) in [
        (FileKind::EventXml, &element[..]),
        (FileKind::Systeminfo, list),
    ] {
        let events = read(kind, bytes);
        assert!(!events.is_empty());
        for event in events {
            let said = format!("{event:?}");
            assert!(!said.contains("wang") && !said.contains("1001"), "{said}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nobody_is_named_whatever_line_holds_the_name(
        name in "[A-Z][a-z]{4,9}( [A-Z]'[A-Z][a-z]{4,9})?",
        file in "[A-Z][a-z]{5,12} [A-Z][a-z]{5,12}",
        account in "S-1-5-21-[1-9][0-9]{8}-[0-9]{9}-[0-9]{9}-[1-9][0-9]{3}",
        home in prop::sample::select(&[r"C:\Users", r"C:\DOCUME~1", r"\\bank\home$"][..]),
    ) {
        let path = format!("{home}\\{name}\\AppData\\{file}.dll");
        for (kind, lines) in PRIVATE_LINES {
            let text = lines.replace("PATH", &path).replace("ACCOUNT", &account);
            let events = read(*kind, text.as_bytes());
            prop_assert!(!events.is_empty(), "{}: {}", kind, text);
            let said = format!("{events:?}");
            for secret in [&name, &file, &account] {
                prop_assert!(!said.contains(secret.as_str()), "{}: {}", kind, said);
            }
        }
    }

    #[test]
    fn accounts_passwords_and_documents_stay_whatever_line_holds_them(
        name in "[a-z]{6,12}",
        password in "[A-Za-z]{4,8}/?[A-Za-z]{4,8}",
        title in "[A-Z][a-z]{5,12} [A-Z][a-z]{5,12}",
        kind in prop::sample::select(&["xlsx", "docx", "pdf", "PDF", "msg"][..]),
    ) {
        for (log, lines) in PRIVATE_LINES {
            let secret = format!(
                "user BANK\\{name} via http://{name}:{password}@proxy D:\\Data\\{title}.{kind}"
            );
            let text = lines.replace("PATH", &secret).replace("ACCOUNT", "S-1-5-18");
            let events = read(*log, text.as_bytes());
            let said = format!("{events:?}");
            for secret in [&name, &password, &title] {
                prop_assert!(!said.contains(secret.as_str()), "{}: {}", log, said);
            }
        }
    }
}
