//! A handler that wants its host to suffer, in the way that its path says. Numbers stand in the query: `/hold-timers?1000`.
//!
//! | path | what happens |
//! |---|---|
//! | **work** | |
//! | `/loop-after` | answers, then computes for ever |
//! | any, with `HOSTILE_START` in its environment | computes for ever before it is asked anything |
//! | `/grow?N` | asks for N pages of memory at once; answers whether it got them |
//! | `/frames` | calls itself for ever, with 64 KiB on the stack each time |
//! | `/random?N` | asks for N random bytes, again and again |
//! | `/drops?N` | makes and drops N header maps |
//! | `/errors` | writes to its standard error for ever |
//! | **handles** | |
//! | `/hold-headers?N` | holds N header maps, each as full as it can be |
//! | `/hold-timers?N` | holds N timers of the far future, and waits for all of them |
//! | `/hold-files?N`, `/hold-streams?N` | holds N open files, or streams out of one file, below its first mount |
//! | `/hold-listings?N` | holds N listings of its first mount |
//! | `/list` | answers how many names there are in its first mount |
//! | `/crowd?N` | waits for one timer that it names N times |
//! | `/ages` | waits for the last moment that a clock can show |
//! | **answers** | |
//! | `/headers?N` | answers with N headers, and how many of them were taken |
//! | `/trailers?N` | ends its body with trailers of N bytes, or as many as are taken |
//! | `/twice` | answers, and answers again |
//! | `/unfinished` | begins a body and returns without its end |
//! | `/reads-late` | answers, then reads the request's body and says its length on its standard error |
//!
//! Who holds something sleeps for ever once it has all of it.

mod answers;
mod handles;
mod work;

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct Hostile;

wasip2::http::proxy::export!(Hostile);

impl Guest for Hostile {
    fn handle(request: IncomingRequest, outparam: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        let (path, number) = target.split_once('?').unwrap_or((&target, ""));
        let number: u64 = number.parse().unwrap_or_default();
        match path {
            "/loop-after" => {
                answer(outparam, "all of it\n");
                work::compute()
            }
            "/grow" => answer(outparam, &work::grow(number)),
            "/frames" => answer(outparam, &work::frames(0).to_string()),
            "/random" => work::random(number),
            "/drops" => answer(outparam, work::drops(number)),
            "/errors" => work::errors(),
            "/hold-headers" => handles::hold(number, handles::headers),
            "/hold-timers" => handles::timers(number),
            "/hold-files" => handles::hold(number, handles::file),
            "/hold-streams" => handles::streams(number),
            "/hold-listings" => handles::hold(number, handles::listing),
            "/list" => answer(outparam, &format!("{}\n", handles::list())),
            "/crowd" => handles::crowd(number),
            "/ages" => handles::ages(),
            "/headers" => answers::headers(outparam, number),
            "/trailers" => answers::trailers(outparam, number),
            "/twice" => answers::twice(outparam),
            "/unfinished" => answers::unfinished(outparam),
            "/reads-late" => answers::reads_late(&request, outparam),
            _ => answer(outparam, "nothing of that name\n"),
        }
    }
}

/// Answers with a short text.
fn answer(outparam: ResponseOutparam, text: &str) {
    let body = begin(outparam, Fields::new());
    write(&body, text);
    OutgoingBody::finish(body, None).expect("an end");
}

/// Answers with these headers; the body follows.
fn begin(outparam: ResponseOutparam, headers: Fields) -> OutgoingBody {
    let response = OutgoingResponse::new(headers);
    let body = response.body().expect("a body");
    ResponseOutparam::set(outparam, Ok(response));
    body
}

fn write(body: &OutgoingBody, text: &str) {
    let stream = body.write().expect("a stream");
    stream.blocking_write_and_flush(text.as_bytes()).expect("a reader");
}
