//! One binary for all fuzz targets, chosen by `KBWATCH_FUZZ_TARGET`: coverage
//! guides libFuzzer, and what a target promises is asserted on every input.
//!
//! Built by `./run soak fuzz` on a stable toolchain: the instrumentation is a
//! pass of LLVM that rustc takes as a code-generation option.

#![no_main]

mod promises;
mod seeds;
mod targets;

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

use crate::targets::Target;

static TARGET: OnceLock<Target> = OnceLock::new();

/// Reads the target's name and writes what its corpus starts from.
fn choose() {
    let name = std::env::var("KBWATCH_FUZZ_TARGET").unwrap_or_default();
    let target = Target::named(&name).unwrap_or_else(|| {
        panic!(
            "no target {name:?}; known are {}",
            Target::names().join(" ")
        )
    });
    if let Ok(folder) = std::env::var("KBWATCH_FUZZ_SEEDS") {
        seeds::write(target, folder.as_ref());
    }
    TARGET.get_or_init(|| target);
    pass_over_caught_panics();
}

/// libFuzzer takes every panic for a finding. The LZX decoder asserts what a
/// damaged cabinet may not hold, and its caller expects that: its panics are
/// caught there.
fn pass_over_caught_panics() {
    let deadly = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let caught = panic
            .location()
            .is_some_and(|place| place.file().contains("/lzxd-"));
        if !caught {
            deadly(panic);
        }
    }));
}

fuzz_target!(init: choose(), |data: &[u8]| {
    if let Some(target) = TARGET.get() {
        target.run(data);
    }
});
