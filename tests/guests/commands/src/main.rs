//! A CGI program that behaves well or badly, as its path says:
//!
//! | path | what it does |
//! |---|---|
//! | `/environment` | lists its environment, sorted |
//! | `/arguments` | lists its arguments |
//! | `/echo` | gives the request's body back |
//! | `/raw` | the same without a header block of its own: the body is the whole output |
//! | `/count` | counts the body's bytes |
//! | `/ignores-errors` | the same, taking an error for the end |
//! | `/never-reads` | answers without a look at the body |
//! | `/stalls-reading` | leaves the body alone for ten minutes |
//! | `/visits` | counts the requests that this instance has seen |
//! | `/generate?bytes=N`, `/generate-small?bytes=N` | writes N bytes in large or small pieces |
//! | `/drip` | writes a line, and the next one ten minutes later |
//! | `/redirect?P` | names the path P of its site instead of answering |
//! | `/count-down?n=N` | does so N times, then answers |
//! | `/silent` | writes nothing at all |
//! | `/exit?code=N`, `/exit-late?code=N` | exits before or after a whole response |
//! | `/exit-with?code=N` | the same, telling the host the number itself |
//! | `/trap`, `/trap-soon`, `/trap-late` | traps before its output, at once after it, or when it is on its way |
//! | `/stderr` | complains |
//! | `/loop`, `/endless`, `/endless-head`, `/memory`, `/recurse` | goes on for ever in one way or another |

mod faults;

use std::{
    env,
    fmt::Display,
    io::{self, Read, Write},
    process::ExitCode,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

const HEAD: &[u8] = b"Content-Type: text/plain\n\n";

/// As long as nothing else ends it.
const TEN_MINUTES: Duration = Duration::from_mins(10);

fn main() -> io::Result<ExitCode> {
    match env::var("SCRIPT_NAME").unwrap_or_default().as_str() {
        "/environment" => lines(env::vars().map(|(name, value)| format!("{name}={value}")).collect())?,
        "/arguments" => lines(env::args().collect())?,
        "/echo" => {
            io::stdout().write_all(HEAD)?;
            io::copy(&mut io::stdin(), &mut io::stdout())?;
        }
        "/raw" => {
            let mut output = Vec::new();
            io::stdin().read_to_end(&mut output)?;
            io::stdout().write_all(&output)?;
        }
        "/count" => answer(&io::copy(&mut io::stdin(), &mut io::sink())?)?,
        "/ignores-errors" => answer(&count_until_error())?,
        "/never-reads" => answer(&"not interested")?,
        "/stalls-reading" => thread::sleep(TEN_MINUTES),
        "/visits" => answer(&visits())?,
        "/generate" => generate(64 << 10)?,
        "/generate-small" => generate(100)?,
        "/drip" => {
            answer(&"first line")?;
            thread::sleep(TEN_MINUTES);
        }
        "/silent" => {}
        "/redirect" => redirect(&env::var("QUERY_STRING").unwrap_or_default())?,
        "/count-down" => match parameter("n") {
            0 => answer(&"arrived")?,
            n => redirect(&format!("/count-down?n={}", n - 1))?,
        },
        "/exit" => return Ok(code().into()),
        "/exit-late" => {
            answer(&"all of it")?;
            return Ok(code().into());
        }
        "/exit-with" => {
            answer(&"all of it")?;
            wasip2::cli::exit::exit_with_code(code());
        }
        "/stderr" => {
            eprintln!("something is odd");
            answer(&"fine")?;
        }
        path => faults::run(path)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn answer(text: &dyn Display) -> io::Result<()> {
    let mut stdout = io::stdout();
    stdout.write_all(HEAD)?;
    writeln!(stdout, "{text}")
}

fn redirect(path: &str) -> io::Result<()> {
    write!(io::stdout(), "Location: {path}\n\n")
}

fn lines(mut lines: Vec<String>) -> io::Result<()> {
    lines.sort();
    answer(&lines.join("\n"))
}

fn count_until_error() -> usize {
    let mut piece = [0; 4096];
    let mut total = 0;
    while let Ok(length @ 1..) = io::stdin().read(&mut piece) {
        total += length;
    }
    total
}

fn visits() -> u32 {
    static VISITS: AtomicU32 = AtomicU32::new(0);
    VISITS.fetch_add(1, Ordering::Relaxed) + 1
}

fn generate(piece: usize) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(HEAD)?;
    let piece = vec![b'x'; piece];
    let mut left = parameter("bytes") as usize;
    while left > 0 {
        let length = left.min(piece.len());
        stdout.write_all(&piece[..length])?;
        // Each piece is a write of its own.
        stdout.flush()?;
        left -= length;
    }
    Ok(())
}

fn code() -> u8 {
    u8::try_from(parameter("code")).unwrap_or(u8::MAX)
}

/// A number in the query.
fn parameter(name: &str) -> u32 {
    let query = env::var("QUERY_STRING").unwrap_or_default();
    let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    value.and_then(|value| value.parse().ok()).unwrap_or_default()
}
