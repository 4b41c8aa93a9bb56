//! Small disks that can be filled.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system of a few megabytes in memory.
pub(super) struct Disk {
    pub(super) folder: PathBuf,
    mounted: bool,
}

impl Disk {
    /// Mounts it, or makes a plain folder and says what is not tried.
    pub(super) fn of(mib: u32, folder: PathBuf) -> Self {
        std::fs::create_dir_all(&folder).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "kbwatch"])
            .arg(&folder)
            .output()
            .is_ok_and(|done| done.status.success());
        if !mounted {
            // Past the test harness, which would keep the words to itself.
            let words = b"NOT TESTED: full disks, this user may not mount a tmpfs\n";
            std::io::stderr().write_all(words).unwrap();
        }
        Self { folder, mounted }
    }

    pub(super) fn can_be_filled(&self) -> bool {
        self.mounted
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join("ballast")
    }

    /// Leaves no byte.
    pub(super) fn fill(&self) {
        let mut ballast = std::fs::File::create(self.ballast()).unwrap();
        let chunk = vec![b'x'; 64 * 1024];
        while ballast.write_all(&chunk).is_ok() {}
    }

    pub(super) fn free(&self) {
        // It may have been freed already.
        drop(std::fs::remove_file(self.ballast()));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted {
            unmount(&self.folder);
        }
    }
}

fn unmount(folder: &Path) {
    let done = Command::new("umount").arg("--lazy").arg(folder).status();
    drop(done);
}
