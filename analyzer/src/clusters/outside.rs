//! Is the update to blame at all? Troubles outside of it come first: they would
//! have met any other update of that day.
//!
//! Told by the final code, which says who refused: an update server, a proxy, a
//! wrong clock, a service that is off, a full disk. None of them ever saw the
//! update's content, so it cannot be at fault.

/// Where the trouble lies; `None` where it may be the update's own.
pub(super) fn outside(hresult: Option<u32>) -> Option<&'static str> {
    let kind = match hresult? {
        // A clock or a root certificate that no TLS connection can be made with.
        0x8007_2f8f | 0x800b_0109 | 0x800b_0101 => "time",
        // Delivery got an error page, or nothing, from what stands between.
        0x80d0_0000..=0x80d0_ffff | 0x8007_2ee0..=0x8007_2eff | 0x8024_401b => "proxy",
        // The update server's own answers, and those of HTTP.
        0x8024_4000..=0x8024_4fff
        | 0x8019_0000..=0x8019_ffff
        | 0x8024_0438
        | 0x8024_001f
        | 0x8024_0034 => "server",
        // A service that is disabled, or an update agent that policy forbids.
        0x8007_0422 | 0x8024_002e | 0x8024_6008 => "policy",
        0x8007_0070 | 0x800f_0828 => "disk",
        _ => return None,
    };
    Some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_refused_before_the_update_was_seen_is_named() {
        assert_eq!(outside(Some(0x8024_402c)), Some("server"));
        assert_eq!(outside(Some(0x80d0_5001)), Some("proxy"));
        assert_eq!(outside(Some(0x8007_2f8f)), Some("time"));
        assert_eq!(outside(Some(0x8007_0422)), Some("policy"));
    }

    #[test]
    fn what_the_update_itself_ran_into_is_its_own() {
        for code in [0x800f_0985, 0x800f_0922, 0x8007_3712, 0x8024_200b] {
            assert_eq!(outside(Some(code)), None);
        }
        assert_eq!(outside(None), None);
    }
}
