//! One component with asynchronous functions (WASI 0.3) whose path picks what it does, well or badly, to its host.
//!
//! What has a name in `behaviours` does the same here; its file system and `/stderr` are those of Rust's standard library,
//! which is made of WASI 0.2.
//!
//! | path | what happens |
//! |---|---|
//! | **as in `behaviours`** | |
//! | `/headers`, `/env`, `/visits`, `/status`, `/with` | mirrors |
//! | `/echo`, `/count`, `/generate`, `/drip`, `/length-mismatch`, `/trailers`, `/never-reads` | bodies |
//! | `/open`, `/stderr` | what the standard library does |
//! | `/trap`, `/trap-late`, `/loop`, `/loop-late`, `/memory`, `/endless`, `/stalls-reading`, `/sleep`, `/exit`, `/error` | faults |
//! | **of WASI 0.3** | |
//! | `/pass` | answers with the request's body itself |
//! | `/open-03?path=…` | opens that in its last mount with the interface of that version, and says what it is |
//! | `/stderr-03` | writes two lines to that stream |
//! | `/both` | reads the body and drips a response at the same time; the last line is the body's length |
//! | `/afterwards[?for-ever]` | writes to standard error when its response has ended, and goes on for ever or not |
//! | `/sent` | waits until its response is sent, and says so on standard error |
//! | `/breaks-off` | ends its body with an error |
//! | `/streams` | makes streams until it is stopped |
//! | `/fetch?to=HOST:PORT`, `/connect?to=…`, `/listen?to=…` | tries to reach the network; 200 if it did, else 502 |

mod bodies;
mod exchange;
mod faults;
mod mirrors;
mod network;

use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{ErrorCode, Request, Response};

use crate::exchange::Exchange;

struct Behaviours;

wasip3::http::service::export!(Behaviours);

impl Guest for Behaviours {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let exchange = Exchange::new(request);
        Ok(match exchange.path().as_str() {
            "/headers" => mirrors::headers(&exchange),
            "/env" => mirrors::env(),
            "/visits" => mirrors::visits(),
            "/status" => mirrors::status(&exchange),
            "/with" => mirrors::with(&exchange),
            "/open" => mirrors::open(&exchange),
            "/open-03" => mirrors::open_03(&exchange).await,
            "/stderr" => mirrors::stderr(),
            "/stderr-03" => mirrors::stderr_03().await,
            "/echo" => bodies::echo(exchange),
            "/pass" => bodies::pass(exchange),
            "/both" => bodies::both(exchange),
            "/count" => bodies::count(exchange).await,
            "/generate" => bodies::generate(&exchange),
            "/drip" => bodies::drip(&exchange),
            "/length-mismatch" => bodies::length_mismatch(&exchange),
            "/trailers" => bodies::trailers(),
            "/never-reads" => exchange::text(200, "not interested\n"),
            "/afterwards" => bodies::afterwards(&exchange),
            "/sent" => bodies::sent(),
            "/breaks-off" => bodies::breaks_off(),
            "/trap" => panic!("as asked"),
            "/trap-late" => faults::trap_late(),
            "/loop" => faults::compute_for_ever(),
            "/loop-late" => faults::loop_late(),
            "/memory" => faults::memory(),
            "/endless" => faults::endless(),
            "/stalls-reading" => faults::wait_for_ever(exchange).await,
            "/sleep" => faults::sleep(&exchange).await,
            "/exit" => std::process::exit(1),
            "/streams" => faults::streams(),
            "/error" => return Err(ErrorCode::InternalError(Some("as asked".to_owned()))),
            "/fetch" => network::fetch(&exchange).await,
            "/connect" => network::connect(&exchange).await,
            "/listen" => network::listen(&exchange),
            _ => exchange::text(404, "no such behaviour\n"),
        })
    }
}
