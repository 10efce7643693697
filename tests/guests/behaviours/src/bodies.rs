//! Behaviours that read and write bodies.

use std::thread;
use std::time::Duration;

use wasip2::http::types::Fields;

use crate::exchange::{Exchange, Output};

/// What generated bodies repeat: 64 bytes that end with a line's end.
pub(crate) const PATTERN: &[u8; 64] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-\n";

/// The size of large chunks, a multiple of the pattern's.
const CHUNK: usize = 64 * 1024;

/// The most that one blocking write takes.
const SMALL_CHUNK: usize = 4096;

pub(crate) fn echo(exchange: Exchange) {
    let mut headers = vec![
        ("content-type".to_owned(), "application/octet-stream".to_owned()),
        ("x-method".to_owned(), exchange.method()),
        ("x-path".to_owned(), exchange.path_with_query()),
    ];
    headers.extend(exchange.headers().into_iter().map(|(name, value)| (format!("x-request-{name}"), value)));
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();

    let Some(input) = exchange.input() else { return exchange.text(500, "no body\n") };
    let Some(output) = exchange.begin(200, &headers) else { return };
    // A body that breaks off ends this guest without an end of its own body.
    while let Some(bytes) = input.read().unwrap_or_else(|error| panic!("{error}")) {
        if output.write(&bytes).is_err() {
            return;
        }
    }
    output.finish();
}

pub(crate) fn give_back(exchange: Exchange) {
    let Some(input) = exchange.input() else { return exchange.text(500, "no body\n") };
    let mut body = Vec::new();
    while let Some(bytes) = input.read().unwrap_or_else(|error| panic!("{error}")) {
        body.extend(bytes);
    }
    let Some(output) = exchange.begin(200, &[("content-type", "application/octet-stream")]) else { return };
    if output.write(&body).is_ok() {
        output.finish();
    }
}

pub(crate) fn count(exchange: Exchange) {
    let Some(input) = exchange.input() else { return exchange.text(500, "no body\n") };
    let mut length = 0;
    loop {
        match input.read() {
            Ok(Some(bytes)) => length += bytes.len(),
            Ok(None) => return exchange.text(200, &format!("{length}\n")),
            Err(error) => {
                return exchange.text(400, &format!("the body breaks off after {length} bytes: {error}\n"));
            }
        }
    }
}

pub(crate) fn generate(exchange: Exchange) {
    write_pattern(exchange, CHUNK, Output::write);
}

pub(crate) fn generate_small(exchange: Exchange) {
    write_pattern(exchange, SMALL_CHUNK, Output::write_and_flush);
}

pub(crate) fn drip(exchange: Exchange) {
    let pause = Duration::from_millis(exchange.number("ms", 10));
    let chunks = exchange.number("chunks", 3);
    let say = exchange.parameter("say");
    let Some(output) = exchange.begin(200, &[("content-type", "text/plain")]) else { return };
    for chunk in 1..=chunks {
        if output.write_and_flush(format!("chunk {chunk}\n").as_bytes()).is_err() {
            return;
        }
        if chunk < chunks {
            thread::sleep(pause);
        }
    }
    if let Some(text) = say {
        eprintln!("{text}");
    }
    output.finish();
}

pub(crate) fn length_mismatch(exchange: Exchange) {
    let declared = exchange.number("declared", 10).to_string();
    let bytes = usize::try_from(exchange.number("bytes", 5)).unwrap_or(usize::MAX);
    let Some(output) = exchange.begin(200, &[("content-length", &declared)]) else { return };
    let _ = output.write("x".repeat(bytes).as_bytes());
    output.finish();
}

pub(crate) fn head(exchange: Exchange) {
    exchange.answer(200, &[("content-type", "text/plain"), ("content-length", "6")], "hello\n");
}

pub(crate) fn trailers(exchange: Exchange) {
    let Some(output) = exchange.begin(200, &[("trailer", "x-checksum")]) else { return };
    let _ = output.write(b"a body with a trailer\n");
    let trailers = Fields::new();
    let _ = trailers.append("x-checksum", b"1234");
    output.finish_with(Some(trailers));
}

pub(crate) fn never_reads(exchange: Exchange) {
    exchange.text(200, "not interested\n");
}

/// Writes as many bytes of the pattern as were asked for, `chunk` of them at a time.
fn write_pattern<E>(exchange: Exchange, chunk: usize, write: impl Fn(&Output, &[u8]) -> Result<(), E>) {
    let mut left = exchange.number("bytes", 0);
    let pattern = PATTERN.repeat(chunk / PATTERN.len());
    let Some(output) = exchange.begin(200, &[("content-type", "application/octet-stream")]) else { return };
    while left > 0 {
        let now = usize::try_from(left).unwrap_or(chunk).min(chunk);
        if write(&output, &pattern[..now]).is_err() {
            return;
        }
        left -= now as u64;
    }
    output.finish();
}
