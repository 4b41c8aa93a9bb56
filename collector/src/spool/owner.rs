//! Whose batches lie in the spool: a disk that was copied must not speak for the
//! device that it was copied from.

use std::fs;
use std::io;
use std::path::Path;

/// Ending of the file beside the folder that names the device whose batches
/// lie there.
const OWNER: &str = "owner";

/// Notes that the folder's batches are this device's.
pub(super) fn sign(folder: &Path, device_id: &str) -> io::Result<()> {
    fs::write(folder.with_extension(OWNER), device_id)
}

/// Moves a spool whose owner is another device out of the way.
pub(super) fn set_aside_foreign(
    state_dir: &Path,
    folder: &Path,
    device_id: &str,
) -> io::Result<()> {
    let owner = match fs::read_to_string(folder.with_extension(OWNER)) {
        Ok(owner) => owner,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if owner == device_id || !folder.is_dir() {
        return Ok(());
    }
    let aside = state_dir.join("spool-of-another-device");
    if aside.exists() {
        fs::remove_dir_all(&aside)?;
    }
    fs::rename(folder, &aside)?;
    tracing::error!(owner, path = %aside.display(), "spool of another device set aside");
    Ok(())
}
