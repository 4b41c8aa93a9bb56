//! Why a connection failed, in words that a technician can act on.
//!
//! The text of the libraries underneath goes to the debug log: it names their
//! layers, not what to do.

/// What went wrong, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Why {
    pub(crate) what: String,
    pub(crate) remedy: &'static str,
}

/// What libraries say, in lower case, with what it means; the first that fits
/// counts.
const MEANINGS: &[(&[&str], &str, &str)] = &[
    (
        &["check the paths under tls"],
        "a certificate or key of this device cannot be read",
        "check the paths under tls, and that the collector may read the files",
    ),
    (
        &["may not speak", "does not have permission to execute"],
        "the gateway does not accept this device",
        "ask the operators of kbwatch what they have against its certificate",
    ),
    (
        // Of Linux, and of Windows: no gateway ever saw this connection.
        &["os error 13)", "os error 10013)"],
        "this machine does not let the collector connect",
        "allow kbwatch-collector to connect out in this machine's firewall or security software",
    ),
    (
        &["fatal alert: certificateexpired"],
        "this device's certificate has expired",
        "renew the certificate under tls.cert; check this machine's clock",
    ),
    (
        &[
            "fatal alert: unknownca",
            "fatal alert: badcertificate",
            "fatal alert: certificateunknown",
            "fatal alert: decrypterror",
        ],
        "the gateway does not trust this device's certificate",
        "tls.cert must come from the authority that the gateway trusts; enroll the device again",
    ),
    (
        &["fatal alert: certificaterequired"],
        "the gateway wants a certificate and got none",
        "check tls.cert and tls.key",
    ),
    (
        &[
            "fatal alert: certificaterevoked",
            "fatal alert: accessdenied",
        ],
        "the gateway has shut this device's certificate out",
        "ask the operators of kbwatch; enroll the device again",
    ),
    (
        &[
            "dns error",
            "failed to lookup",
            "name or service",
            "no such host",
            "os error 11001)",
        ],
        "the gateway's name is not known on this network",
        "check the key gateway of the configuration, and this machine's DNS",
    ),
    (
        &["connection refused", "actively refused", "os error 10061)"],
        "the gateway's machine refuses the connection",
        "check the port in the key gateway; ask whether the gateway runs",
    ),
    (
        &["unknownissuer", "unknown issuer", "causedasendentity"],
        "the gateway shows a certificate of an authority that is not trusted",
        "check tls.ca; where it is right, something between here and the gateway opens TLS",
    ),
    (
        &[
            "notvalidforname",
            "not valid for name",
            "not valid for any names",
        ],
        "the gateway's certificate is for another name",
        "write the gateway's name as its certificate states it into the key gateway",
    ),
    (
        &["expired", "notvalidyet", "not valid yet"],
        "the gateway's certificate is not valid now",
        "check this machine's clock; else tell the operators of kbwatch",
    ),
    (
        &[
            "invalidcontenttype",
            "corrupt message",
            "frame with invalid size",
            "http2 error",
            "protocol error",
        ],
        "what answers at the gateway's address is no gateway of kbwatch",
        "check host and port in the key gateway",
    ),
    (
        &[
            "no answer in time",
            "timed out",
            "timeout",
            "deadline",
            "unreachable",
            "no route",
        ],
        "nothing answers at the gateway's address",
        "check network, firewall and proxy between this machine and the gateway",
    ),
    (
        &[
            "the gateway is stopping",
            "ended the stream",
            "hung up",
            "reset",
            "broken pipe",
            "closed",
        ],
        "the gateway ended the connection",
        "nothing yet: the collector connects again by itself",
    ),
];

/// What a library's words mean; unknown ones are shown as they are.
pub(crate) fn explain(raw: &str) -> Why {
    let lower = raw.to_lowercase();
    let fits = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let known = MEANINGS.iter().find(|(words, ..)| fits(words));
    known.map_or_else(
        || Why {
            what: format!("no connection: {raw}"),
            remedy: "tell the operators of kbwatch",
        },
        |(_, what, remedy)| Why {
            what: (*what).to_owned(),
            remedy,
        },
    )
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.what, self.remedy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_common_failure_has_its_own_plain_words() {
        let cases = [
            (
                "transport error: tcp connect error: Connection refused (os error 111)",
                "refuses",
            ),
            (
                "transport error: invalid peer certificate: UnknownIssuer",
                "not trusted",
            ),
            (
                "transport error: invalid peer certificate: certificate not valid for name \
                 \"gw\"; certificate is only valid for DnsName(\"other\")",
                "another name",
            ),
            (
                "transport error: invalid peer certificate: certificate expired: verification \
                 time 1 (UNIX), but certificate is not valid after 0 (1 seconds ago)",
                "gateway's certificate is not valid now",
            ),
            (
                "transport error: received fatal alert: CertificateExpired",
                "this device's certificate has expired",
            ),
            (
                "transport error: received fatal alert: UnknownCA",
                "does not trust this device's certificate",
            ),
            ("no answer in time", "nothing answers"),
            (
                "transport error: dns error: failed to lookup address information",
                "name is not known",
            ),
            (
                "the caller does not have permission to execute the specified operation: pc-1 \
                 may not speak as pc-2",
                "does not accept",
            ),
            (
                "transport error: tcp connect error: Permission denied (os error 13)",
                "this machine does not let",
            ),
            (
                "transport error: tcp connect error: An attempt was made to access a socket in a \
                 way forbidden by its access permissions. (os error 10013)",
                "this machine does not let",
            ),
            (
                "transport error: tcp connect error: 由于目标计算机积极拒绝，无法连接。 (os error \
                 10061)",
                "refuses",
            ),
            (
                "transport error: dns error: 不知道这样的主机。 (os error 11001)",
                "name is not known",
            ),
        ];
        for (raw, words) in cases {
            let why = explain(raw);
            assert!(why.what.contains(words), "{raw}: {why}");
            assert!(!why.remedy.is_empty());
        }
    }

    #[test]
    fn a_number_that_is_no_error_of_the_system_means_nothing() {
        for raw in ["strange news at port 10061", "stream 11001 is odd"] {
            assert!(explain(raw).what.contains("no connection"), "{raw}");
        }
    }

    #[test]
    fn what_nobody_foresaw_is_shown_as_it_is() {
        let why = explain("the moon is full");
        assert!(why.what.contains("the moon is full"));
    }
}
