//! Behaviours that show what arrives at the guest, and how its answers' heads leave it.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU32, Ordering};

use wasip2::cli::environment::get_environment;
use wasip2::http::types::Fields;

use crate::exchange::{Exchange, verdict};

/// Headers that belong to the connection or would add lines to the head.
const BAD_HEADERS: [(&str, &str); 7] = [
    ("transfer-encoding", "chunked"),
    ("connection", "close"),
    ("keep-alive", "timeout=1"),
    ("upgrade", "h2c"),
    ("status", "599 Guest"),
    ("x-split", "one\r\nx-injected: two"),
    ("x bad name", "three"),
];

pub(crate) fn headers(exchange: Exchange) {
    let mut text = format!(
        "method: {}\nscheme: {}\nauthority: {}\npath-with-query: {}\n\n",
        exchange.method(),
        exchange.scheme(),
        exchange.authority(),
        exchange.path_with_query()
    );
    for (name, value) in exchange.headers() {
        let _ = writeln!(text, "{name}: {value}");
    }
    exchange.text(200, &text);
}

pub(crate) fn env(exchange: Exchange) {
    let lines = get_environment().into_iter().map(|(name, value)| format!("{name}={value}\n"));
    exchange.text(200, &lines.collect::<String>());
}

pub(crate) fn visits(exchange: Exchange) {
    static VISITS: AtomicU32 = AtomicU32::new(0);
    let visits = VISITS.fetch_add(1, Ordering::Relaxed) + 1;
    exchange.text(200, &format!("{visits}\n"));
}

pub(crate) fn status(exchange: Exchange) {
    let code = u16::try_from(exchange.number("code", 200)).unwrap_or(u16::MAX);
    exchange.text(code, &format!("status {code}\n"));
}

pub(crate) fn redirect(exchange: Exchange) {
    let to = exchange.parameter("to").unwrap_or_else(|| "/elsewhere".to_owned());
    exchange.answer(302, &[("location", &to)], "");
}

pub(crate) fn cookies(exchange: Exchange) {
    let cookies = [("set-cookie", "one=1; Path=/"), ("set-cookie", "two=2; Path=/; HttpOnly")];
    exchange.answer(200, &cookies, "two cookies\n");
}

pub(crate) fn bad_header(exchange: Exchange) {
    let fields = Fields::new();
    let mut text = String::new();
    let mut attempt = |name: &str, value: &str| {
        let outcome = fields.append(name, value.as_bytes());
        let _ = writeln!(text, "{name}: {}", verdict(outcome));
    };
    if let Some(name) = exchange.parameter("name") {
        attempt(&name, &exchange.parameter("value").unwrap_or_default());
    } else {
        for (name, value) in BAD_HEADERS {
            attempt(name, value);
        }
    }
    if let Some(output) = exchange.begin_with(200, fields) {
        let _ = output.write(text.as_bytes());
        output.finish();
    }
}

pub(crate) fn with(exchange: Exchange) {
    let status = u16::try_from(exchange.number("status", 200)).unwrap_or(u16::MAX);
    let parameters = exchange.parameters();
    let headers = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let headers: Vec<_> = headers.filter(|(name, _)| *name != "status").collect();
    exchange.answer(status, &headers, "with headers\n");
}

pub(crate) fn big_header(exchange: Exchange) {
    let value = "x".repeat(usize::try_from(exchange.number("bytes", 1)).unwrap_or(usize::MAX));
    exchange.answer(200, &[("x-big", &value)], "a big header\n");
}

pub(crate) fn stderr(exchange: Exchange) {
    print(exchange, io::stderr());
}

pub(crate) fn stdout(exchange: Exchange) {
    print(exchange, io::stdout());
}

/// Writes lines of 80 bytes to `stream`, `bytes` in all, or two short ones; then answers whether that went well.
fn print(exchange: Exchange, mut stream: impl Write) {
    let mut lines = String::from("first line\nsecond line\n");
    if let Some(bytes) = exchange.parameter("bytes").and_then(|bytes| bytes.parse().ok()) {
        lines = format!("{}\n", "x".repeat(79)).repeat(usize::div_ceil(bytes, 80));
        lines.truncate(bytes);
    }
    match stream.write_all(lines.as_bytes()).and_then(|()| stream.flush()) {
        Ok(()) => exchange.text(200, "printed\n"),
        Err(error) => exchange.text(500, &format!("{error}\n")),
    }
}

/// How long a moment of work seems to take, in nanoseconds.
pub(crate) fn time(exchange: Exchange) {
    let before = (std::time::Instant::now(), std::time::SystemTime::now());
    std::hint::black_box((0..10_000_000_u64).fold(0, |sum, number| sum ^ number));
    let seems = (before.0.elapsed(), before.1.elapsed().unwrap_or_default());
    exchange.text(200, &format!("{} {}\n", seems.0.as_nanos(), seems.1.as_nanos()));
}

/// A number that is random.
pub(crate) fn chance(exchange: Exchange) {
    exchange.text(200, &format!("{}\n", wasip2::random::random::get_random_u64()));
}
