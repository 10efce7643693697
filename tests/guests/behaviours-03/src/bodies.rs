//! Behaviours that read and write bodies.

use wasip3::clocks::monotonic_clock::wait_for;
use wasip3::http::types::{ErrorCode, Fields, Response};
use wasip3::wit_bindgen::{StreamReader, StreamResult, StreamWriter};
use wasip3::{spawn_local, wit_stream};

use crate::exchange::{Ending, Exchange, answer, begin, text};
use crate::faults::PAUSE;

/// What generated bodies repeat: 64 bytes that end with a line's end.
const PATTERN: &[u8; 64] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-\n";

/// How much is read or written at a time.
const CHUNK: usize = 64 * 1024;

pub(crate) fn echo(exchange: Exchange) -> Response {
    let (method, path) = (exchange.method(), exchange.path_with_query());
    let headers = [("content-type", "application/octet-stream"), ("x-method", &*method), ("x-path", &*path)];
    answer(200, &headers, async |mut output| {
        let (mut input, ended) = exchange.into_body();
        while let Some(bytes) = read(&mut input).await {
            if !output.write_all(bytes).await.is_empty() {
                return Ok(None);
            }
        }
        // A body that breaks off ends this guest without an end of its own body.
        ended.await.unwrap_or_else(|error| panic!("{error}"));
        Ok(None)
    })
}

pub(crate) fn pass(exchange: Exchange) -> Response {
    let (input, ended) = exchange.into_body();
    let (response, end, _) = begin(200, &[], input);
    spawn_local(async move {
        let ending = ended.await;
        let _ = end.write(ending).await;
    });
    response
}

pub(crate) fn both(exchange: Exchange) -> Response {
    answer(200, &[], async |output| {
        let (mut input, _ended) = exchange.into_body();
        let mut output = lines(output, 3).await;
        let mut length = 0;
        while let Some(bytes) = read(&mut input).await {
            length += bytes.len();
            output.write_all(format!("{length} bytes\n").into_bytes()).await;
        }
        Ok(None)
    })
}

pub(crate) async fn count(exchange: Exchange) -> Response {
    let (mut input, ended) = exchange.into_body();
    let mut length = 0;
    while let Some(bytes) = read(&mut input).await {
        length += bytes.len();
    }
    match ended.await {
        Ok(_) => text(200, &format!("{length}\n")),
        Err(error) => text(400, &format!("the body breaks off after {length} bytes: {error}\n")),
    }
}

pub(crate) fn generate(exchange: &Exchange) -> Response {
    let mut left = usize::try_from(exchange.number("bytes", 0)).unwrap_or(usize::MAX);
    answer(200, &[("content-type", "application/octet-stream")], async move |mut output| {
        let pattern = PATTERN.repeat(CHUNK / PATTERN.len());
        while left > 0 {
            let now = left.min(CHUNK);
            if !output.write_all(pattern[..now].to_vec()).await.is_empty() {
                break;
            }
            left -= now;
        }
        Ok(None)
    })
}

pub(crate) fn drip(exchange: &Exchange) -> Response {
    let pause = exchange.number("ms", 10) * 1_000_000;
    let chunks = exchange.number("chunks", 3);
    answer(200, &[("content-type", "text/plain")], async move |mut output| {
        for chunk in 1..=chunks {
            output.write_all(format!("chunk {chunk}\n").into_bytes()).await;
            if chunk < chunks {
                wait_for(pause).await;
            }
        }
        Ok(None)
    })
}

pub(crate) fn length_mismatch(exchange: &Exchange) -> Response {
    let declared = exchange.number("declared", 10).to_string();
    let bytes = usize::try_from(exchange.number("bytes", 5)).unwrap_or(usize::MAX);
    answer(200, &[("content-length", &declared)], async move |mut output| {
        output.write_all(vec![b'x'; bytes]).await;
        Ok(None)
    })
}

pub(crate) fn trailers() -> Response {
    answer(200, &[("trailer", "x-checksum")], async |mut output| {
        output.write_all(b"a body with a trailer\n".to_vec()).await;
        let trailers = Fields::from_list(&[("x-checksum".to_owned(), b"1234".to_vec())]);
        Ok(trailers.ok())
    })
}

pub(crate) fn afterwards(exchange: &Exchange) -> Response {
    let for_ever = exchange.path_with_query().ends_with("for-ever");
    let (mut output, pieces) = wit_stream::new();
    let (response, ended, _) = begin(200, &[("content-length", "5")], pieces);
    spawn_local(async move {
        output.write_all(b"done\n".to_vec()).await;
        drop((output, ended));
        wait_for(1_000_000).await;
        eprintln!("after its response");
        if for_ever {
            loop {
                wait_for(u64::MAX).await;
            }
        }
    });
    response
}

pub(crate) fn sent() -> Response {
    let (output, pieces) = wit_stream::new();
    let (response, ended, sent) = begin(200, &[], pieces);
    spawn_local(async move {
        drop((lines(output, 2).await, ended));
        eprintln!("sent: {:?}", sent.await);
    });
    response
}

pub(crate) fn breaks_off() -> Response {
    answer(200, &[], async |output| -> Ending {
        let _output = lines(output, 1).await;
        // Long enough for the host to send what there is.
        wait_for(PAUSE).await;
        Err(ErrorCode::InternalError(Some("as asked".to_owned())))
    })
}

/// Writes so many lines.
async fn lines(mut output: StreamWriter<u8>, count: u32) -> StreamWriter<u8> {
    for line in 1..=count {
        output.write_all(format!("line {line}\n").into_bytes()).await;
    }
    output
}

/// Waits for some bytes; `None` at the end of the body.
async fn read(input: &mut StreamReader<u8>) -> Option<Vec<u8>> {
    match input.read(Vec::with_capacity(CHUNK)).await {
        (StreamResult::Dropped, bytes) if bytes.is_empty() => None,
        (_, bytes) => Some(bytes),
    }
}
