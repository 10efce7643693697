//! Filters, good and bad ones.

use wasip2::{
    http::types::{IncomingBody, IncomingRequest, OutgoingBody, ResponseOutparam},
    io::streams::{InputStream, OutputStream, StreamError},
};

use crate::{
    Roles, begin,
    bindings::exports::fcgi_wasm_host::handler::filtering::{File, Guest},
};

/// Read at once.
const PIECE: u64 = 64 << 10;

impl Guest for Roles {
    fn filter(request: IncomingRequest, file: File, outparam: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let Ok(input) = request.consume() else { return };
        match path.as_str() {
            "/copy" => copy(&input, &file, outparam),
            "/count" => {
                let body = length(&body(&input));
                answer(&format!("body {body}, file {}\n", length(&file.content)), outparam);
            }
            "/file-first" => {
                let file = length(&file.content);
                answer(&format!("body {}, file {file}\n", length(&body(&input))), outparam);
            }
            "/early" => early(&file, outparam),
            "/never-reads" => answer("unread\n", outparam),
            _ => panic!("as asked"),
        }
    }
}

fn copy(input: &IncomingBody, file: &File, outparam: ResponseOutparam) {
    let told = [("x-last-modified", file.last_modified.to_string()), ("x-length", file.length.to_string())];
    let Some((response, out)) = begin(&told, outparam) else { return };
    let copied = pass(&body(input), |piece| write(&out, piece))
        .and_then(|()| pass(&file.content, |piece| write(&out, piece)));
    drop(out);
    // Else the body is not finished: the client sees that something is missing.
    if copied.is_ok() {
        let _ = OutgoingBody::finish(response, None);
    }
}

fn early(file: &File, outparam: ResponseOutparam) {
    let Some((response, out)) = begin(&[], outparam) else { return };
    let _ = write(&out, b"early\n");
    let _ = out.flush();
    let length = length(&file.content);
    let _ = write(&out, format!("file {length}\n").as_bytes());
    drop(out);
    let _ = OutgoingBody::finish(response, None);
}

fn answer(text: &str, outparam: ResponseOutparam) {
    let Some((response, out)) = begin(&[], outparam) else { return };
    let _ = write(&out, text.as_bytes());
    drop(out);
    let _ = OutgoingBody::finish(response, None);
}

fn body(input: &IncomingBody) -> InputStream {
    input.stream().unwrap_or_else(|()| panic!("the body is taken once"))
}

/// How long a stream is, for people.
fn length(stream: &InputStream) -> String {
    let mut length = 0;
    let count = |piece: &[u8]| {
        length += piece.len();
        Ok(())
    };
    match pass(stream, count) {
        Ok(()) => length.to_string(),
        Err(_) => "broken".to_owned(),
    }
}

/// Hands on every piece of a stream.
fn pass(
    stream: &InputStream,
    mut each: impl FnMut(&[u8]) -> Result<(), StreamError>,
) -> Result<(), StreamError> {
    loop {
        match stream.blocking_read(PIECE) {
            Ok(piece) => each(&piece)?,
            Err(StreamError::Closed) => return Ok(()),
            Err(error) => return Err(error),
        }
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
