//! Behaviours that use files, through the standard library as any program would.

use std::fs;
use std::io::{Error, ErrorKind, Result};

use crate::exchange::Exchange;

pub(crate) fn open(exchange: Exchange) {
    with_path(exchange, |path| Ok(String::from_utf8_lossy(&fs::read(path)?).into_owned()));
}

pub(crate) fn write(exchange: Exchange) {
    with_path(exchange, |path| fs::write(path, "written by the guest\n").map(|()| "written\n".to_owned()));
}

pub(crate) fn list(exchange: Exchange) {
    with_path(exchange, |path| {
        let entries =
            fs::read_dir(path)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned() + "\n"));
        let mut lines = entries.collect::<Result<Vec<String>>>()?;
        lines.sort();
        Ok(lines.concat())
    });
}

/// Answers what `act` says of the file that was asked for.
fn with_path(exchange: Exchange, act: impl FnOnce(&str) -> Result<String>) {
    let missing = || Error::new(ErrorKind::InvalidInput, "no path in the query");
    let outcome = exchange.parameter("path").ok_or_else(missing).and_then(|path| act(&path));
    match outcome {
        Ok(text) => exchange.text(200, &text),
        Err(error) => {
            let status = match error.kind() {
                ErrorKind::NotFound => 404,
                ErrorKind::InvalidInput => 400,
                _ => 403,
            };
            exchange.text(status, &format!("{error}\n"));
        }
    }
}
