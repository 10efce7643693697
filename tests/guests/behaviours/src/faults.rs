//! Behaviours that a host must survive.

use std::hint::black_box;
use std::thread;
use std::time::Duration;

use wasip2::http::types::ErrorCode;

use crate::exchange::{Exchange, Output};

/// What the late faults send before they happen.
const HALF: &str = "half of a body\n";

/// How much `memory` asks for at a time.
const STEP: usize = 1024 * 1024;

pub(crate) fn trap(_: Exchange) {
    panic!("as asked");
}

pub(crate) fn trap_late(exchange: Exchange) {
    let pause = pause(&exchange);
    let _output = half(exchange);
    thread::sleep(pause);
    panic!("as asked, late");
}

pub(crate) fn trap_after_head(exchange: Exchange) {
    let pause = pause(&exchange);
    let _output = exchange.begin(200, &[]);
    thread::sleep(pause);
    panic!("as asked, after the head");
}

pub(crate) fn break_late(exchange: Exchange) {
    let pause = pause(&exchange);
    let _output = half(exchange);
    thread::sleep(pause);
}

pub(crate) fn endless_loop(_: Exchange) {
    compute_for_ever();
}

pub(crate) fn endless_loop_late(exchange: Exchange) {
    let _output = half(exchange);
    compute_for_ever();
}

pub(crate) fn memory(exchange: Exchange) {
    let mut blocks: Vec<Vec<u8>> = Vec::new();
    loop {
        let mut block = Vec::new();
        if block.try_reserve_exact(STEP).is_err() {
            break;
        }
        // Written, so that the host must really find the pages.
        block.resize(STEP, 1);
        blocks.push(black_box(block));
    }
    let given = blocks.len();
    // The answer needs some memory, too.
    drop(blocks);
    exchange.text(200, &format!("{given}\n"));
}

pub(crate) fn recurse(exchange: Exchange) {
    let depth = deeper(0);
    exchange.text(200, &format!("{depth}\n"));
}

pub(crate) fn endless(exchange: Exchange) {
    let line = [b'x'; 4096];
    let Some(output) = exchange.begin(200, &[]) else { return };
    while output.write(&line).is_ok() {}
}

pub(crate) fn stalls_reading(_exchange: Exchange) {
    loop {
        thread::sleep(Duration::MAX);
    }
}

pub(crate) fn sleep(exchange: Exchange) {
    let pause = exchange.number("ms", 0);
    thread::sleep(Duration::from_millis(pause));
    exchange.text(200, &format!("slept {pause} ms\n"));
}

#[expect(clippy::needless_pass_by_value, reason = "the signature of all behaviours")]
pub(crate) fn exit(exchange: Exchange) {
    let code = i32::try_from(exchange.number("code", 0)).unwrap_or(1);
    std::process::exit(code);
}

pub(crate) fn no_response(exchange: Exchange) {
    drop(exchange);
}

pub(crate) fn error(exchange: Exchange) {
    exchange.fail(ErrorCode::InternalError(Some("as asked".to_owned())));
}

fn pause(exchange: &Exchange) -> Duration {
    Duration::from_millis(exchange.number("ms", 0))
}

/// Sends the headers and the first half of a body; the output must be kept for the body to stay open.
fn half(exchange: Exchange) -> Option<Output> {
    let output = exchange.begin(200, &[("content-type", "text/plain")])?;
    let _ = output.write(HALF.as_bytes());
    let _ = output.flush();
    Some(output)
}

fn compute_for_ever() -> ! {
    let mut step = 0_u64;
    loop {
        step = black_box(step.wrapping_add(1));
    }
}

/// Uses stack for every call: the result is needed after the call, so that it cannot become a loop.
fn deeper(depth: u64) -> u64 {
    let frame = black_box([depth; 8]);
    if depth == u64::MAX { depth } else { deeper(depth + 1).wrapping_add(frame[0]) }
}
