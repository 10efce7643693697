//! Answers that are none.

use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, ResponseOutparam};
use wasip2::io::streams::StreamError;

use crate::{begin, write};

/// Bytes of one trailer.
const TRAILER: usize = 1000;

pub(crate) fn headers(outparam: ResponseOutparam, count: u64) {
    let fields = Fields::new();
    let taken = (0..count).take_while(|number| fields.append(&format!("x-{number}"), b"x").is_ok()).count();
    let body = begin(outparam, fields);
    write(&body, &format!("{taken} taken\n"));
    OutgoingBody::finish(body, None).expect("an end");
}

pub(crate) fn trailers(outparam: ResponseOutparam, bytes: u64) {
    let body = begin(outparam, Fields::new());
    write(&body, "a body\n");
    let trailers = Fields::new();
    let count = usize::try_from(bytes).unwrap_or(usize::MAX).div_ceil(TRAILER);
    let value = [b'x'; TRAILER];
    let taken = (0..count).take_while(|number| trailers.append(&format!("x-{number}"), &value).is_ok());
    eprintln!("{} of {count} trailers taken", taken.count());
    OutgoingBody::finish(body, Some(trailers)).expect("an end");
}

pub(crate) fn twice(outparam: ResponseOutparam) {
    #[expect(unsafe_code, reason = "the same handle once more: what is safe takes it away")]
    let again = unsafe { ResponseOutparam::from_handle(outparam.handle()) };
    crate::answer(outparam, "the first one\n");
    crate::answer(again, "the second one\n");
}

pub(crate) fn unfinished(outparam: ResponseOutparam) {
    let body = begin(outparam, Fields::new());
    write(&body, "half of a body\n");
}

pub(crate) fn reads_late(request: &IncomingRequest, outparam: ResponseOutparam) {
    crate::answer(outparam, "all of it\n");
    let body = request.consume().expect("a body");
    let stream = body.stream().expect("a stream");
    let mut length = 0;
    loop {
        match stream.blocking_read(1 << 16) {
            Ok(piece) => length += piece.len(),
            Err(StreamError::Closed) => break,
            Err(error) => panic!("{error}"),
        }
    }
    eprintln!("read {length} bytes late");
}
