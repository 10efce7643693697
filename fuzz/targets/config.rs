//! Settings as an operator writes them.

#![no_main]

#[path = "../../host/tests/settings/check.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| check::settings(input));
