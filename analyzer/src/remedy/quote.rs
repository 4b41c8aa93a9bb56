//! Text from logs, facts and lists goes into a command only if a strict
//! grammar knows it; anything else is left out, never escaped.
//!
//! PowerShell evaluates `$name` and `$(…)` inside double quotes. A `$` is let
//! through at the end of a name only, as in the share `c$`: what follows it
//! there is a backslash or the closing quote, and neither begins a name.

/// A host name as DNS and `NetBIOS` allow it.
pub(crate) fn host(name: &str) -> Option<&str> {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    (name.len() <= 253 && name.split('.').all(label)).then_some(name)
}

/// A folder: `\\server\share\…` or `X:\…`, of harmless characters, without `..`.
pub(crate) fn folder(path: &str) -> Option<&str> {
    let path_body = if let Some(unc) = path.strip_prefix(r"\\") {
        let (server, share) = unc.split_once('\\')?;
        host(server)?;
        share
    } else {
        let mut letters = path.chars();
        let drive = letters.next()?.is_ascii_alphabetic() && letters.next()? == ':';
        (drive && letters.next()? == '\\').then_some(())?;
        letters.as_str()
    };
    let sound = path.len() <= 200
        && !path_body.is_empty()
        && path_body.split('\\').all(|part| segment(part).is_some());
    sound.then_some(path)
}

/// One name in a path.
pub(crate) fn segment(name: &str) -> Option<&str> {
    let harmless = |b: u8| b.is_ascii_alphanumeric() || b"._-() +".contains(&b);
    let plain = name.strip_suffix('$').unwrap_or(name);
    let sound = !plain.is_empty()
        && name.len() <= 160
        && !name.starts_with([' ', '-'])
        && !name.ends_with([' ', '.'])
        && name != ".."
        && plain.bytes().all(harmless);
    sound.then_some(name)
}

/// A file inside a component, possibly with folders.
pub(crate) fn file(path: &str) -> Option<&str> {
    let sound = !path.is_empty() && path.split('\\').all(|part| segment(part).is_some());
    sound.then_some(path)
}

/// A SHA-256 in hex, as newer Windows prints it.
pub(crate) fn sha256(hash: &str) -> Option<&str> {
    (hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit())).then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_never_reaches_a_command() {
        for text in [
            "pc1\" & calc",
            "pc1;calc",
            "$(calc)",
            "pc`1",
            "%TEMP%",
            "pc 1",
            "",
            "-pc",
            "pc'1",
            "银行",
        ] {
            assert_eq!(host(text), None, "{text}");
        }
        for text in [
            r#"\\srv\share" /Remove"#,
            r"\\srv\..\c$",
            r"\\srv",
            r"C:relative",
            r"\\srv\a&b",
            r"\\srv\a%b%",
            r"\\srv\a^b",
            r"\\sr v\share",
            r"\\srv\$(calc)\Windows",
            r"\\srv\repair$(calc)\Windows",
            r"\\srv\$env:x\Windows",
            r"\\srv\a$b",
            r"\\srv\a$$",
            r"\\srv\$",
            r"\\srv\a`b",
            r"D:\$(calc)",
            "/etc/passwd",
        ] {
            assert_eq!(folder(text), None, "{text}");
        }
        for text in ["$(calc).dll", r"r\$x.dll", "a'b.dll", "a;b.dll"] {
            assert_eq!(file(text), None, "{text}");
        }
    }

    #[test]
    fn ordinary_names_pass() {
        assert!(host("ZJ-0042-T07").is_some());
        assert!(host("pc1.bank.example").is_some());
        assert!(folder(r"\\depot01\repair$\17763.3770\Windows").is_some());
        assert!(folder(r"D:\sources").is_some());
        assert!(folder(r"\\pc-1\c$\Program Files (x86)\x").is_some());
        assert!(file(r"r\example.dll").is_some());
        assert!(sha256(&"a9".repeat(32)).is_some() && sha256("abc").is_none());
    }
}
