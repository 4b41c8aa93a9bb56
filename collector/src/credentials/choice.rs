//! Which certificate of a store is this device's.

#[cfg(any(windows, test))]
use x509_parser::prelude::{FromDer, X509Certificate};

/// The certificate whose common name is this one, letter case aside. Of
/// several the one that is valid now and for longest: a renewed one stands
/// beside the one that it follows.
#[cfg(any(windows, test))]
pub(crate) fn of_subject<'a>(
    store: impl Iterator<Item = &'a [u8]>,
    common_name: &str,
    now_s: i64,
) -> Option<usize> {
    let rated = store.enumerate().filter_map(|(at, der)| {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let mut names = certificate.subject().iter_common_name();
        let is_it = names.any(|name| {
            name.as_str()
                .is_ok_and(|name| name.eq_ignore_ascii_case(common_name))
        });
        let validity = certificate.validity();
        let (from, until) = (
            validity.not_before.timestamp(),
            validity.not_after.timestamp(),
        );
        is_it.then_some(((from..=until).contains(&now_s), until, at))
    });
    rated.max().map(|(_, _, at)| at)
}

/// The bytes of a thumbprint as Windows shows it: 40 hexadecimal digits, with
/// or without blanks or colons between them.
pub(crate) fn thumbprint(text: &str) -> Option<[u8; 20]> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|byte| !matches!(byte, b' ' | b':'))
        .collect();
    let mut bytes = [0; 20];
    if digits.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};

    use super::*;

    fn certificate(common_name: &str, from: i32, until: i32) -> Vec<u8> {
        let mut params = CertificateParams::default();
        let name = &mut params.distinguished_name;
        name.push(DnType::OrganizationName, "pc-1");
        name.push(DnType::CommonName, common_name);
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn the_certificate_that_is_valid_longest_is_chosen_by_its_whole_name() {
        let store = [
            certificate("pc-10", 2020, 2040),
            certificate("PC-1", 2020, 2023),
            certificate("pc-1", 2021, 2024),
            certificate("pc-1", 2030, 2040),
            b"no certificate".to_vec(),
        ];
        // In the middle of 2022, and of 2026 when none is valid.
        for (now_s, chosen) in [(1_655_251_200, Some(2)), (1_781_481_600, Some(3))] {
            let found = of_subject(store.iter().map(Vec::as_slice), "Pc-1", now_s);
            assert_eq!(found, chosen);
        }
        assert_eq!(of_subject(store.iter().map(Vec::as_slice), "pc", 0), None);
    }

    #[test]
    fn thumbprints_are_read_as_windows_shows_them() {
        let shown = "00 1a FF 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 7b";
        let bytes = thumbprint(shown).unwrap();
        assert_eq!((bytes[..3].to_vec(), bytes[19]), (vec![0, 0x1a, 0xff], 123));
        for odd in ["", "00", &"g".repeat(40), &"0".repeat(42)] {
            assert_eq!(thumbprint(odd), None, "{odd}");
        }
    }
}
