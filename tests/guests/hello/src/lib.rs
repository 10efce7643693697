//! The least that a `wasi:http` component can do: every request is answered with `hello` in plain text.
//!
//! The benchmark measures its host with this guest, so it does nothing that costs: no allocation of its own,
//! no formatting, no look at the request, one write that fits into what the stream always takes at once. What can be left
//! to the end of the instance is not given back, and what cannot fail here is not cleaned up after: each import that is not
//! there need not be linked.

use std::mem::forget;

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct Hello;

wasip2::http::proxy::export!(Hello);

impl Guest for Hello {
    fn handle(request: IncomingRequest, outparam: ResponseOutparam) {
        forget(request);
        let fields = Fields::new();
        sure(fields.append("content-type", b"text/plain"));
        let response = OutgoingResponse::new(fields);
        let body = sure(response.body());
        ResponseOutparam::set(outparam, Ok(response));
        let stream = sure(body.write());
        sure(stream.blocking_write_and_flush(b"hello\n"));
        drop(stream);
        sure(OutgoingBody::finish(body, None));
    }
}

/// The result of what cannot fail; the instance ends if it did.
fn sure<T, E>(result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => {
            forget(error);
            std::process::abort()
        }
    }
}
