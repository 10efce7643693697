//! An authorizer: whoever shows a ticket may go on, under the name that is on it.
//!
//! A web server asks it before it answers a request itself (Apache's `mod_authnz_fcgi` and `FcgidAuthorizer`, lighttpd's
//! `"mode" => "authorizer"`, nginx's `auth_request`). Here, the ticket is a cookie `ticket` that names the user, and the
//! tickets that count are files in the folder `/tickets`, which the operator mounts:
//!
//! ```text
//! fcgi-wasm-host --listen /run/tickets.sock --module authorizer.wasm --mount /srv/tickets:/tickets
//! ```

#![expect(unsafe_code, reason = "what the bindings are made of")]

use std::path::Path;

mod bindings {
    #![allow(clippy::all, clippy::pedantic, reason = "what the macro makes of the world")]

    wit_bindgen::generate!({ path: "../../../wit", world: "authorizer", generate_all });
}

use bindings::{
    exports::fcgi_wasm_host::handler::authorization::{Decision, Denial, Guest},
    fcgi_wasm_host::handler::cgi::Variable,
};

/// Where the operator mounts the tickets.
const TICKETS: &str = "/tickets";

struct Tickets;

bindings::export!(Tickets with_types_in bindings);

impl Guest for Tickets {
    fn authorize(variables: Vec<Variable>) -> Decision {
        let cookies = variables.iter().find(|(name, _)| name == "HTTP_COOKIE");
        let cookies = cookies.map_or("", |(_, value)| str::from_utf8(value).unwrap_or_default());
        match cookies.split("; ").find_map(|cookie| cookie.strip_prefix("ticket=")) {
            Some(user) if is_name(user) && Path::new(TICKETS).join(user).is_file() => {
                Decision::Allow(vec![("TICKET_OF".to_owned(), user.as_bytes().to_vec())])
            }
            _ => Decision::Deny(no_ticket()),
        }
    }
}

/// Letters alone: nothing that leads out of the folder.
fn is_name(user: &str) -> bool {
    !user.is_empty() && user.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn no_ticket() -> Denial {
    Denial {
        status: 403,
        headers: vec![("Content-Type".to_owned(), b"text/plain; charset=utf-8".to_vec())],
        body: b"Please buy a ticket first.\n".to_vec(),
    }
}
