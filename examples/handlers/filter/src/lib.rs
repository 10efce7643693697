//! A filter: numbers the lines of the file that the web server sends along, while it arrives.

#![expect(unsafe_code, reason = "what the bindings are made of")]

use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

mod bindings {
    #![allow(clippy::all, clippy::pedantic, reason = "what the macro makes of the world")]

    wit_bindgen::generate!({
        path: "../../../wit",
        world: "filter",
        generate_all,
        with: {
            "wasi:http/types@0.2.12": wasip2::http::types,
            "wasi:io/streams@0.2.12": wasip2::io::streams,
        },
    });
}

use bindings::exports::fcgi_wasm_host::handler::filtering::{File, Guest};

/// Read at once: what the web server sends in one record.
const PIECE: u64 = 64 << 10;

struct Numbers;

bindings::export!(Numbers with_types_in bindings);

impl Guest for Numbers {
    fn filter(_request: IncomingRequest, file: File, outparam: ResponseOutparam) {
        let headers = Fields::new();
        let _ = headers.append("content-type", b"text/plain");
        let _ = headers.append("x-last-modified", file.last_modified.to_string().as_bytes());
        let response = OutgoingResponse::new(headers);
        let Ok(body) = response.body() else { return };
        ResponseOutparam::set(outparam, Ok(response));
        let Ok(stream) = body.write() else { return };
        match number(&file.content, &stream) {
            Ok(()) => {
                drop(stream);
                let _ = OutgoingBody::finish(body, None);
            }
            // The body is not finished: the client sees that something is missing.
            Err(error) => eprintln!("the file cannot be read to its end: {error}"),
        }
    }
}

fn number(file: &InputStream, out: &OutputStream) -> Result<(), StreamError> {
    let (mut line, mut at_start) = (0, true);
    loop {
        let piece = match file.blocking_read(PIECE) {
            Ok(piece) => piece,
            Err(StreamError::Closed) => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut numbered = Vec::with_capacity(2 * piece.len());
        for byte in piece {
            if at_start {
                line += 1;
                numbered.extend_from_slice(format!("{line}: ").as_bytes());
            }
            numbered.push(byte);
            at_start = byte == b'\n';
        }
        write(out, &numbered)?;
    }
}

/// Writes all bytes, each time as many as the host takes.
fn write(out: &OutputStream, mut bytes: &[u8]) -> Result<(), StreamError> {
    while !bytes.is_empty() {
        let room = usize::try_from(out.check_write()?).unwrap_or(usize::MAX);
        if room == 0 {
            out.subscribe().block();
            continue;
        }
        let (now, later) = bytes.split_at(room.min(bytes.len()));
        out.write(now)?;
        bytes = later;
    }
    Ok(())
}
