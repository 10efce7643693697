//! The least that a CGI program can do: every request is answered with `hello` in plain text.

use std::io::{self, Write};

fn main() -> io::Result<()> {
    io::stdout().write_all(b"Content-Type: text/plain\n\nhello\n")
}
