//! Name-value pairs, see `checks::params`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| checks::params(input));
