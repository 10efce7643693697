//! Paths that end badly.

use std::{
    hint::black_box,
    io::{self, Write},
    process::abort,
    thread,
    time::Duration,
};

use crate::{HEAD, answer};

pub(crate) fn run(path: &str) -> io::Result<()> {
    match path {
        "/trap" => abort(),
        "/trap-soon" => {
            answer(&"half of it")?;
            abort()
        }
        "/trap-late" => {
            answer(&"half of it")?;
            // Long enough for the host to see that this is all for now.
            thread::sleep(Duration::from_millis(10));
            abort()
        }
        "/loop" => loop {
            black_box(());
        },
        "/endless" => {
            io::stdout().write_all(HEAD)?;
            loop {
                io::stdout().write_all(&[b'x'; 4096])?;
                io::stdout().flush()?;
            }
        }
        "/endless-head" => loop {
            io::stdout().write_all(b"X-Filler: and so on\n")?;
        },
        "/memory" => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(black_box(vec![1_u8; 1 << 20]));
            }
        }
        "/recurse" => answer(&recurse(1)),
        path => {
            io::stdout().write_all(b"Status: 404 Not Found\n")?;
            answer(&format_args!("there is nothing at {path}"))
        }
    }
}

fn recurse(depth: u64) -> u64 {
    if depth == u64::MAX { 0 } else { recurse(black_box(depth + 1)) + 1 }
}
