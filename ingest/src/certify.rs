//! `kbwatch-ingest pki`: certificates, revocations, and tokens for devices that
//! make their keys themselves.

use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

use kbwatch_ingest::pki::{Authority, CertifiedKey, PkiError, Tokens, check_file_name, name_of};
use kbwatch_proto::identity::device_id;
use tracing::info;

use crate::Outcome;
use crate::cli::{PkiArguments, PkiCommand, TokenArguments};

/// Makes what was asked for.
pub(crate) fn run(arguments: &PkiArguments) -> Outcome {
    if let Some(PkiCommand::Token(arguments)) = &arguments.command {
        return give_out(arguments);
    }
    let folder = arguments.folder();
    // Before anything is made.
    for id in arguments.device.iter().chain(&arguments.importer) {
        check_file_name(id)?;
        CertifiedKey::check_free(folder, id)?;
    }
    if !arguments.server.is_empty() {
        CertifiedKey::check_free(folder, "gateway")?;
    }
    // A mistyped folder must not found an authority whose list nobody reads.
    let revokes = !arguments.revoke.is_empty() || !arguments.revoke_device.is_empty();
    let authority = if revokes {
        Authority::load(folder)?
    } else {
        Authority::load_or_create(folder)?
    };
    let authority = authority.valid_for(Duration::from_hours(24 * arguments.valid_days));
    let hosts: Vec<&str> = arguments.server.iter().map(String::as_str).collect();
    if !hosts.is_empty() {
        authority.server(&hosts)?.write(folder, "gateway")?;
    }
    for id in &arguments.device {
        authority.device(id)?.write(folder, id)?;
    }
    for id in &arguments.importer {
        authority.importer(id)?.write(folder, id)?;
    }
    if !arguments.revoke.is_empty() {
        let told = revoke(&authority, arguments)?;
        std::io::stdout().write_all(told.as_bytes())?;
    }
    for id in &arguments.revoke_device {
        let (list, count) = authority.revoke_device(folder, id)?;
        let told = format!(
            "revoked {id}: {count} certificates\nlist {}\n",
            list.display()
        );
        std::io::stdout().write_all(told.as_bytes())?;
    }
    info!(folder = %folder.display(), "certificates are there");
    Ok(())
}

/// Revokes certificates, and says whose and where the list lies.
fn revoke(authority: &Authority, arguments: &PkiArguments) -> Result<String, PkiError> {
    let mut revoked = Vec::new();
    for path in &arguments.revoke {
        let read = std::fs::read_to_string(path);
        revoked.push(read.map_err(|source| PkiError::Keep {
            path: path.clone(),
            source,
        })?);
    }
    let certificates: Vec<&str> = revoked.iter().map(String::as_str).collect();
    let list = authority.revoke(arguments.folder(), &certificates)?;
    let revoked = certificates.into_iter().map(|certificate| {
        let name = name_of(certificate)?;
        Ok(format!("revoked {name}\n"))
    });
    let told: String = revoked.collect::<Result<_, PkiError>>()?;
    Ok(format!("{told}list {}\n", list.display()))
}

/// An id becomes a file's name: nothing but an id will do.
fn checked(id: &str) -> Result<(), PkiError> {
    match device_id(id) {
        Some(_) => Ok(()),
        None => Err(PkiError::Id { id: id.to_owned() }),
    }
}

/// Gives out a token for each device, and shows each once: a line of id and
/// token.
fn give_out(arguments: &TokenArguments) -> Outcome {
    // A mistyped folder must not found an authority that nobody trusts.
    Authority::load(&arguments.folder)?;
    let mut devices = arguments.device.clone();
    if let Some(path) = &arguments.devices {
        devices.extend(listed(path)?);
    }
    for id in devices.iter().chain(&arguments.branch) {
        checked(id)?;
    }
    let tokens = Tokens::open(&arguments.folder)?;
    let branch = arguments.branch.as_deref();
    let mut out = std::io::stdout().lock();
    for id in &devices {
        let token = tokens.give_out(id, branch, SystemTime::now(), arguments.valid)?;
        writeln!(out, "{id} {token}")?;
    }
    out.flush()?;
    Ok(())
}

/// Ids, one a line; `-` is standard input.
fn listed(path: &Path) -> Result<Vec<String>, PkiError> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text))
    };
    read.map_err(|source| PkiError::Keep {
        path: path.to_owned(),
        source,
    })?;
    let lines = text.lines().map(str::trim);
    let ids = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(ids.map(str::to_owned).collect())
}
