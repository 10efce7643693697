//! Behaviours that show what arrives at the guest, and how its answers' heads leave it.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};

use wasip3::cli::environment::get_environment;
use wasip3::cli::stderr::write_via_stream;
use wasip3::filesystem::preopens::get_directories;
use wasip3::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};
use wasip3::http::types::Response;
use wasip3::wit_stream;

use crate::exchange::{Exchange, answer, text};

pub(crate) fn headers(exchange: &Exchange) -> Response {
    let mut lines = format!(
        "method: {}\nscheme: {}\nauthority: {}\npath-with-query: {}\n\n",
        exchange.method(),
        exchange.scheme(),
        exchange.authority(),
        exchange.path_with_query()
    );
    for (name, value) in exchange.headers() {
        let _ = writeln!(lines, "{name}: {value}");
    }
    text(200, &lines)
}

pub(crate) fn env() -> Response {
    let lines = get_environment().into_iter().map(|(name, value)| format!("{name}={value}\n"));
    text(200, &lines.collect::<String>())
}

pub(crate) fn visits() -> Response {
    static VISITS: AtomicU32 = AtomicU32::new(0);
    let visits = VISITS.fetch_add(1, Ordering::Relaxed) + 1;
    text(200, &format!("{visits}\n"))
}

pub(crate) fn status(exchange: &Exchange) -> Response {
    let code = u16::try_from(exchange.number("code", 200)).unwrap_or(u16::MAX);
    text(code, &format!("status {code}\n"))
}

pub(crate) fn with(exchange: &Exchange) -> Response {
    let parameters = exchange.parameters();
    let headers: Vec<_> = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    answer(200, &headers, async |mut output| {
        output.write_all(b"with headers\n".to_vec()).await;
        Ok(None)
    })
}

pub(crate) fn open(exchange: &Exchange) -> Response {
    match std::fs::read_to_string(exchange.parameter("path").unwrap_or_default()) {
        Ok(content) => text(200, &content),
        Err(error) => text(404, &format!("{error}\n")),
    }
}

pub(crate) async fn open_03(exchange: &Exchange) -> Response {
    let Some((folder, _)) = get_directories().pop() else { return text(404, "no mount\n") };
    let path = exchange.parameter("path").unwrap_or_default();
    let opened = folder.open_at(PathFlags::SYMLINK_FOLLOW, path, OpenFlags::empty(), DescriptorFlags::READ);
    match opened.await {
        Ok(opened) => text(200, &format!("{:?}\n", opened.get_type().await)),
        Err(error) => text(404, &format!("{error:?}\n")),
    }
}

pub(crate) fn stderr() -> Response {
    eprintln!("first line\nsecond line");
    text(200, "printed\n")
}

pub(crate) async fn stderr_03() -> Response {
    let (mut output, lines) = wit_stream::new();
    let written = write_via_stream(lines);
    output.write_all(b"first line\nsecond line\n".to_vec()).await;
    drop(output);
    match written.await {
        Ok(()) => text(200, "printed\n"),
        Err(error) => text(500, &format!("{error:?}\n")),
    }
}
