//! Handlers that mean harm, beside a site that must not notice: the table of docs/hostile-handlers.md.

mod answers;
mod files;
mod handles;
mod outbound;
mod table;
mod work;

use std::time::{Duration, Instant};

use tests::{Builder, Request, Response, TestHost};

/// How much later than otherwise the other site may answer.
const DELAY: Duration = Duration::from_millis(100);

/// How often that is tried: a machine that does something else for a moment delays requests, too.
const ATTEMPTS: usize = 5;

/// A host of two sites: one that is to be left alone, and `bad.example` with this module and these settings.
fn sites(module: &str, settings: &str) -> Builder {
    within("", module, settings)
}

/// The same, with settings of the whole host.
fn within(host: &str, module: &str, settings: &str) -> Builder {
    TestHost::settings(&format!(
        "cache-dir = \"$CACHE\"\n{host}\n[[listen]]\naddress = \"$SOCKET\"\n\
         [[site]]\nname = \"good\"\nmodule = \"$GUESTS/behaviours.wasm\"\n\
         [[site]]\nname = \"bad\"\nhosts = [\"bad.example\"]\nmodule = \"{module}\"\n{settings}\n"
    ))
}

/// The host whose bad site is the guest that means harm, for at most half a second.
fn hostile(settings: &str) -> Builder {
    sites("$GUESTS/hostile.wasm", &format!("limits = {{ deadline = \"500ms\" }}\n{settings}"))
}

/// A request for the bad site.
fn bad(uri: &str) -> Request {
    Request::get(uri).variable("HTTP_HOST", "bad.example")
}

/// A mount of the bad site, as its settings say it.
fn mount(folder: &std::path::Path, access: &str) -> String {
    format!("mounts = [{{ host = \"{}\", guest = \"/data\", access = \"{access}\" }}]", folder.display())
}

/// What comes of a request, with the other site answered in time meanwhile and afterwards.
fn suffer(host: &TestHost, request: &Request) -> Response {
    for _ in 0..ATTEMPTS {
        let mut running = host.begin(request.clone());
        let mut slowest = Duration::ZERO;
        loop {
            let is_over = running.is_over();
            let started = Instant::now();
            assert_eq!(host.get("/visits").text(), "1\n");
            slowest = slowest.max(started.elapsed());
            if is_over {
                break;
            }
        }
        if slowest < DELAY {
            return running.finish();
        }
        eprintln!("another site waited for {slowest:?}");
    }
    panic!("other sites wait for more than {DELAY:?}; the log:\n{}", host.log())
}

/// Checks that a request ends with a page of the host's and a line of the log.
fn fails(host: &TestHost, uri: &str, status: u16, line: &str) -> Response {
    let response = suffer(host, &bad(uri));
    assert_eq!((response.status(), response.is_complete()), (status, true), "{uri}: {response:?}");
    host.log_line(line);
    response
}

/// What a handler has said on its standard error.
fn said(response: &Response) -> String {
    String::from_utf8_lossy(&response.stderr).into_owned()
}
