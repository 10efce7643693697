//! Behaviours that a host must survive.

use std::hint::black_box;

use wasip3::clocks::monotonic_clock::wait_for;
use wasip3::http::types::Response;
use wasip3::wit_bindgen::StreamWriter;
use wasip3::wit_stream;

use crate::exchange::{Exchange, answer, text};

/// What the late faults send before they happen.
const HALF: &str = "half of a body\n";

/// Nanoseconds between half of a body and the fault.
pub(crate) const PAUSE: u64 = 50_000_000;

/// How much `memory` asks for at a time.
const STEP: usize = 1024 * 1024;

pub(crate) fn trap_late() -> Response {
    half(|| panic!("as asked, late"))
}

pub(crate) fn loop_late() -> Response {
    half(|| compute_for_ever())
}

pub(crate) fn memory() -> Response {
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
    text(200, &format!("{given}\n"))
}

pub(crate) fn endless() -> Response {
    answer(200, &[], async |mut output: StreamWriter<u8>| {
        while output.write_all(vec![b'x'; 4096]).await.is_empty() {}
        Ok(None)
    })
}

pub(crate) async fn wait_for_ever(_unread: Exchange) -> ! {
    loop {
        wait_for(u64::MAX).await;
    }
}

pub(crate) async fn sleep(exchange: &Exchange) -> Response {
    let pause = exchange.number("ms", 0);
    wait_for(pause * 1_000_000).await;
    text(200, &format!("slept {pause} ms\n"))
}

pub(crate) fn streams() -> Response {
    let mut streams = Vec::new();
    loop {
        streams.push(wit_stream::new::<u8>());
    }
}

pub(crate) fn compute_for_ever() -> ! {
    let mut step = 0_u64;
    loop {
        step = black_box(step.wrapping_add(1));
    }
}

/// Sends the headers and the first half of a body, which stays open.
fn half(then: fn() -> ()) -> Response {
    answer(200, &[("content-type", "text/plain")], async move |mut output: StreamWriter<u8>| {
        output.write_all(HALF.as_bytes().to_vec()).await;
        // Long enough for the host to send what there is.
        wait_for(PAUSE).await;
        then();
        drop(output);
        Ok(None)
    })
}
