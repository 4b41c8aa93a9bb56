//! One-time tokens, in the folder `tokens` beside the authority: each is good
//! for one certificate of one device.
//!
//! Of a token only its hash is kept, as a file's name. It is used up by a file
//! that the file system makes once, whoever else tries, in this process or
//! another; it is on disk before anybody sees the certificate, which lies in it.
//! So a device whose answer was lost may ask again with the same key, and hears
//! the same answer; with another key nobody does.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use kbwatch_proto::hex;
use kbwatch_proto::identity::device_id;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio_rustls::rustls::crypto::ring::default_provider;

use super::certified::private;
use super::{PkiError, keep, seconds};

/// Random bytes of a token: nobody guesses one.
const TOKEN_BYTES: usize = 16;

/// Longest text that is looked up.
const MAX_TOKEN_LEN: usize = 128;

/// Tokens of one authority.
#[derive(Debug, Clone)]
pub struct Tokens {
    folder: PathBuf,
}

/// What a token is good for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// The device that is certified.
    pub device_id: String,
    /// At which branch it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Seconds since 1970 UTC after which it is good for nothing.
    pub until_s: u64,
}

/// A token that is good for its own key only.
#[derive(Debug, Serialize, Deserialize)]
struct Used {
    grant: Grant,
    /// SHA-256 of the key that was certified.
    key: String,
    at_s: u64,
    certificate: String,
}

/// Whose key was certified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certified {
    /// What the token was good for.
    pub grant: Grant,
    /// The certificate, PEM.
    pub certificate: String,
    /// Whether it was made before: its answer did not arrive.
    pub again: bool,
}

/// A token that nothing is certified for.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// No such token was given out, or its file is gone.
    #[error("this token is not known")]
    Unknown,
    /// It was certified for another key.
    #[error("this token was used already")]
    Used,
    /// It was not used in time.
    #[error("this token is over")]
    Expired,
    /// It is for another device than the one that brings it.
    #[error("this token is not for {stated:?}")]
    OtherDevice {
        /// Who brings it.
        stated: String,
    },
    /// The authority, or the disk; the token stays good.
    #[error(transparent)]
    Failed(#[from] PkiError),
}

impl Tokens {
    /// Those of the authority in this folder.
    pub fn of(authority: &Path) -> Self {
        Self {
            folder: authority.join("tokens"),
        }
    }

    /// The same; their folder is made unless it is there.
    ///
    /// # Errors
    /// [`PkiError::Keep`].
    pub fn open(authority: &Path) -> Result<Self, PkiError> {
        let tokens = Self::of(authority);
        tokens.make_folder()?;
        Ok(tokens)
    }

    /// Gives out a token for a device, good for so long. Nobody can read it
    /// again.
    ///
    /// # Errors
    /// [`PkiError`] names the id that is none, or the file.
    pub fn give_out(
        &self,
        device: &str,
        branch: Option<&str>,
        now: SystemTime,
        valid: Duration,
    ) -> Result<String, PkiError> {
        let checked = |id: &str| device_id(id).ok_or_else(|| PkiError::Id { id: id.to_owned() });
        let grant = Grant {
            device_id: checked(device)?,
            branch: branch.map(checked).transpose()?,
            until_s: seconds(now + valid),
        };
        self.make_folder()?;
        let token = random().map_err(|source| keep(&self.folder, source))?;
        let path = self.path(&token, "json");
        write(&path, &grant).map_err(|source| keep(&path, source))?;
        self.settle()?;
        Ok(token)
    }

    /// Uses a token up for a key (SHA-256), unless it was: `certify` makes the
    /// certificate (PEM). Whoever `stated` to be another device is refused, and
    /// the token stays good. Blocks until all is on disk.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub fn use_up(
        &self,
        (token, stated): (&str, &str),
        key: &str,
        now: SystemTime,
        certify: impl FnOnce(&Grant) -> Result<String, PkiError>,
    ) -> Result<Certified, TokenError> {
        if token.is_empty() || token.len() > MAX_TOKEN_LEN {
            return Err(TokenError::Unknown);
        }
        let (fresh, used) = (self.path(token, "json"), self.path(token, "used.json"));
        if let Some(before) = read::<Used>(&used)? {
            return self.again(before, (key, stated), now, &fresh);
        }
        let Some(grant) = read::<Grant>(&fresh)? else {
            // Somebody else may have used it up between the two looks.
            let before = read::<Used>(&used)?.ok_or(TokenError::Unknown)?;
            return self.again(before, (key, stated), now, &fresh);
        };
        grant.admit(stated, now)?;
        let certificate = certify(&grant)?;
        let own = Used {
            grant,
            key: key.to_owned(),
            at_s: seconds(now),
            certificate,
        };
        if self.claim(token, &own, &used)? {
            forget(&fresh);
            return Ok(own.certified(false));
        }
        let before = read::<Used>(&used)?.ok_or(TokenError::Unknown)?;
        self.again(before, (key, stated), now, &fresh)
    }

    /// Withdraws what a device may still enrol with, and returns the
    /// certificates (PEM) that it enrolled for.
    ///
    /// # Errors
    /// [`PkiError::Keep`].
    pub(super) fn withdraw(&self, device: &str) -> Result<Vec<String>, PkiError> {
        let failed = |source| keep(&self.folder, source);
        let listed = match fs::read_dir(&self.folder) {
            Ok(listed) => listed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(failed(source)),
        };
        let is_own = |grant: &Grant| grant.device_id.eq_ignore_ascii_case(device);
        let mut certificates = Vec::new();
        for entry in listed {
            let path = entry.map_err(failed)?.path();
            let name = path.to_string_lossy();
            if name.ends_with(".used.json") {
                let used = read::<Used>(&path)?.filter(|used| is_own(&used.grant));
                certificates.extend(used.map(|used| used.certificate));
            } else if name.ends_with(".json") && read::<Grant>(&path)?.as_ref().is_some_and(is_own)
            {
                forget(&path);
            }
        }
        Ok(certificates)
    }

    /// Makes the file of a used token, whole and on disk; false if there is one.
    fn claim(&self, token: &str, own: &Used, used: &Path) -> Result<bool, PkiError> {
        let number = random().map_err(|source| keep(used, source))?;
        let part = self.path(token, &format!("{number}.part"));
        write(&part, own).map_err(|source| keep(&part, source))?;
        let linked = fs::hard_link(&part, used);
        // What a kill leaves behind here says nothing to anybody.
        fs::remove_file(&part).map_err(|source| keep(&part, source))?;
        match linked {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
            Err(source) => return Err(keep(used, source)),
        }
        self.settle()?;
        Ok(true)
    }

    /// The device that the token was used for may hear the answer again.
    fn again(
        &self,
        before: Used,
        (key, stated): (&str, &str),
        now: SystemTime,
        fresh: &Path,
    ) -> Result<Certified, TokenError> {
        forget(fresh);
        if before.key != key {
            return Err(TokenError::Used);
        }
        before.grant.admit(stated, now)?;
        // Whoever made the file may have died before it was sure to stay.
        self.settle()?;
        Ok(before.certified(true))
    }

    fn make_folder(&self) -> Result<(), PkiError> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        let made = builder.create(&self.folder);
        made.map_err(|source| keep(&self.folder, source))
    }

    /// Names of files survive the loss of power.
    fn settle(&self) -> Result<(), PkiError> {
        let folder = fs::File::open(&self.folder).and_then(|folder| folder.sync_all());
        folder.map_err(|source| keep(&self.folder, source))
    }

    fn path(&self, token: &str, ending: &str) -> PathBuf {
        let hash = hex::encode(&Sha256::digest(token.as_bytes()));
        self.folder.join(format!("{hash}.{ending}"))
    }
}

impl Grant {
    fn admit(&self, stated: &str, now: SystemTime) -> Result<(), TokenError> {
        if !stated.is_empty() && !stated.eq_ignore_ascii_case(&self.device_id) {
            return Err(TokenError::OtherDevice {
                stated: stated.chars().take(64).collect(),
            });
        }
        if seconds(now) > self.until_s {
            return Err(TokenError::Expired);
        }
        Ok(())
    }
}

impl Used {
    fn certified(self, again: bool) -> Certified {
        Certified {
            grant: self.grant,
            certificate: self.certificate,
            again,
        }
    }
}

fn random() -> io::Result<String> {
    let mut bytes = [0; TOKEN_BYTES];
    let filled = default_provider().secure_random.fill(&mut bytes);
    filled.map_err(|_| io::Error::other("the system gives no random numbers"))?;
    Ok(hex::encode(&bytes))
}

/// A token that is used up is tidied away; that it is used stands elsewhere.
fn forget(fresh: &Path) {
    if let Err(error) = fs::remove_file(fresh)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(path = %fresh.display(), %error, "a used token's file stays");
    }
}

/// A new file, on disk, whole or not readable.
fn write(path: &Path, what: &impl Serialize) -> io::Result<()> {
    let mut file = private().create_new(true).open(path)?;
    file.write_all(&serde_json::to_vec(what)?)?;
    file.sync_all()
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, PkiError> {
    let failed = |source| keep(path, source);
    match fs::read(path) {
        Ok(bytes) => Ok(Some(
            serde_json::from_slice(&bytes).map_err(|error| failed(error.into()))?,
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(failed(source)),
    }
}

#[cfg(test)]
mod tests;
