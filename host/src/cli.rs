//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use fcgi_wasm_host::config::{Written, WrittenExecution};

/// FastCGI application server that runs each request in a fresh WebAssembly sandbox
#[derive(Debug, Parser)]
#[command(
    version,
    max_term_width = 100,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    #[command(flatten)]
    pub(crate) written: Written,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Compile components into the cache ahead of time
    Compile {
        /// Components; none: the built-in wiki
        modules: Vec<PathBuf>,

        #[command(flatten)]
        execution: WrittenExecution,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
