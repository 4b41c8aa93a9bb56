//! Who is revoked stays revoked, and nobody else is.

use super::*;

#[test]
fn a_list_keeps_who_was_revoked_before() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::create("test").unwrap();
    let own = Own::of(&authority).unwrap();
    let list = authority.revoke(folder.path(), &[]).unwrap();
    assert!(own.listed(&list).unwrap().is_empty());
    for device in ["pc-1", "pc-2"] {
        let device = authority.device(device).unwrap();
        for _ in 0..2 {
            authority
                .revoke(folder.path(), &[&device.cert_pem])
                .unwrap();
        }
    }
    assert_eq!(own.listed(&list).unwrap().len(), 2);
}

#[test]
fn many_who_revoke_at_once_lose_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::create("test").unwrap();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let (authority, folder) = (&authority, folder.path());
            scope.spawn(move || {
                let device = authority.device(&format!("pc-{number}")).unwrap();
                authority.revoke(folder, &[&device.cert_pem]).unwrap();
            });
        }
    });
    let own = Own::of(&authority).unwrap();
    let listed = own.listed(&folder.path().join("crl.pem")).unwrap();
    assert_eq!(listed.len(), 8);
}

#[test]
fn a_device_is_revoked_with_all_its_certificates_though_nobody_has_them() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::load_or_create(folder.path()).unwrap();
    let tokens = Tokens::open(folder.path()).unwrap();
    let (now, day) = (SystemTime::now(), Duration::from_hours(24));
    let fresh = tokens.give_out("pc-1", None, now, day).unwrap();
    let mut serials = Vec::new();
    for id in ["pc-1", "PC-1", "pc-2"] {
        let made = authority.device(id).unwrap();
        serials.push(
            Own::of(&authority)
                .unwrap()
                .serial_of(&made.cert_pem)
                .unwrap(),
        );
    }
    let again = Authority::load(folder.path()).unwrap();
    let (list, count) = again.revoke_device(folder.path(), "pc-1").unwrap();
    assert_eq!(count, 2);
    let listed = Own::of(&again).unwrap().listed(&list).unwrap();
    let listed: Vec<_> = listed.into_iter().map(|one| one.serial_number).collect();
    assert_eq!(listed, serials[..2]);
    let refused = tokens.use_up((&fresh, ""), "key", now, |_| Ok(String::new()));
    assert!(refused.is_err(), "it enrols again");
    let nobody = again.revoke_device(folder.path(), "pc-3");
    assert!(matches!(nobody, Err(PkiError::NeverIssued { .. })));
}

#[test]
fn what_is_signed_is_valid_for_years_and_not_for_ever() {
    let authority = Authority::create("test").unwrap();
    let days = |pem: &str| {
        let span = |certificate: &X509Certificate<'_>| {
            let validity = certificate.validity();
            (validity.not_after.timestamp() - validity.not_before.timestamp()) / 86_400
        };
        with_certificate(pem, span).unwrap()
    };
    assert_eq!(days(authority.cert_pem()), 3_650);
    assert_eq!(days(&authority.device("pc-1").unwrap().cert_pem), 730);
    let authority = authority.valid_for(VALIDITY * 2);
    let made = authority.server(&["localhost"]).unwrap();
    assert_eq!(days(&made.cert_pem), 3_650, "not longer than the authority");
}

#[test]
fn what_is_no_certificate_is_not_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::create("test").unwrap();
    assert!(authority.revoke(folder.path(), &["pc-1"]).is_err());
}

#[test]
fn an_authority_that_was_taken_up_again_extends_its_own_list() {
    let folder = tempfile::tempdir().unwrap();
    let first = Authority::load_or_create(folder.path()).unwrap();
    let device = first.device("pc-1").unwrap();
    first.revoke(folder.path(), &[&device.cert_pem]).unwrap();
    let again = Authority::load(folder.path()).unwrap();
    let other = again.device("pc-2").unwrap();
    let list = again.revoke(folder.path(), &[&other.cert_pem]).unwrap();
    assert_eq!(Own::of(&first).unwrap().listed(&list).unwrap().len(), 2);
}

#[test]
fn a_certificate_of_another_authority_of_the_same_name_is_not_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::create("test").unwrap();
    let device = Authority::create("test").unwrap().device("pc-1").unwrap();
    let refused = authority.revoke(folder.path(), &[&device.cert_pem]);
    assert!(matches!(refused, Err(PkiError::Foreign { .. })));
    assert!(!folder.path().join("crl.pem").exists());
}

#[test]
fn a_list_that_is_not_ours_alone_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::create("test").unwrap();
    let list = authority.revoke(folder.path(), &[]).unwrap();
    let own = fs::read_to_string(&list).unwrap();
    let foreign = Authority::create("test").unwrap().list(Vec::new()).unwrap();
    for text in [format!("{own}{foreign}"), foreign] {
        fs::write(&list, &text).unwrap();
        assert!(authority.revoke(folder.path(), &[]).is_err());
        assert_eq!(fs::read_to_string(&list).unwrap(), text);
    }
}
