//! A CGI program in Rust: it says what was asked for, and how long the request's body is.
//!
//! ```text
//! cargo build --release --target wasm32-wasip2
//! fcgi-wasm-host --listen /run/app.sock --module target/wasm32-wasip2/release/command-rust.wasm
//! ```

use std::{
    env,
    io::{self, Write},
};

fn main() -> io::Result<()> {
    // Read before the answer begins: nginx sends no more of a body after that.
    let bytes = io::copy(&mut io::stdin(), &mut io::sink())?;
    let mut stdout = io::stdout().lock();
    write!(stdout, "Content-Type: text/plain; charset=utf-8\n\n")?;
    let [method, script, path] = ["REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO"].map(variable);
    writeln!(stdout, "{method} {script}{path}")?;
    writeln!(stdout, "{bytes} bytes")
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}
