//! The application's state machine, see `checks::connection`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| checks::connection(input));
