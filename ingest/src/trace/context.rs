//! The W3C trace context: which trace a batch belongs to, and under which span
//! of it. Format: w3.org/TR/trace-context, version 00.

/// Name of the header, in gRPC metadata and in Kafka alike.
pub(crate) const TRACEPARENT: &str = "traceparent";

/// The flag that asks whoever comes next to trace on.
const SAMPLED: u8 = 1;

/// A span that others may stand under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    pub(super) trace_id: u128,
    pub(super) span_id: u64,
}

impl Context {
    /// Reads a header; `None` for one that is malformed, or that asks not to be
    /// traced.
    pub(crate) fn read(header: &str) -> Option<Self> {
        let mut parts = header.split('-');
        let version = parts.next()?;
        let [trace_id, span_id, flags] = [parts.next()?, parts.next()?, parts.next()?];
        // Later versions may say more; what this one knows stays where it is.
        let known = version == "00" && parts.next().is_none();
        let later = version.len() == 2 && version != "00" && version != "ff";
        let trace_id = u128::from_str_radix(exact(trace_id, 32)?, 16).ok()?;
        let span_id = u64::from_str_radix(exact(span_id, 16)?, 16).ok()?;
        let flags = u8::from_str_radix(exact(flags, 2)?, 16).ok()?;
        let sound = (known || later) && trace_id != 0 && span_id != 0;
        (sound && flags & SAMPLED != 0).then_some(Self { trace_id, span_id })
    }

    /// The header that hands the span on.
    pub(crate) fn header(self) -> String {
        format!(
            "00-{:032x}-{:016x}-{SAMPLED:02x}",
            self.trace_id, self.span_id
        )
    }
}

/// Lower-case hexadecimal of exactly this length.
fn exact(text: &str, len: usize) -> Option<&str> {
    let digits = text
        .bytes()
        .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    (digits && text.len() == len).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_header_is_read_as_it_was_written() {
        let context = Context::read(SOUND).unwrap();
        assert_eq!(context.span_id, 0xb7ad_6b71_6920_3331);
        assert_eq!(context.header(), SOUND);
        let later = SOUND.replacen("00", "01", 1) + "-more";
        assert_eq!(Context::read(&later), Some(context));
    }

    #[test]
    fn what_is_malformed_or_not_to_be_traced_is_no_parent() {
        for header in [
            "",
            "00",
            &SOUND.replace("-01", "-00"),
            &SOUND.replace("0af7", "0AF7"),
            &SOUND.replace("b7ad6b7169203331", "0000000000000000"),
            &SOUND.replacen("00", "ff", 1),
            &SOUND.replacen("00-0", "00-", 1),
            &format!("{SOUND}-more"),
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(Context::read(header), None, "{header}");
        }
    }
}
