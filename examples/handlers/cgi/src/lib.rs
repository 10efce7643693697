//! A `wasi:http` handler that reads the request's CGI variables: who the web server says the client is, and how it split
//! the URL. No header can forge what is read here.
//!
//! `GET /NAME` answers with the variable of that name; any other request with all of them.

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

mod bindings {
    #![allow(clippy::all, clippy::pedantic, reason = "what the macro makes of the world")]

    wit_bindgen::generate!({
        inline: "
            package example:cgi;
            world reader { import fcgi-wasm-host:handler/cgi@0.1.0; }
        ",
        path: "../../../wit",
        generate_all,
    });
}

use bindings::fcgi_wasm_host::handler::cgi;

struct Reader;

wasip2::http::proxy::export!(Reader);

impl Guest for Reader {
    fn handle(request: IncomingRequest, outparam: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        match cgi::get(path.trim_start_matches('/')) {
            Some(value) => respond(&value, outparam),
            None => respond(&all(), outparam),
        }
    }
}

/// Every variable on a line of its own.
fn all() -> Vec<u8> {
    let lines = cgi::all().into_iter().map(|(name, value)| [name.as_bytes(), b"=", &value, b"\n"].concat());
    lines.collect::<Vec<_>>().concat()
}

fn respond(text: &[u8], outparam: ResponseOutparam) {
    let headers = Fields::new();
    let _ = headers.append("content-type", b"text/plain");
    let response = OutgoingResponse::new(headers);
    let Ok(body) = response.body() else { return };
    ResponseOutparam::set(outparam, Ok(response));
    let Ok(stream) = body.write() else { return };
    // A stream takes at most 4096 bytes in one such call.
    if text.chunks(4096).all(|piece| stream.blocking_write_and_flush(piece).is_ok()) {
        drop(stream);
        let _ = OutgoingBody::finish(body, None);
    }
}
