//! Work that never ends, and memory that no host has.

use std::hint::black_box;

use wasip2::http::types::Fields;

/// A frame on the stack: as large as what a stack has below its end to catch an overflow.
const FRAME: usize = 64 << 10;

/// Runs in `_initialize`, where languages build their global values.
#[expect(unsafe_code, reason = "what runs before everything else is named by its section")]
#[used]
#[unsafe(link_section = ".init_array")]
static INITIALIZE: extern "C" fn() = initialize;

extern "C" fn initialize() {
    if std::env::var_os("HOSTILE_START").is_some() {
        compute();
    }
}

pub(crate) fn compute() -> ! {
    let mut step = 0_u64;
    loop {
        step = black_box(step.wrapping_add(1));
    }
}

pub(crate) fn grow(pages: u64) -> String {
    let pages = usize::try_from(pages).unwrap_or(usize::MAX);
    match memory_grow(pages) {
        usize::MAX => "refused\n".to_owned(),
        before => format!("{pages} pages more than {before}\n"),
    }
}

#[expect(clippy::large_stack_arrays, reason = "that is what it is for")]
pub(crate) fn frames(depth: u64) -> u64 {
    let frame = black_box([1_u8; FRAME]);
    if depth == u64::MAX { depth } else { frames(depth + 1) + u64::from(frame[FRAME / 2]) }
}

pub(crate) fn random(bytes: u64) -> ! {
    loop {
        black_box(wasip2::random::random::get_random_bytes(bytes));
    }
}

pub(crate) fn drops(count: u64) -> &'static str {
    (0..count).for_each(|_| drop(Fields::new()));
    "dropped\n"
}

pub(crate) fn errors() -> ! {
    let line = "so much to say ".repeat(200);
    loop {
        eprintln!("{line}");
    }
}

/// Grows the memory by so many pages.
#[cfg(target_arch = "wasm32")]
fn memory_grow(pages: usize) -> usize {
    core::arch::wasm32::memory_grow::<0>(pages)
}

/// The lints are read for another target, which has no such memory.
#[cfg(not(target_arch = "wasm32"))]
fn memory_grow(_pages: usize) -> usize {
    usize::MAX
}
