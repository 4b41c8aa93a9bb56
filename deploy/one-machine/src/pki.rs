//! Certificates of one machine's river: made on the first start, kept in the
//! data folder.
//!
//! A bank names its own authority in the settings; this one serves a first
//! installation, where nobody has issued anything yet.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use kbwatch_ingest::config::{TlsConfig, TlsVersion};
use kbwatch_ingest::pki::{Authority, PkiError, check_file_name};
use kbwatch_proto::identity::device_id_is_valid;
use tracing::warn;

use crate::cli::{Enroll, EnrollRole};
use crate::stage::chain;

/// Where the gateway's files are kept in a folder of certificates.
pub(crate) fn gateway_files(folder: &Path) -> TlsConfig {
    TlsConfig {
        client_crl: Some(folder.join("crl.pem")),
        cert: folder.join("gateway.pem"),
        key: folder.join("gateway.key"),
        client_ca: folder.join("ca.pem"),
        min_version: TlsVersion::default(),
    }
}

/// Folder of certificates within a data folder.
pub fn folder(data: &Path) -> PathBuf {
    data.join("certificates")
}

/// Takes up the authority of this folder, or makes one; the gateway's
/// certificate is made anew, for its names may have changed. A gateway watches
/// the list of who is revoked from the start: an empty one is made where there
/// is none.
pub fn prepare(folder: &Path, hosts: &[String]) -> Result<Authority, PkiError> {
    let is_new = !folder.join("ca.pem").exists();
    let authority = Authority::load_or_create(folder)?;
    let list = folder.join("crl.pem");
    if !list.exists() {
        authority.revoke(folder, &[])?;
        if !is_new {
            warn!(list = %list.display(), "no revocation list: made one on which nobody stands");
        }
    }
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    authority.server(&hosts)?.replace(folder, "gateway")?;
    Ok(authority)
}

/// A device gets no certificate.
#[derive(Debug, thiserror::Error)]
pub enum EnrollError {
    /// Name the right folder.
    #[error("{} is no data folder of a river: name that of kbwatch up --data", data.display())]
    NoRiver {
        /// What was named.
        data: PathBuf,
    },
    /// Look at the certificates.
    #[error(transparent)]
    Pki(#[from] PkiError),
}

/// `kbwatch enroll`.
pub fn run(args: &Enroll) -> ExitCode {
    let device_id = args.device.to_lowercase();
    let (told, code) = if device_id_is_valid(&device_id) {
        match enroll(&args.data, &device_id, args.role, &args.out) {
            Ok([cert, key, ca]) => {
                let told = format!(
                    "[tls]\nca = {:?}\ncert = {:?}\nkey = {:?}\n",
                    ca.display(),
                    cert.display(),
                    key.display()
                );
                (std::io::stdout().write_all(told.as_bytes()), 0)
            }
            Err(error) => (writeln!(std::io::stderr(), "{}", chain(&error)), 2),
        }
    } else {
        let refused = "a device id is letters, digits, dots, dashes and underscores";
        (writeln!(std::io::stderr(), "{device_id:?}: {refused}"), 64)
    };
    // Nobody reads: the files are there all the same.
    drop(told);
    ExitCode::from(code)
}

/// Writes certificate, key and authority for a device's collector, or for
/// someone who brings logs, and says where.
pub fn enroll(
    data: &Path,
    device_id: &str,
    role: EnrollRole,
    out: &Path,
) -> Result<[PathBuf; 3], EnrollError> {
    // A mistyped folder must not found an authority that no gateway trusts.
    if !folder(data).join("ca.pem").is_file() {
        return Err(EnrollError::NoRiver {
            data: data.to_owned(),
        });
    }
    check_file_name(device_id)?;
    let authority = Authority::load_or_create(&folder(data))?;
    let out = std::path::absolute(out).map_err(|source| PkiError::Keep {
        path: out.to_owned(),
        source,
    })?;
    let out = out.as_path();
    let certified = match role {
        EnrollRole::Device => authority.device(device_id)?,
        EnrollRole::Importer => authority.importer(device_id)?,
        EnrollRole::Carrier => authority.carrier(device_id)?,
    };
    let (cert, key) = certified.write(out, device_id)?;
    let ca = out.join("ca.pem");
    std::fs::write(&ca, authority.cert_pem()).map_err(|source| PkiError::Keep {
        path: ca.clone(),
        source,
    })?;
    Ok([cert, key, ca])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_keeps_the_authority_that_devices_trust() {
        let folder = tempfile::tempdir().unwrap();
        let hosts = ["localhost".to_owned()];
        let first = prepare(folder.path(), &hosts).unwrap();
        let again = prepare(folder.path(), &hosts).unwrap();
        assert_eq!(first.cert_pem(), again.cert_pem());
    }

    #[test]
    fn a_gateway_has_a_revocation_list_from_the_start_and_a_restart_keeps_it() {
        let folder = tempfile::tempdir().unwrap();
        let hosts = ["localhost".to_owned()];
        let authority = prepare(folder.path(), &hosts).unwrap();
        let list = gateway_files(folder.path()).client_crl.unwrap();
        let stolen = authority.device("stolen").unwrap();
        authority
            .revoke(folder.path(), &[&stolen.cert_pem])
            .unwrap();
        let revoked = std::fs::read(&list).unwrap();
        prepare(folder.path(), &hosts).unwrap();
        assert_eq!(std::fs::read(&list).unwrap(), revoked);
        std::fs::remove_file(&list).unwrap();
        prepare(folder.path(), &hosts).unwrap();
        assert!(list.is_file());
    }

    #[test]
    fn an_enrolled_device_gets_three_files() {
        let data = tempfile::tempdir().unwrap();
        let out = tempfile::tempdir().unwrap();
        let mistyped = enroll(data.path(), "teller-7", EnrollRole::Device, out.path()).unwrap_err();
        assert!(matches!(mistyped, EnrollError::NoRiver { .. }));
        prepare(&folder(data.path()), &["localhost".to_owned()]).unwrap();
        let files = enroll(data.path(), "teller-7", EnrollRole::Device, out.path()).unwrap();
        assert!(files.iter().all(|file| file.is_file()));
        assert!(files[0].ends_with("teller-7.pem"));
    }
}
