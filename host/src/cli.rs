//! The command line, and the environment that stands in for it.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::{
    Arg, ArgAction, ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand, parser::ValueSource,
};
use clap_complete::Shell;
use fcgi_wasm_host::{
    config::{Whose, Written, WrittenExecution, WrittenRegistry, WrittenWall},
    operate::{self, control::weight},
};

/// FastCGI application server that runs each request in a fresh WebAssembly sandbox
#[derive(Debug, Parser)]
#[command(
    version,
    max_term_width = 100,
    after_help = "These are the most important options; --help has all of them.",
    after_long_help = "Every option with a value can be given in the environment: --cache-dir as FCGI_WASM_HOST_CACHE_DIR, \
                       and so on; values of those that may be repeated with spaces between them. The command line goes \
                       before it.",
    disable_help_flag = true,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    #[command(flatten)]
    pub(crate) written: Written,

    #[command(flatten)]
    pub(crate) process: operate::Written,

    /// Print help; --help says more
    #[arg(short, long, visible_short_alias = '?', global = true, action = ArgAction::Help)]
    help: Option<bool>,
}

/// What `-h` shows, which fits on a screen.
const FOR_EVERYBODY: [&str; 16] = [
    "config",
    "listen",
    "root",
    "module",
    "mount",
    "instances",
    "max",
    "size",
    "user",
    "pidfile",
    "daemon",
    "log_file",
    "quiet",
    "pname",
    "warming",
    "help",
];

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Compile components into the cache ahead of time
    Compile {
        /// Components, as files or in a registry (oci:// before the name); none: the built-in wiki
        modules: Vec<PathBuf>,

        /// Read one component from standard input instead, which is called that; for the host's own use, beside requests
        #[arg(long, value_name = "NAME", hide = true, conflicts_with = "modules")]
        from_stdin: Option<String>,

        #[command(flatten)]
        execution: Box<WrittenExecution>,

        #[command(flatten)]
        registry: Box<WrittenRegistry>,
    },
    /// Check the settings, compile what they name, and print sites, routes, mounts and limits
    Check {
        /// The settings, as they are given to serve with them.
        #[command(flatten)]
        written: Box<Written>,

        /// Print the settings as TOML instead
        #[arg(long)]
        print: bool,

        /// Print the JSON schema of the settings file instead
        #[arg(long, conflicts_with = "print")]
        schema: bool,
    },
    /// Have a running host load its settings and modules again; ends when that is done, badly if nothing was changed
    Reload {
        /// Only so many of a hundred requests are answered by what is new, until `promote` or `rollback`
        #[arg(long, value_name = "PERCENT", value_parser = weight)]
        weight: Option<u8>,

        /// A client's requests are all answered by what is new, or none of them, told by its address
        #[arg(long, requires = "weight")]
        sticky: bool,

        #[command(flatten)]
        whose: Whose,
    },
    /// Have what is on trial answer all requests
    Promote {
        #[command(flatten)]
        whose: Whose,
    },
    /// End a trial, or serve again what was served before the last reload
    Rollback {
        #[command(flatten)]
        whose: Whose,
    },
    /// Show what a running host serves, and how it goes
    Status {
        /// As JSON
        #[arg(long)]
        json: bool,

        #[command(flatten)]
        whose: Whose,
    },
    /// Print what a shell needs to complete this command line
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page
    Man,
}

impl Cli {
    /// Reads the command line and the environment. Ends the program where these are wrong, or ask for help.
    pub(crate) fn read() -> Self {
        let short = command().mut_args(|option| {
            let rare = !FOR_EVERYBODY.contains(&option.get_id().as_str());
            option.hide_short_help(rare)
        });
        let matches = short.get_matches();
        Self::from(&matches).unwrap_or_else(|error| error.exit())
    }

    fn from(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut cli = Self::from_arg_matches(matches)?;
        match (&mut cli.command, matches.subcommand()) {
            (None, _) => split(&mut cli.written, matches),
            (Some(Command::Check { written, .. }), Some((_, matches))) => split(written, matches),
            _ => {}
        }
        Ok(cli)
    }
}

/// Options that may be repeated have spaces between their values where these are in the environment.
fn split(written: &mut Written, matches: &ArgMatches) {
    let Written { listen, arg, mount, watch, registry, wall, .. } = written;
    let WrittenRegistry { registry_key, registry_plain_http, .. } = registry;
    let WrittenWall { allow_path, without, .. } = wall;
    let of_registry = [("registry_key", registry_key), ("registry_plain_http", registry_plain_http)];
    let of_wall = [("allow_path", allow_path), ("without", without)];
    for (option, values) in [("listen", listen), ("arg", arg), ("mount", mount), ("watch", watch)]
        .into_iter()
        .chain(of_registry)
        .chain(of_wall)
    {
        if matches.value_source(option) == Some(ValueSource::EnvVariable) {
            *values = values.iter().flat_map(|all| all.split_whitespace()).map(str::to_owned).collect();
        }
    }
}

fn command() -> clap::Command {
    Cli::command().mut_args(with_variable).mut_subcommands(|command| command.mut_args(with_variable))
}

/// Prints what `shell` needs to complete the command line.
pub(crate) fn completions(shell: Shell) -> anyhow::Result<()> {
    let mut command = command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    Ok(io::stdout().write_all(&script)?)
}

/// Prints the manual page.
pub(crate) fn man() -> anyhow::Result<()> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command()).render(&mut page)?;
    Ok(io::stdout().write_all(&page)?)
}

/// Gives an option its variable in the environment, unless it has one.
fn with_variable(option: Arg) -> Arg {
    let has_value = option.get_action().takes_values();
    let Some(name) = option.get_long().filter(|_| has_value && option.get_env().is_none()) else {
        return option;
    };
    let variable = format!("FCGI_WASM_HOST_{}", name.to_uppercase().replace('-', "_"));
    // Once per option and process: the names must live as long as the command line does.
    option.env(&*variable.leak()).hide_env(true)
}

#[cfg(test)]
mod tests {
    use clap::ArgAction;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn every_option_has_its_variable() {
        let command = command();
        let [compile, check] =
            ["compile", "check"].map(|name| command.find_subcommand(name).expect("a command"));
        let options = command.get_arguments().chain(compile.get_arguments()).chain(check.get_arguments());
        for option in options {
            let Some(name) = option.get_long().filter(|_| option.get_action().takes_values()) else {
                continue;
            };
            let variable = option.get_env().and_then(|variable| variable.to_str()).expect(name);
            let expected = match name {
                "web-server-addrs" => "FCGI_WEB_SERVER_ADDRS".to_owned(),
                _ => format!("FCGI_WASM_HOST_{}", name.to_uppercase().replace('-', "_")),
            };
            assert_eq!(variable, expected);
        }
    }

    #[test]
    fn options_that_may_be_repeated_are_read_apart() {
        let command = command();
        let repeated = command.get_arguments().filter(|one| matches!(one.get_action(), ArgAction::Append));
        let names: Vec<_> = repeated.filter_map(Arg::get_long).collect();
        assert_eq!(
            names,
            [
                "listen",
                "arg",
                "mount",
                "watch",
                "registry-key",
                "registry-plain-http",
                "allow-path",
                "without"
            ],
            "Cli::from names them, too"
        );
    }
}
