//! A Windows for tests: wine with a drive C: of its own, where the collector's
//! real .exe runs.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Wine 8 lacks the library that Rust takes its random numbers from; a stand-in
/// passes them on from where wine has them.
const RANDOM_NUMBERS: &str = "#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE bytes, SIZE_T len)
{ return SystemFunction036(bytes, (ULONG)len); }
";

/// Opens a file for itself alone, says so, and lets go when its input ends.
const HOLDER: &str = "#include <windows.h>
#include <stdio.h>
int main(int count, char **words) {
    if (count < 2 || CreateFileA(words[1], GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL)
            == INVALID_HANDLE_VALUE)
        return 1;
    puts(\"held\");
    fflush(stdout);
    getchar();
    return 0;
}
";

/// A drive C: with the collector on it; everything that runs there ends with
/// it.
pub(crate) struct Wine {
    folder: tempfile::TempDir,
    /// A shell that waits for input: wine ends its services with the last
    /// program that a person started.
    person: Option<Child>,
}

impl Wine {
    /// A fresh Windows, or loud words on what is not tested.
    /// `KBWATCH_REQUIRE_WINE` turns the words into a failure.
    pub(crate) fn start() -> Option<Self> {
        let exe = executable();
        let missing = if Command::new("wine").arg("--version").output().is_err() {
            "wine is missing: apt-get install wine wine64".to_owned()
        } else if !exe.is_file() {
            format!("{} is missing: ./run setup && ./run test", exe.display())
        } else {
            return Some(Self::install(&exe));
        };
        let words = format!("NOT TESTED: the collector's .exe. {missing}\n");
        assert!(
            std::env::var_os("KBWATCH_REQUIRE_WINE").is_none(),
            "{words}"
        );
        // Past the test harness, which would keep the words to itself.
        std::io::Write::write_all(&mut std::io::stderr(), words.as_bytes()).unwrap();
        None
    }

    fn install(exe: &Path) -> Self {
        let mut wine = Self {
            folder: tempfile::tempdir().unwrap(),
            person: None,
        };
        let booted = wine.command("wineboot").arg("--init").status().unwrap();
        assert!(booted.success(), "wineboot: {booted}");
        // What starts while the first boot shuts down finds no services.
        let ended = wine.command("wineserver").arg("--wait").status().unwrap();
        assert!(ended.success(), "wineserver: {ended}");
        let programs = wine.drive_c().join("kbwatch");
        std::fs::create_dir_all(&programs).unwrap();
        std::fs::copy(exe, programs.join("kbwatch-collector.exe")).unwrap();
        wine.compile(
            RANDOM_NUMBERS,
            &["-shared", "-ladvapi32"],
            "bcryptprimitives.dll",
        );
        let mut shell = wine.command("wine");
        wine.person = Some(shell.arg("cmd").stdin(Stdio::piped()).spawn().unwrap());
        wine
    }

    /// Puts what a piece of C becomes beside the collector.
    fn compile(&self, text: &str, options: &[&str], name: &str) {
        let source = self.folder.path().join("source.c");
        std::fs::write(&source, text).unwrap();
        let built = Command::new("x86_64-w64-mingw32-gcc")
            .args(["-s", "-o"])
            .arg(self.drive_c().join("kbwatch").join(name))
            .arg(&source)
            .args(options)
            .status()
            .unwrap();
        assert!(built.success(), "x86_64-w64-mingw32-gcc: {built}");
    }

    /// Opens a file of this Windows so that nobody else can, until it is dropped.
    pub(crate) fn hold(&self, file: &str) -> Running {
        self.compile(HOLDER, &[], "hold.exe");
        let mut child = self
            .command("wine")
            .args([r"C:\kbwatch\hold.exe", file])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut said).unwrap();
        assert_eq!(said.trim(), "held");
        Running { child }
    }

    /// A program of wine's host side, in this Windows.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("WINEPREFIX", self.folder.path().join("windows"))
            .env("WINEDEBUG", "-all")
            // Neither .NET nor a browser is offered for download.
            .env("WINEDLLOVERRIDES", "mscoree,mshtml=")
            .env_remove("DISPLAY")
            .env("RUST_LOG", "info")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }

    /// What is C:\ on the inside.
    pub(crate) fn drive_c(&self) -> PathBuf {
        self.folder.path().join("windows/drive_c")
    }

    /// Runs a program of this Windows to its end; returns its exit code and
    /// what it printed.
    pub(crate) fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self
            .command("wine")
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (
            output.status.code(),
            String::from_utf8_lossy(&said).into_owned(),
        )
    }

    /// Starts the collector, until it is killed.
    pub(crate) fn start_collector(&self) -> Running {
        let child = self
            .command("wine")
            .arg(r"C:\kbwatch\kbwatch-collector.exe")
            .args(["run", "--config", r"C:\ProgramData\kbwatch\collector.toml"])
            .spawn()
            .unwrap();
        Running { child }
    }
}

impl Drop for Wine {
    fn drop(&mut self) {
        // Ends what runs in this Windows and in no other.
        drop(self.command("wineserver").arg("--kill").status());
        if let Some(mut person) = self.person.take() {
            drop(person.kill());
            drop(person.wait());
        }
    }
}

/// A program at work; it is killed when it is dropped.
pub(crate) struct Running {
    child: Child,
}

impl Running {
    /// Whether it has not ended by itself.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The collector's .exe: `KBWATCH_WINDOWS_EXE`, or where cargo puts it.
pub(crate) fn executable() -> PathBuf {
    if let Some(path) = std::env::var_os("KBWATCH_WINDOWS_EXE") {
        return path.into();
    }
    let ours = Path::new(env!("CARGO_BIN_EXE_kbwatch"));
    let target = ours.ancestors().nth(2).unwrap();
    target.join("x86_64-pc-windows-gnu/endpoint/kbwatch-collector.exe")
}
