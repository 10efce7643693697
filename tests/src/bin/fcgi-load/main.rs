//! A load generator for `FastCGI`: some connections, each with one or more requests under way, for a number of
//! requests or a time. Prints one line of JSON.
//!
//! It runs in one thread, so that on a small machine it leaves the rest to the server.

mod histogram;
mod load;
mod request;
mod response;

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use tokio::task::LocalSet;

use crate::{load::Load, request::Template};

/// Sends FastCGI requests to a server and measures it
#[derive(Debug, Parser)]
struct Options {
    /// The server's socket: a path, or IP:PORT
    #[arg(long, value_name = "ADDRESS")]
    connect: String,

    /// Connections at once
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=4096))]
    connections: u16,

    /// Whether a connection carries one request after another
    #[arg(long, value_enum, default_value_t = Switch::On)]
    keep_alive: Switch,

    /// Requests at once on each connection; needs --keep-alive on
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    multiplex: u16,

    /// Ends after so many requests
    #[arg(long, value_name = "N", conflicts_with = "seconds")]
    requests: Option<u64>,

    /// Ends after so many seconds [default: 5]
    #[arg(long, value_name = "S", value_parser = seconds)]
    seconds: Option<f64>,

    /// What the application is asked to be
    #[arg(long, value_enum, default_value_t = Role::Responder)]
    role: Role,

    /// Path and query
    #[arg(long, value_name = "URI", default_value = "/")]
    uri: String,

    /// Bytes of the body of each request; with any, the method is POST
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    body: usize,

    /// A variable in addition or instead; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    param: Vec<(String, String)>,

    /// Bytes that the body of each response must have
    #[arg(long, value_name = "BYTES")]
    expect_length: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Role {
    Responder,
    Authorizer,
}

impl From<Role> for fcgi::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Responder => Self::Responder,
            Role::Authorizer => Self::Authorizer,
        }
    }
}

fn main() -> ExitCode {
    match run(Options::parse()) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("fcgi-load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> Result<String, Box<dyn std::error::Error>> {
    let Options { connect, connections, keep_alive, multiplex, .. } = options;
    let keep_alive = keep_alive == Switch::On;
    if multiplex > 1 && !keep_alive {
        return Err("--multiplex needs --keep-alive on".into());
    }
    let template = Template::new(&options.uri, options.body, options.param, keep_alive)?;
    let template = template.role(options.role.into());
    let end = load::End::new(options.requests, options.seconds);
    let load = Load::new(connect, template, options.expect_length, end);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = LocalSet::new().block_on(&runtime, load.run(connections, multiplex));
    Ok(serde_json::to_string(&report)?)
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.001..=86_400.0).contains(&seconds) {
        Ok(seconds)
    } else {
        Err("not between 0.001 and 86400".into())
    }
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("not NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Options::command().debug_assert();
    }
}
