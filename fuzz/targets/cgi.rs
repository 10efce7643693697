//! What a CGI program writes, see `checks::cgi`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| checks::cgi(input));
