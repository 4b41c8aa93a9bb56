//! Exports as the real tools write them.

use super::*;

fn names() -> HashMap<String, String> {
    let pair = |name: &str, id: &str| (name.to_owned(), id.to_owned());
    HashMap::from([pair("tlr-0417-01", "tlr-0417-01"), pair("pc-7", "id-7")])
}

fn read(csv: &[u8], mapping: &[(&str, &str)]) -> Vec<(String, String, String)> {
    let mapping = mapping
        .iter()
        .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
    let import = ImportRollout {
        targets: csv.to_vec(),
        mapping: Mapping::of(mapping),
        ..ImportRollout::default()
    };
    let (rows, _) = target_rows(&import, &names()).unwrap();
    let line = |row: TargetRow| (row.device_id, row.ring, row.excluded);
    rows.into_iter().map(line).collect()
}

fn line(device: &str, ring: &str, excluded: &str) -> (String, String, String) {
    (device.to_owned(), ring.to_owned(), excluded.to_owned())
}

fn utf16(text: &str) -> Vec<u8> {
    let units = text.encode_utf16().flat_map(u16::to_le_bytes);
    [0xff, 0xfe].into_iter().chain(units).collect()
}

#[test]
fn a_configmgr_collection_is_read_with_its_name_as_ring() {
    let export = "#TYPE IResultObject#SMS_FullCollectionMembership\r\n\
        \"SmsProviderObjectPath\",\"CollectionID\",\"Domain\",\"Name\",\"ResourceID\",\"SiteCode\"\r\n\
        \"SMS_FullCollectionMembership.CollectionID=\"\"P0100014\"\"\",\"P0100014\",\"BANK\",\"TLR-0417-01\",\"16777220\",\"P01\"\r\n\
        \"SMS_FullCollectionMembership.CollectionID=\"\"P0100014\"\"\",\"P0100014\",\"BANK\",\"PC-7\",\"16777221\",\"P01\"\r\n";
    for bytes in [export.as_bytes().to_vec(), utf16(export)] {
        let read = read(&bytes, &[("ring", "CollectionID")]);
        assert_eq!(
            read,
            [
                line("tlr-0417-01", "p0100014", ""),
                line("id-7", "p0100014", "")
            ]
        );
    }
    // A file per collection: the ring stands on the command line.
    let list = |ring: &str, csv: &str| TargetList {
        ring: ring.to_owned(),
        csv: csv.as_bytes().to_vec(),
    };
    let import = ImportRollout {
        lists: vec![
            list("Ring0", "Name\nPC-7\n"),
            list("ring1", "Name\nPC-8\nPC-7\n"),
        ],
        ..ImportRollout::default()
    };
    let (rows, repeated) = target_rows(&import, &names()).unwrap();
    let rings: Vec<(&str, &str)> = rows
        .iter()
        .map(|row| (row.device_id.as_str(), row.ring.as_str()))
        .collect();
    assert_eq!(
        (rings, repeated),
        (vec![("id-7", "ring0"), ("pc-8", "ring1")], 1)
    );
}

#[test]
fn a_wsus_group_is_read_by_full_domain_names() {
    let export = "\"Id\",\"FullDomainName\",\"IPAddress\",\"RequestedTargetGroupName\",\"LastReportedStatusTime\"\r\n\
        \"5f6a\",\"tlr-0417-01.bank.example\",\"10.4.17.1\",\"柜面 第一批\",\"2023/1/12 9:14:00\"\r\n\
        \"5f6b\",\"new-1.bank.example\",\"10.4.17.2\",\"柜面 第一批\",\"\"\r\n";
    let (gbk, _, _) = encoding_rs::GBK.encode(export);
    let read = read(&gbk, &[]);
    // Nobody has heard of the second: its whole name stays, for later.
    let expected = [
        line("tlr-0417-01", "柜面 第一批", ""),
        line("new-1.bank.example", "柜面 第一批", ""),
    ];
    assert_eq!(read, expected);
}

#[test]
fn an_active_directory_unit_is_the_ring_and_a_disabled_account_is_no_target() {
    let export = "#TYPE Microsoft.ActiveDirectory.Management.ADComputer\r\n\
        \"DistinguishedName\",\"DNSHostName\",\"Enabled\",\"Name\",\"SamAccountName\"\r\n\
        \"CN=TLR-0417-01,OU=Tellers\\, first,OU=Branch 0417,DC=bank,DC=example\",\"tlr-0417-01.bank.example\",\"True\",\"TLR-0417-01\",\"TLR-0417-01$\"\r\n\
        \"CN=PC-7,OU=Desks,OU=Branch 0417,DC=bank,DC=example\",,\"False\",\"PC-7\",\"PC-7$\"\r\n";
    let read_by = |mapping: &[(&str, &str)]| read(export.as_bytes(), mapping);
    let off = "account disabled in the directory";
    let nearest = [
        line("tlr-0417-01", "tellers, first", ""),
        line("id-7", "desks", off),
    ];
    assert_eq!(read_by(&[("ring", "OU")]), nearest);
    let above = [
        line("tlr-0417-01", "branch 0417", ""),
        line("id-7", "branch 0417", off),
    ];
    assert_eq!(
        read_by(&[("ring", "OU2"), ("device", "SamAccountName")]),
        above
    );
    assert_eq!(read_by(&[("ring", "OU9")])[0].1, "");
}

#[test]
fn an_account_of_a_domain_leads_to_its_device() {
    for named in ["BANK\\PC-7$", "pc-7.bank.example", " PC-7 ", "pc-7"] {
        assert_eq!(resolve(named, &names()), "id-7", "{named}");
    }
    assert_eq!(resolve("Nobody.x", &names()), "nobody.x");
}

#[test]
fn a_difference_counts_who_comes_goes_and_moves() {
    let row = |id: &str, ring: &str, excluded: &str| TargetRow {
        rollout: String::new(),
        import_id: String::new(),
        device_id: id.to_owned(),
        ring: ring.to_owned(),
        excluded: excluded.to_owned(),
    };
    let before = [
        row("a", "ring0", ""),
        row("b", "ring0", ""),
        row("c", "ring1", ""),
    ];
    let after = [
        row("a", "ring0", "x"),
        row("b", "ring0", ""),
        row("d", "ring1", ""),
    ];
    let found = difference(&before, &after);
    assert_eq!((found.added, found.removed, found.changed), (1, 1, 1));
    assert_eq!(
        found.some,
        ["~ a ring0 -> ring0 (excluded)", "+ d ring1", "- c ring1"]
    );
}
