//! A handler that does to files what the request's body says, with the calls of `wasi:filesystem` themselves.
//!
//! Each line is one operation, its words parted by spaces. The answer has a line for each: what came of it, or the name of
//! the error. A folder is that of a mount (`/data`), or one inside that is opened first (`/data:sub/folder`). Handles that
//! an operation keeps (`keep`) remain open to the end.
//!
//! | line | what happens |
//! |---|---|
//! | `read F P`, `read-follow F P` | opens a file, without or with following a link at its end; its content |
//! | `write F P TEXT`, `write-follow F P TEXT` | creates or replaces a file |
//! | `open-write F P TEXT` | opens what is there for writing and writes at its beginning |
//! | `create-new F P` | creates a file that must not exist |
//! | `truncate F P` | opens a file so that it is cut, and for nothing else |
//! | `append F P TEXT`, `put F P OFFSET TEXT`, `fill F P COUNT` | writes at the end, there, or COUNT times 1 KiB |
//! | `size F P N` | sets the length |
//! | `touch F P`, `touch-follow F P`, `touch-open F P` | sets times, by name or of what is opened for reading |
//! | `stat F P`, `stat-follow F P`, `hash F P` | the kind and length; that there is an identity |
//! | `list F` | the names in a folder, sorted |
//! | `mkdir F P`, `rmdir F P`, `unlink F P` | makes or removes |
//! | `symlink TARGET F P`, `readlink F P` | makes or reads a link |
//! | `link F P F P`, `rename F P F P` | gives another name, or a new one |
//! | `keep F P` | opens a file for reading and writing and keeps it |
//! | `kept-read`, `kept-write TEXT` | what the kept file holds; writes at its beginning |
//! | `leak F P` | opens a file and forgets the handle |
//! | `count` | how many requests this instance has seen, this one included |
//! | `trap`, `exit`, `silent` | gives up, in three ways |

mod files;

use std::sync::atomic::{AtomicU32, Ordering};

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};
use wasip2::io::streams::StreamError;

use crate::files::Files;

/// Requests that this instance has seen.
static SEEN: AtomicU32 = AtomicU32::new(0);

struct Intruder;

wasip2::http::proxy::export!(Intruder);

impl Guest for Intruder {
    fn handle(request: IncomingRequest, outparam: ResponseOutparam) {
        SEEN.fetch_add(1, Ordering::Relaxed);
        let script = body(&request);
        let (mut files, mut answer) = (Files::default(), String::new());
        for line in script.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            match words.as_slice() {
                ["trap"] => panic!("as the script says"),
                ["exit"] => std::process::exit(1),
                ["silent"] => return,
                ["count"] => answer += &SEEN.load(Ordering::Relaxed).to_string(),
                words => answer += &files.act(words).unwrap_or_else(|error| error.name().to_owned()),
            }
            answer.push('\n');
        }
        let response = OutgoingResponse::new(Fields::new());
        let body = response.body().expect("a body");
        ResponseOutparam::set(outparam, Ok(response));
        let stream = body.write().expect("a stream");
        for piece in answer.as_bytes().chunks(4096) {
            stream.blocking_write_and_flush(piece).expect("a reader");
        }
        drop(stream);
        OutgoingBody::finish(body, None).expect("an end");
    }
}

fn body(request: &IncomingRequest) -> String {
    let body = request.consume().expect("a body");
    let stream = body.stream().expect("a stream");
    let mut script = Vec::new();
    loop {
        match stream.blocking_read(1 << 16) {
            Ok(piece) => script.extend(piece),
            Err(StreamError::Closed) => return String::from_utf8(script).expect("text"),
            Err(error) => panic!("{error}"),
        }
    }
}
