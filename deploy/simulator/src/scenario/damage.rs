//! What is broken in the bad image, and what holds it whole.

use crate::plan::{DamagedFile, Depot};

/// Two files of one golden image; versions no newer than the level before the
/// current update, so that a healthy device of that level holds them.
pub(super) fn damage() -> Vec<DamagedFile> {
    let file = |assembly: &str, shortened: &str, file: &str, version: &str, hashes: [&str; 3]| {
        DamagedFile {
            arch: "amd64".to_owned(),
            assembly: assembly.to_owned(),
            file: file.to_owned(),
            component_version: version.to_owned(),
            component: format!(
                "amd64_{shortened}_31bf3856ad364e35_{version}_none_{}",
                hashes[0]
            ),
            hash_expected: hashes[1].to_owned(),
            hash_actual: hashes[2].to_owned(),
        }
    };
    vec![
        file(
            "microsoft-windows-printspooler-counterservices-core",
            "microsoft-windows-p..unterservices-core",
            "localspl.dll",
            "10.0.17763.3650",
            [
                "5d1c07ae93f2b864",
                "3f0be1c2a97d4485606cf1b7e29ad35871c40f9be6d2835a104b7fc9de6218a3",
                "c1a74e90d35b26f8820d4eaf79136bc5e04f92d7183ab6c5f0971e4d2ab386cf",
            ],
        ),
        file(
            "microsoft-windows-gdi32full",
            "microsoft-windows-gdi32full",
            "gdi32full.dll",
            "10.0.17763.3770",
            [
                "a90e4c6b1f7d2835",
                "92d8a6f40b7c15e3dd6e20b9473f81ca5be06d94f7a218c3306f5eb9184dc7a2",
                "07c5e92bd148f36a4f9ab0d3c5827e61b39df047a6e8125cd4f071b9e3862adc",
            ],
        ),
    ]
}

pub(super) fn depots() -> Vec<Depot> {
    ["zh-CN", "en-US"]
        .into_iter()
        .map(|language| {
            let folder = language.to_lowercase();
            Depot {
                name: format!("depot-17763.3770-{folder}"),
                path: format!(r"\\repair.bank.example\store$\17763.3770\{folder}\WinSxS"),
                build: "17763.3770".to_owned(),
                edition: "EnterpriseS".to_owned(),
                language: language.to_owned(),
            }
        })
        .collect()
}
