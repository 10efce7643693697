//! The project's own commands: `cargo xtask guests | clients | test | fuzz | demo | bench | dist`.

mod apt;
mod bench;
mod clients;
mod debian;
mod demo;
mod deny;
mod dist;
mod files;
mod fuzz;
mod guest;
mod guests;
mod kubernetes;
mod packages;
mod step;
mod test;
mod toolchain;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{
    bench::Bench, demo::Demo, dist::Dist, fuzz::Fuzz, guests::Guests, test::Test, workspace::Workspace,
};

/// The project's own commands.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the WebAssembly components into <target folder>/guests
    Guests(Guests),
    /// Install the FastCGI clients of npm that the tests drive into <target folder>/clients
    Clients,
    /// Check everything: format, dependencies, components, lints, host, tests
    Test(Test),
    /// Give random input to what reads from outside, for a bounded time
    Fuzz(Fuzz),
    /// Serve a copy of the example wiki until Ctrl-C
    Demo(Demo),
    /// Measure the host against others, directly and behind nginx
    Bench(Bench),
    /// Make what operators install: a Debian package, and an archive, which is also a container's context
    Dist(Dist),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = Workspace::locate().and_then(|workspace| match arguments.task {
        Task::Guests(guests) => guests.run(&workspace),
        Task::Clients => clients::install(&workspace),
        Task::Test(test) => test.run(&workspace),
        Task::Fuzz(fuzz) => fuzz.run(&workspace),
        Task::Demo(demo) => demo.run(&workspace),
        Task::Bench(bench) => bench.run(&workspace),
        Task::Dist(dist) => dist.run(&workspace),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
