//! All roles in one component, whose path picks what it does to its host.
//!
//! | role and path | what happens |
//! |---|---|
//! | **responder** | |
//! | any | answers `responder` |
//! | **authorizer** | |
//! | `/allow` | allows, without variables |
//! | `/variables` | allows, with `AUTH_METHOD` and `user_id` |
//! | `/variable?NAME=VALUE` | allows with that variable, as it stands there, `%0a` and `%3a` decoded |
//! | `/deny` | denies with 401, `WWW-Authenticate` and a body |
//! | `/status?N` | denies with that status |
//! | `/told` | denies with 403 and the variables that it was told, one `NAME=value` a line |
//! | `/environment` | the same with its environment |
//! | `/trap`, `/loop`, `/exit` | panics, computes for ever, leaves the program |
//! | **filter** | |
//! | `/copy` | answers what the client sent, then the file, streaming; `x-last-modified` and `x-length` |
//! | `/count` | reads both and answers how long they are, or `broken` |
//! | `/file-first` | the same, but the file first |
//! | `/early` | begins its response, `early`, before it reads anything |
//! | `/never-reads` | answers without reading anything |
//! | `/trap` | panics |

#![expect(unsafe_code, reason = "what the bindings are made of")]

mod authorizer;
mod filter;

mod bindings {
    #![allow(clippy::all, clippy::pedantic, reason = "what the macro makes of the world")]

    wit_bindgen::generate!({
        inline: "
            package tests:roles;
            world roles {
                include fcgi-wasm-host:handler/authorizer@0.1.0;
                include fcgi-wasm-host:handler/filter@0.1.0;
            }
        ",
        path: "../../../wit",
        generate_all,
        with: {
            "wasi:http/types@0.2.12": wasip2::http::types,
            "wasi:io/streams@0.2.12": wasip2::io::streams,
            "wasi:io/error@0.2.12": wasip2::io::error,
            "wasi:io/poll@0.2.12": wasip2::io::poll,
        },
    });
}

use wasip2::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, OutputStream, ResponseOutparam,
};

struct Roles;

wasip2::http::proxy::export!(Roles);
bindings::export!(Roles with_types_in bindings);

impl wasip2::exports::http::incoming_handler::Guest for Roles {
    fn handle(_request: IncomingRequest, outparam: ResponseOutparam) {
        let Some((body, stream)) = begin(&[], outparam) else { return };
        let _ = stream.blocking_write_and_flush(b"responder\n");
        drop(stream);
        let _ = OutgoingBody::finish(body, None);
    }
}

/// Begins a response in plain text.
fn begin(headers: &[(&str, String)], outparam: ResponseOutparam) -> Option<(OutgoingBody, OutputStream)> {
    let fields = Fields::new();
    let _ = fields.append("content-type", b"text/plain");
    for (name, value) in headers {
        let _ = fields.append(name, value.as_bytes());
    }
    let response = OutgoingResponse::new(fields);
    let body = response.body().ok()?;
    ResponseOutparam::set(outparam, Ok(response));
    let stream = body.write().ok()?;
    Some((body, stream))
}
