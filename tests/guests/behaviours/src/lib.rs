//! One component whose path picks what it does, well or badly, to its host.
//!
//! | path | what happens |
//! |---|---|
//! | **mirrors** | |
//! | `/headers` | answers method, scheme, authority, path-with-query and all request headers, a line each |
//! | `/env`, `/env/…` | answers the environment, one `NAME=value` a line |
//! | `/visits` | answers how many requests this instance has seen, this one included |
//! | `/status?code=N` | answers with status N |
//! | `/redirect?to=URL` | answers 302 to URL, or to `/elsewhere` |
//! | `/cookies` | sets two cookies |
//! | `/bad-header[?name=N&value=V]` | tries headers that are not its to set; answers which were refused |
//! | `/with?NAME=VALUE&…` | answers with these headers; `status=N` is the status |
//! | `/big-header?bytes=N` | answers with a header of N bytes |
//! | `/stderr?bytes=N`, `/stdout?bytes=N` | writes N bytes in lines, or two lines, to that stream; then answers |
//! | **bodies** | |
//! | `/echo` | streams the body back; `x-method`, `x-path` and `x-request-NAME` headers tell the rest |
//! | `/return` | reads the body to its end and answers it |
//! | `/count` | reads the body and answers its length; 400 if the body breaks off |
//! | `/generate?bytes=N` | writes N bytes of [`PATTERN`](bodies::PATTERN) in large chunks |
//! | `/generate-small?bytes=N` | the same in blocking writes of 4096 bytes |
//! | `/drip?chunks=N&ms=M[&say=TEXT]` | writes N lines, each flushed and M ms after the one before; then says TEXT to standard error |
//! | `/length-mismatch?declared=N&bytes=M` | declares N bytes, by default 10, and writes M, by default 5 |
//! | `/head` | declares six bytes and writes them, even when asked with HEAD |
//! | `/trailers` | ends its body with a trailer |
//! | `/never-reads` | answers without looking at the body |
//! | **files** | |
//! | `/open?path=P` | answers the file's content |
//! | `/write?path=P` | creates or replaces the file |
//! | `/list?path=P` | answers the folder's sorted names, a line each |
//! | **faults** | |
//! | `/trap`, `/trap-after-head?ms=N`, `/trap-late?ms=N` | panics before its answer; after its headers, or half of its body too, and a pause |
//! | `/break-late?ms=N` | returns, without a word, N ms after half of its body |
//! | `/loop`, `/loop-late` | computes for ever, likewise |
//! | `/memory` | allocates until refused, then answers how many MiB it was given |
//! | `/recurse` | calls itself for ever |
//! | `/endless` | writes its body for ever |
//! | `/stalls-reading` | sleeps for ever, with the body unread and no answer |
//! | `/sleep?ms=N` | answers after N ms |
//! | `/exit?code=N` | leaves the program, as a failure unless N is 0, instead of answering |
//! | `/no-response` | returns without an answer |
//! | `/error` | answers that it cannot answer |
//!
//! Files that cannot be used are answered with 404 or 403 and the error; everything else with 404. Of a path with `/try/` in
//! it, what is behind that counts: a wiki's site may have a route for that action.

mod bodies;
mod exchange;
mod faults;
mod files;
mod mirrors;

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

use crate::exchange::Exchange;

struct Behaviours;

/// What stands before a behaviour's path where a wiki's site has a route for them.
const ACTION: &str = "/try";

wasip2::http::proxy::export!(Behaviours);

impl Guest for Behaviours {
    fn handle(request: IncomingRequest, outparam: ResponseOutparam) {
        let exchange = Exchange::new(request, outparam);
        let path = exchange.path();
        let own = path.split_once(ACTION).map_or(&*path, |(_, own)| own);
        match behaviour(own) {
            Some(behave) => behave(exchange),
            None => exchange.text(404, "no such behaviour\n"),
        }
    }
}

fn behaviour(path: &str) -> Option<fn(Exchange)> {
    Some(match path {
        "/headers" => mirrors::headers,
        "/env" => mirrors::env,
        "/visits" => mirrors::visits,
        "/status" => mirrors::status,
        "/redirect" => mirrors::redirect,
        "/cookies" => mirrors::cookies,
        "/bad-header" => mirrors::bad_header,
        "/with" => mirrors::with,
        "/big-header" => mirrors::big_header,
        "/stderr" => mirrors::stderr,
        "/time" => mirrors::time,
        "/chance" => mirrors::chance,
        "/stdout" => mirrors::stdout,
        "/echo" => bodies::echo,
        "/return" => bodies::give_back,
        "/count" => bodies::count,
        "/generate" => bodies::generate,
        "/generate-small" => bodies::generate_small,
        "/drip" => bodies::drip,
        "/length-mismatch" => bodies::length_mismatch,
        "/head" => bodies::head,
        "/trailers" => bodies::trailers,
        "/never-reads" => bodies::never_reads,
        "/open" => files::open,
        "/write" => files::write,
        "/list" => files::list,
        "/trap" => faults::trap,
        "/trap-after-head" => faults::trap_after_head,
        "/trap-late" => faults::trap_late,
        "/break-late" => faults::break_late,
        "/loop" => faults::endless_loop,
        "/loop-late" => faults::endless_loop_late,
        "/memory" => faults::memory,
        "/recurse" => faults::recurse,
        "/endless" => faults::endless,
        "/stalls-reading" => faults::stalls_reading,
        "/sleep" => faults::sleep,
        "/exit" => faults::exit,
        "/no-response" => faults::no_response,
        "/error" => faults::error,
        _ if path.starts_with("/env/") => mirrors::env,
        _ => return None,
    })
}
