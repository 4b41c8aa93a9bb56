//! Finds the ClickHouse library and calls into it: the only unsafe code of kbwatch.

use std::ffi::{CString, c_char, c_int, c_void};
use std::path::{Path, PathBuf};

use libloading::{Library, Symbol};

/// Folder under the cache that holds the pinned library.
pub const LIBRARY_FOLDER: &str = "chdb-26.7.3";

const LIBRARY_FILE: &str = "libchdb.so";

/// The ClickHouse library is not on this machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the ClickHouse library is not at {}: run `./run setup`, or set KBWATCH_CLICKHOUSE_URL to a server that exists",
    looked_at.display()
)]
pub struct MissingLibrary {
    /// Where it was looked for.
    pub looked_at: PathBuf,
}

/// Finds the library: the path given, else `../lib` beside the running program
/// (as the server bundle lays it out), else under `$KBWATCH_CACHE`, else under
/// `~/.cache/kbwatch`.
pub fn find_library(given: Option<&Path>) -> Result<PathBuf, MissingLibrary> {
    let path = given
        .map(Path::to_owned)
        .or_else(|| beside(&std::env::current_exe().ok()?))
        .unwrap_or_else(|| cache_folder().join(LIBRARY_FOLDER).join(LIBRARY_FILE));
    if path.is_file() {
        Ok(path)
    } else {
        Err(MissingLibrary { looked_at: path })
    }
}

/// `bin/PROGRAM` and `lib/libchdb.so` under one folder that is a bundle: its
/// list of checksums tells it from `/usr/local`, where other builds may lie.
fn beside(program: &Path) -> Option<PathBuf> {
    let bundle = program.parent()?.parent()?;
    let path = bundle.join("lib").join(LIBRARY_FILE);
    (path.is_file() && bundle.join("SHA256SUMS").is_file()).then_some(path)
}

fn cache_folder() -> PathBuf {
    std::env::var_os("KBWATCH_CACHE").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/kbwatch"),
        PathBuf::from,
    )
}

/// Loads the library and runs ClickHouse with these arguments until it ends.
///
/// Returns only when the server has stopped by itself, which is always a
/// fault: the statement that keeps it alive never ends.
#[expect(unsafe_code, reason = "calls into a C library")]
pub(crate) fn run_clickhouse(library: &Path, arguments: &[String]) -> Result<(), String> {
    let arguments: Vec<CString> = arguments
        .iter()
        .map(|argument| CString::new(argument.as_str()))
        .collect::<Result<_, _>>()
        .map_err(|error| format!("an argument holds a zero byte: {error}"))?;
    let mut pointers: Vec<*mut c_char> = arguments
        .iter()
        .map(|argument| argument.as_ptr().cast_mut())
        .collect();
    pointers.push(std::ptr::null_mut());
    let count = c_int::try_from(arguments.len()).map_err(|error| error.to_string())?;
    // SAFETY: the library is the pinned build; its constructors run here, in a
    // process that does nothing else. It is leaked, so its code never goes.
    let library = unsafe { Library::new(library) }.map_err(|error| error.to_string())?;
    let library: &'static Library = Box::leak(Box::new(library));
    // SAFETY: the three signatures are those of chdb.h of the pinned version.
    let (set_signal_handlers, query_cmdline, result_error) = unsafe {
        (
            symbol::<unsafe extern "C" fn(c_int)>(library, b"chdb_set_signal_handlers_enabled\0")?,
            symbol::<unsafe extern "C" fn(c_int, *mut *mut c_char) -> *mut c_void>(
                library,
                b"chdb_query_cmdline\0",
            )?,
            symbol::<unsafe extern "C" fn(*mut c_void) -> *const c_char>(
                library,
                b"chdb_result_error\0",
            )?,
        )
    };
    // SAFETY: the pointers are valid, terminated by null, and outlive the call;
    // the error text belongs to the result, which is never freed.
    unsafe {
        set_signal_handlers(0);
        let result = query_cmdline(count, pointers.as_mut_ptr());
        if result.is_null() {
            return Err("ClickHouse ended without a result".to_owned());
        }
        let error = result_error(result);
        if error.is_null() {
            return Ok(());
        }
        Err(std::ffi::CStr::from_ptr(error)
            .to_string_lossy()
            .into_owned())
    }
}

#[expect(unsafe_code, reason = "looks a C function up by name")]
unsafe fn symbol<F>(library: &'static Library, name: &[u8]) -> Result<Symbol<'static, F>, String> {
    // SAFETY: the caller names a function of this signature.
    unsafe { library.get(name) }.map_err(|error| error.to_string())
}

/// Ends the process at once, without the exit handlers of the library: they
/// crash while its threads still run.
#[expect(unsafe_code, reason = "no safe call leaves without exit handlers")]
pub(crate) fn leave(code: i32) -> ! {
    // SAFETY: _exit has no preconditions.
    unsafe { libc::_exit(code) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_is_missing_is_named_with_what_to_do() {
        let error = find_library(Some(Path::new("/nowhere/libchdb.so"))).unwrap_err();
        assert!(error.to_string().contains("/nowhere/libchdb.so"));
        assert!(error.to_string().contains("./run setup"));
    }

    #[test]
    fn a_bundle_brings_its_library_beside_its_programs() {
        let bundle = tempfile::tempdir().unwrap();
        let program = bundle.path().join("bin/kbwatch");
        assert_eq!(beside(&program), None);
        let library = bundle.path().join("lib/libchdb.so");
        std::fs::create_dir(bundle.path().join("lib")).unwrap();
        std::fs::write(&library, b"").unwrap();
        assert_eq!(beside(&program), None, "somebody else's library");
        std::fs::write(bundle.path().join("SHA256SUMS"), b"").unwrap();
        assert_eq!(beside(&program), Some(library));
    }
}
