//! How raw values of the registry become facts.

/// `CurrentState` of a package that is in effect, in the numbers of servicing.
const INSTALLED: u32 = 0x70;

/// `CurrentState` of a package that comes into effect with the next restart.
const INSTALL_PENDING: u32 = 0x60;

const ROLLUP_PREFIX: &str = "package_for_rollupfix~";

/// Cumulative updates by their state.
#[derive(Debug, Default)]
pub(crate) struct Rollups {
    installed: Option<[u32; 4]>,
    pending: Option<[u32; 4]>,
}

impl Rollups {
    /// Whether a package is a cumulative update.
    pub(crate) fn is_one(package: &str) -> bool {
        package.to_ascii_lowercase().starts_with(ROLLUP_PREFIX)
    }

    /// Takes note of a package, `Package_for_RollupFix~…~~17763.3887.1.6`.
    pub(crate) fn add(&mut self, package: &str, state: u32) {
        let Some(version) = version_of(package) else {
            return;
        };
        match state {
            INSTALLED => self.installed = self.installed.max(Some(version)),
            INSTALL_PENDING => self.pending = self.pending.max(Some(version)),
            _ => {}
        }
    }

    /// Version of the newest one in effect.
    pub(crate) fn installed(&self) -> Option<String> {
        self.installed.map(dotted)
    }

    /// Version of the newest one that waits for a restart.
    pub(crate) fn pending(&self) -> Option<String> {
        self.pending.map(dotted)
    }
}

fn version_of(package: &str) -> Option<[u32; 4]> {
    let mut version = [0; 4];
    let mut parts = package.rsplit('~').next()?.split('.');
    for part in &mut version {
        *part = parts.next()?.parse().ok()?;
    }
    parts.next().is_none().then_some(version)
}

fn dotted(version: [u32; 4]) -> String {
    version.map(|part| part.to_string()).join(".")
}

/// The language that Windows was installed in, from its number in hex.
pub(crate) fn language_of(id: &str) -> String {
    let known = match id.trim().to_ascii_lowercase().as_str() {
        "0804" => "zh-CN",
        "0404" => "zh-TW",
        "0c04" => "zh-HK",
        "0409" => "en-US",
        "0809" => "en-GB",
        "0411" => "ja-JP",
        "0412" => "ko-KR",
        "0407" => "de-DE",
        "040c" => "fr-FR",
        "0c0a" => "es-ES",
        "0416" => "pt-BR",
        "0419" => "ru-RU",
        _ => return id.trim().to_owned(),
    };
    known.to_owned()
}

/// The security product that matters among those listed: Windows' own only
/// where it is alone.
pub(crate) fn product_of(names: &[String]) -> Option<String> {
    let foreign = names.iter().find(|name| !name.contains("Defender"));
    foreign.or_else(|| names.first()).cloned()
}

/// Where a key of `SOFTWARE` lies for 64-bit programs and for 32-bit ones: a
/// 64-bit process sees the latter only by name.
pub(crate) fn both_views(path: &str) -> [String; 2] {
    let rest = path.strip_prefix(r"SOFTWARE\").unwrap_or(path);
    [path.to_owned(), format!(r"SOFTWARE\WOW6432Node\{rest}")]
}

/// Version in the folder of Windows' own protection, which is no installed
/// program: `…\Windows Defender\Platform\4.18.2211.5-0\`.
pub(crate) fn platform_version(folder: &str) -> Option<String> {
    let last = folder.trim_end_matches('\\').rsplit('\\').next()?;
    let version = last.split_once('-').map_or(last, |(version, _)| version);
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_version = version.split('.').count() == 4 && version.split('.').all(is_number);
    is_version.then(|| version.to_owned())
}

/// What sysprep wrote when it sealed the image, `Thu Jan 05 10:12:34 2023`.
pub(crate) fn image_tag_of(lines: &[String]) -> Option<String> {
    let line = lines
        .iter()
        .map(|line| line.trim())
        .find(|line| !line.is_empty())?;
    Some(line.to_owned())
}

/// Whole gigabytes, coarser the more there are, so that daily use is no change
/// of facts.
pub(crate) fn coarse_gb(bytes: u64) -> u64 {
    let gb = bytes / 1_000_000_000;
    match gb {
        0..20 => gb,
        20..100 => gb / 10 * 10,
        _ => gb / 50 * 50,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_cumulative_update_of_each_state_is_told() {
        let mut rollups = Rollups::default();
        let package =
            |version: &str| format!("Package_for_RollupFix~31bf3856ad364e35~amd64~~{version}");
        assert!(Rollups::is_one(&package("1.2.3.4")));
        assert!(!Rollups::is_one(
            "Package_for_KB5020000~31bf3856ad364e35~amd64~~1.0"
        ));
        rollups.add(&package("17763.3887.1.6"), INSTALL_PENDING);
        rollups.add(&package("17763.3770.1.4"), INSTALLED);
        rollups.add(&package("17763.997.1.4"), INSTALLED);
        rollups.add(&package("17763.9999.1.4"), 0x50);
        rollups.add(&package("odd"), INSTALLED);
        assert_eq!(rollups.installed().unwrap(), "17763.3770.1.4");
        assert_eq!(rollups.pending().unwrap(), "17763.3887.1.6");
    }

    #[test]
    fn an_unknown_language_keeps_its_number() {
        assert_eq!(language_of("0804"), "zh-CN");
        assert_eq!(language_of("0C04"), "zh-HK");
        assert_eq!(language_of("041e"), "041e");
    }

    #[test]
    fn windows_own_protection_counts_only_where_it_is_alone() {
        let names = |list: &[&str]| {
            list.iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        let both = names(&["Windows Defender", "AcmeGuard"]);
        assert_eq!(product_of(&both).unwrap(), "AcmeGuard");
        assert_eq!(
            product_of(&names(&["Windows Defender"])).unwrap(),
            "Windows Defender"
        );
        assert_eq!(product_of(&[]), None);
    }

    #[test]
    fn free_space_changes_seldom() {
        assert_eq!(coarse_gb(7_900_000_000), 7);
        assert_eq!(coarse_gb(61_000_000_000), 60);
        assert_eq!(coarse_gb(187_000_000_000), 150);
    }

    #[test]
    fn what_32_bit_programs_registered_is_looked_for_too() {
        assert_eq!(
            both_views(r"SOFTWARE\Microsoft\Security Center\Provider\Av"),
            [
                r"SOFTWARE\Microsoft\Security Center\Provider\Av",
                r"SOFTWARE\WOW6432Node\Microsoft\Security Center\Provider\Av",
            ]
        );
    }

    #[test]
    fn windows_own_protection_says_its_version_by_its_folder() {
        let folder = r"C:\ProgramData\Microsoft\Windows Defender\Platform\4.18.2211.5-0\";
        assert_eq!(platform_version(folder).unwrap(), "4.18.2211.5");
        assert_eq!(
            platform_version(r"C:\Program Files\Windows Defender\"),
            None
        );
        assert_eq!(platform_version(""), None);
    }

    #[test]
    fn an_image_says_when_it_was_sealed() {
        let lines = ["", "Thu Jan 05 10:12:34 2023", ""].map(str::to_owned);
        assert_eq!(image_tag_of(&lines).unwrap(), "Thu Jan 05 10:12:34 2023");
        assert_eq!(image_tag_of(&[]), None);
    }
}
