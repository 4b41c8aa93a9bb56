//! Names of devices, and how certificates state them: one rule for collectors
//! and gateways, since event ids are derived from the name.

/// Prefix of the URI name that says which device a certificate speaks for.
pub const DEVICE_URN: &str = "urn:kbwatch:device:";

/// Prefix of the URI name that says what else its holder may do.
pub const ROLE_URN: &str = "urn:kbwatch:role:";

/// Prefix of the URI name that says at which branch its holder stands.
pub const BRANCH_URN: &str = "urn:kbwatch:branch:";

/// What the name of every device begins with of which somebody handed in logs
/// without a certificate: it has a page, and counts in no figure of the fleet.
pub const DROPPED_PREFIX: &str = "dropped-";

/// Longest device id, in bytes.
pub const MAX_DEVICE_ID_LEN: usize = 128;

/// Whether a text is a device id: lower case letters, digits, `.`, `_`, `-`, at
/// most [`MAX_DEVICE_ID_LEN`] bytes.
pub fn device_id_is_valid(id: &str) -> bool {
    let allowed = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-')
    };
    !id.is_empty() && id.len() <= MAX_DEVICE_ID_LEN && id.bytes().all(allowed)
}

/// The device id that a certificate or a declaration states, in lower case;
/// `None` for a text that states none.
pub fn device_id(stated: &str) -> Option<String> {
    let id = stated.to_ascii_lowercase();
    device_id_is_valid(&id).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_with_control_characters_paths_or_excess_length_are_no_device_ids() {
        let too_long = "x".repeat(129);
        for id in ["", "a b", "a/b", "a\nb", "ümlaut", &too_long] {
            assert_eq!(device_id(id), None, "{id:?}");
        }
        assert!(device_id_is_valid("pc-0001.branch_7"));
        assert!(!device_id_is_valid("PC-1"));
        assert_eq!(device_id("PC-1"), Some("pc-1".to_owned()));
    }
}
