//! Addresses of mail, and the accounts that look like them.

use super::MASK;

/// Ends of files that are named like an address: `logo@2x.png`.
const FILES: [&str; 14] = [
    "png", "jpg", "jpeg", "gif", "svg", "ico", "bmp", "dll", "exe", "sys", "mui", "xml", "js",
    "json",
];

/// Replaces `name` in `name@bank.com`.
pub(super) fn mask(text: &str) -> Option<String> {
    let mut masked = String::new();
    let mut kept = 0;
    for at in memchr::memchr_iter(b'@', text.as_bytes()) {
        let begin = text[..at].trim_end_matches(is_of_name).len().max(kept);
        if begin == at || !is_domain(&text[at + 1..]) {
            continue;
        }
        masked.push_str(&text[kept..begin]);
        masked.push_str(MASK);
        kept = at;
    }
    (kept > 0).then(|| masked + &text[kept..])
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || "._%+-".contains(c)
}

/// Whether a domain begins here: labels with dots between, the last one of
/// letters.
fn is_domain(text: &str) -> bool {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '.' || c == '-'));
    let domain = text[..end.unwrap_or(text.len())].trim_end_matches(['.', '-']);
    let Some((labels, last)) = domain.rsplit_once('.') else {
        return false;
    };
    let is_file = FILES.iter().any(|kind| last.eq_ignore_ascii_case(kind));
    let is_named = last.chars().count() >= 2 && last.chars().all(char::is_alphabetic);
    !labels.is_empty() && is_named && !is_file
}

#[cfg(test)]
mod tests {
    use super::super::mask;

    #[test]
    fn whose_mail_it_is_does_not_leave() {
        for (text, expected) in [
            ("for li.lei@bank.com.cn, then", "for ***@bank.com.cn, then"),
            (r"\\fs\\zhang@163.com\\x", r"\\fs\\***@163.com\\x"),
            ("李四@bank.com", "***@bank.com"),
            ("a@b.cn b@c.cn", "***@b.cn ***@c.cn"),
            ("logo@2x.png", "logo@2x.png"),
            ("0000@2023/1/9:05:04", "0000@2023/1/9:05:04"),
            ("x@10.0.17763.1", "x@10.0.17763.1"),
            ("li@host", "li@host"),
        ] {
            assert_eq!(mask(text), expected);
        }
    }
}
