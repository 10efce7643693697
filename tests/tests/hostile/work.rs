//! Time and memory.

use std::fs;

use tests::TestHost;

use crate::{bad, fails, hostile, said, sites, suffer};

/// `loop`.
const FOR_EVER: &[u8] = &[0x03, 0x40, 0x0c, 0, 0x0b];

/// `loop`, with a table that grows by a thousand elements each time, and `unreachable` once it does not.
const GROW: &[u8] = &[
    0x03, 0x40, 0xd0, 0x70, 0x41, 0xe8, 0x07, 0xfc, 0x0f, 0, 0x41, 0x7f, 0x46, 0x04, 0x40, 0, 0x0b, 0x0c, 0,
    0x0b,
];

/// A program of WASI preview 1 with a table, whose only function has that code; it may run before everything else.
fn program(code: &[u8], at_start: bool) -> Vec<u8> {
    let length = |bytes: &[u8]| u8::try_from(bytes.len()).expect("a short section");
    let section = |id: u8, content: &[u8]| joined(&[&[id, length(content)], content]);
    let body = joined(&[&[0], code, &[0x0b]]);
    let exports = joined(&[&[2, 6], b"memory", &[2, 0, 6], b"_start", &[0, 0]]);
    joined(&[
        b"\0asm\x01\0\0\0",
        &section(1, &[1, 0x60, 0, 0]),
        &section(3, &[1, 0]),
        &section(4, &[1, 0x70, 0, 1]),
        &section(5, &[1, 0, 1]),
        &section(7, &exports),
        &if at_start { section(8, &[0]) } else { Vec::new() },
        &section(10, &joined(&[&[1, length(&body)], &body])),
    ])
}

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

fn start(program: &[u8]) -> TestHost {
    let host = sites("$FOLDER/program.wasm", "limits = { deadline = \"300ms\" }");
    fs::write(host.folder().join("program.wasm"), program).expect("a module");
    host.start()
}

#[test]
fn a_start_that_never_ends() {
    let host = start(&program(FOR_EVER, true));
    fails(&host, "/", 504, "did not finish within its deadline of 300ms");
}

#[test]
fn an_initialization_that_never_ends() {
    let host = hostile("env = { HOSTILE_START = \"yes\" }").start();
    fails(&host, "/grow?1", 504, "did not finish within its deadline of 500ms");
    let cpu = sites(
        "$GUESTS/hostile.wasm",
        "limits = { deadline = \"20s\", cpu = \"200ms\" }\nenv = { HOSTILE_START = \"yes\" }",
    );
    fails(&cpu.start(), "/grow?1", 504, "the handler used up its 200ms of the processor's time");
}

#[test]
fn a_loop_after_the_answer() {
    let host = hostile("").start();
    fails(&host, "/loop-after", 504, "did not finish within its deadline of 500ms");
}

#[test]
fn much_memory_at_once() {
    let host = hostile("").start();
    for pages in ["65535", "20000", "1100"] {
        assert_eq!(suffer(&host, &bad(&format!("/grow?{pages}"))).text(), "refused\n", "{pages}");
    }
    assert!(host.get("/visits").is_complete());
}

#[test]
fn a_table_that_grows_for_ever() {
    let host = start(&program(GROW, false));
    fails(&host, "/", 502, "elements, which is more than any instance gets");
}

#[test]
fn large_frames_on_the_stack() {
    let host = hostile("").start();
    fails(&host, "/frames", 502, "the handler trapped");
}

#[test]
fn random_bytes_for_ever() {
    let host = hostile("").start();
    fails(&host, "/random?1048577", 502, "requested len 1048577 exceeds limit 1048576");
    fails(&host, "/random?18446744073709551615", 502, "exceeds limit 1048576");
    fails(&host, "/random?1048576", 504, "did not finish within its deadline of 500ms");
}

#[test]
fn a_million_handles_one_after_the_other() {
    let host = sites("$GUESTS/hostile.wasm", "").start();
    assert_eq!(suffer(&host, &bad("/drops?1000000")).text(), "dropped\n");
}

#[test]
fn standard_error_for_ever() {
    let host = hostile("").start();
    let response = fails(&host, "/errors", 504, "more bytes of standard error dropped");
    assert!(response.stderr.len() < 70_000, "{} bytes", response.stderr.len());
    assert!(said(&response).starts_with("so much to say"));
}
