//! Limits that the system itself keeps, whatever the program does.
#![expect(
    unsafe_code,
    reason = "job objects and priorities have no safe interface"
)]

use std::io;
use std::ptr;

use windows_sys::Win32::Foundation::{CloseHandle, HANDLE};
use windows_sys::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, JOB_OBJECT_LIMIT_ACTIVE_PROCESS,
    JOB_OBJECT_LIMIT_PROCESS_MEMORY, JOBOBJECT_EXTENDED_LIMIT_INFORMATION,
    JobObjectExtendedLimitInformation, SetInformationJobObject,
};
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, PROCESS_MODE_BACKGROUND_BEGIN, SetPriorityClass,
};

/// Puts the process behind everything else on the machine, in processor time
/// and disk, caps its memory and forbids it children. A limit that the system
/// refuses is told and lived without.
pub(super) fn restrain(memory_max_mb: u32) {
    if let Err(error) = step_back() {
        tracing::warn!(%error, "low priority was refused");
    }
    match confine(memory_max_mb) {
        Ok(()) => tracing::debug!(memory_max_mb, "confined"),
        Err(error) => tracing::warn!(%error, "memory limit was refused"),
    }
}

/// Lowest priority for processor, disk and memory.
fn step_back() -> io::Result<()> {
    // SAFETY: the pseudo handle of this process is always valid.
    let done = unsafe { SetPriorityClass(GetCurrentProcess(), PROCESS_MODE_BACKGROUND_BEGIN) };
    checked(done)
}

/// A job of this process alone, with a bound on its memory. The job lives as
/// long as the process: its handle is never closed.
fn confine(memory_max_mb: u32) -> io::Result<()> {
    // SAFETY: no attributes and no name are asked for.
    let job = unsafe { CreateJobObjectW(ptr::null(), ptr::null()) };
    if job.is_null() {
        return Err(io::Error::last_os_error());
    }
    let outcome = limit(job, memory_max_mb);
    if outcome.is_err() {
        // SAFETY: created above and used by nobody.
        unsafe { CloseHandle(job) };
    }
    outcome
}

fn limit(job: HANDLE, memory_max_mb: u32) -> io::Result<()> {
    let mut limits = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
    limits.BasicLimitInformation.LimitFlags =
        JOB_OBJECT_LIMIT_PROCESS_MEMORY | JOB_OBJECT_LIMIT_ACTIVE_PROCESS;
    limits.BasicLimitInformation.ActiveProcessLimit = 1;
    limits.ProcessMemoryLimit = memory_max_mb as usize * 1024 * 1024;
    let len = u32::try_from(size_of_val(&limits)).unwrap_or(0);
    // SAFETY: a live handle, and a structure of the class and length named.
    let done = unsafe {
        SetInformationJobObject(
            job,
            JobObjectExtendedLimitInformation,
            ptr::from_ref(&limits).cast(),
            len,
        )
    };
    checked(done)?;
    // SAFETY: two live handles.
    checked(unsafe { AssignProcessToJobObject(job, GetCurrentProcess()) })
}

fn checked(done: i32) -> io::Result<()> {
    if done == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
