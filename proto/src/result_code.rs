//! Result codes: every spelling becomes one HRESULT, and every HRESULT a name.
//!
//! Names come from Microsoft's `wuerror.h` and `winerror.h` and, for
//! servicing, from the codes that CBS itself prints with their symbols.

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

/// Bit that marks an HRESULT made from an NTSTATUS (`FACILITY_NT_BIT`).
const NT_BIT: u32 = 0x1000_0000;

/// A 32-bit HRESULT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResultCode(pub u32);

/// What a code usually means for an update, before its context is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It worked.
    Success,
    /// Looks like failure and is not.
    Benign,
    /// Printed on healthy machines all the time.
    Noise,
    /// Harm or noise, depending on who prints it.
    Context,
    /// Done but for a reboot.
    Pending,
    /// Called off.
    Cancelled,
    /// Harm that often heals by itself.
    Transient,
    /// Stands for several inner codes.
    Aggregate,
    /// Consequence of another package's failure.
    Secondary,
    /// Only an inner code of something else.
    Inner,
    /// Belongs to store applications, not to Windows.
    Foreign,
    /// Harm.
    Real,
    /// Not classified: taken as harm where an install ends with it.
    Unclassified,
}

struct Entry {
    symbol: &'static str,
    verdict: Verdict,
}

static CATALOGUE: LazyLock<HashMap<u32, Entry>> = LazyLock::new(|| {
    include_str!("result_codes.tsv")
        .lines()
        .filter_map(parse_entry)
        .collect()
});

fn parse_entry(line: &'static str) -> Option<(u32, Entry)> {
    let mut columns = line.split('\t');
    let code = u32::from_str_radix(columns.next()?, 16).ok()?;
    let symbol = columns.next()?;
    let verdict = match columns.next().unwrap_or_default() {
        "success" => Verdict::Success,
        "benign" => Verdict::Benign,
        "noise" => Verdict::Noise,
        "context" => Verdict::Context,
        "pending" => Verdict::Pending,
        "cancelled" => Verdict::Cancelled,
        "transient" => Verdict::Transient,
        "aggregate" => Verdict::Aggregate,
        "secondary" => Verdict::Secondary,
        "inner" => Verdict::Inner,
        "foreign" => Verdict::Foreign,
        "real" => Verdict::Real,
        _ => Verdict::Unclassified,
    };
    Some((code, Entry { symbol, verdict }))
}

impl ResultCode {
    /// `S_OK`.
    pub const OK: Self = Self(0);

    /// Reads any spelling found in update logs: `0x800f0985`, `800F0985`,
    /// `-2146498171`, `2148468741`, `13` with `decimal_win32`.
    ///
    /// A text without `0x` counts as hexadecimal if it has exactly eight hex
    /// digits and is no plain decimal of ten, else as decimal.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            let sound = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
            return sound
                .then(|| u32::from_str_radix(digits, 16).ok().map(Self))
                .flatten();
        }
        if let Some(digits) = text.strip_prefix('-') {
            let magnitude: u32 = digits.parse().ok()?;
            return Some(Self(0u32.wrapping_sub(magnitude)));
        }
        if text.len() == 8 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return u32::from_str_radix(text, 16).ok().map(Self);
        }
        if text.bytes().all(|b| b.is_ascii_digit()) {
            return text.parse().ok().map(Self);
        }
        None
    }

    /// The HRESULT of a Win32 error: `HRESULT_FROM_WIN32` of `winerror.h`.
    pub fn from_win32(error: u32) -> Self {
        if error == 0 || error & 0x8000_0000 != 0 {
            Self(error)
        } else {
            Self(0x8007_0000 | (error & 0xffff))
        }
    }

    /// Undoes `HRESULT_FROM_NT` and `NTSTATUS_FROM_WIN32`: 0xd015001a becomes
    /// 0xc015001a, 0xc007000d becomes 0x8007000d. Others stay as they are.
    #[must_use]
    pub fn canonical(self) -> Self {
        let status = if self.0 & 0xf000_0000 == 0xd000_0000 {
            self.0 & !NT_BIT
        } else {
            self.0
        };
        if status & 0xffff_0000 == 0xc007_0000 {
            Self(0x8007_0000 | (status & 0xffff))
        } else {
            Self(status)
        }
    }

    /// Whether the severity bit is clear.
    pub fn is_success(self) -> bool {
        self.0 & 0x8000_0000 == 0
    }

    /// The failure that a symbol of Windows stands for, such as
    /// `ERROR_FILE_NOT_FOUND`: the lowest code where several share it.
    pub fn named(symbol: &str) -> Option<Self> {
        let entries = CATALOGUE.iter().filter(|(code, _)| *code >> 31 == 1);
        let named = entries.filter(|(_, entry)| !symbol.is_empty() && entry.symbol == symbol);
        named.map(|(code, _)| *code).min().map(Self)
    }

    /// Name, for example `PSFX_E_APPLY_REVERSE_DELTA_FAILED`.
    pub fn symbol(self) -> Option<&'static str> {
        if self.0 == 0 {
            return Some("S_OK");
        }
        CATALOGUE.get(&self.0).map(|entry| entry.symbol)
    }

    /// What the code usually means for an update.
    pub fn verdict(self) -> Verdict {
        match CATALOGUE.get(&self.0) {
            Some(entry) if entry.verdict == Verdict::Unclassified && self.is_success() => {
                Verdict::Success
            }
            Some(entry) => entry.verdict,
            None if self.is_success() => Verdict::Success,
            None => Verdict::Unclassified,
        }
    }
}

impl fmt::Display for ResultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:08x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_names_its_failure() {
        let found = |symbol| ResultCode::named(symbol).map(|code| code.0);
        assert_eq!(found("ERROR_FILE_NOT_FOUND"), Some(0x8007_0002));
        assert_eq!(found("CBS_E_INSTALLERS_FAILED"), Some(0x800f_0922));
        assert_eq!(found("S_OK"), None);
        assert_eq!(found(""), None);
        assert_eq!(found("NO_SUCH_SYMBOL"), None);
    }

    #[test]
    fn every_spelling_of_one_failure_is_one_code() {
        for spelling in [
            "0x800f0985",
            "0X800F0985",
            "800F0985",
            "-2146498171",
            "2148469125",
        ] {
            let code = ResultCode::parse(spelling);
            assert_eq!(code, Some(ResultCode(0x800f_0985)), "{spelling}");
        }
    }

    #[test]
    fn a_signed_ntstatus_of_a_win32_error_becomes_the_hresult_of_that_error() {
        let code = ResultCode::parse("-1073283059").unwrap();
        assert_eq!(code, ResultCode(0xc007_000d));
        assert_eq!(code.canonical(), ResultCode(0x8007_000d));
        assert_eq!(ResultCode(0xd007_000d).canonical(), ResultCode(0x8007_000d));
        assert_eq!(ResultCode(0xd015_001a).canonical(), ResultCode(0xc015_001a));
    }

    #[test]
    fn texts_that_are_no_codes_are_none() {
        for text in ["", "0x", "-", "S_OK", "0x1234567890", "+5", "--1", "0x+1"] {
            assert_eq!(ResultCode::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_catalogue_knows_the_reverse_delta_failure() {
        let code = ResultCode(0x800f_0985);
        assert_eq!(code.symbol(), Some("PSFX_E_APPLY_REVERSE_DELTA_FAILED"));
        assert_eq!(code.verdict(), Verdict::Real);
        assert_eq!(ResultCode(0x8024_2014).verdict(), Verdict::Pending);
        assert_eq!(ResultCode::from_win32(1058), ResultCode(0x8007_0422));
    }

    #[test]
    fn every_line_of_the_catalogue_is_read() {
        let lines = include_str!("result_codes.tsv").lines().count();
        assert_eq!(CATALOGUE.len(), lines);
    }
}
