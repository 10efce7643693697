//! What the figures were measured on: nothing that names the machine or its folders.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use super::contenders::wasmtime;
use crate::packages;
use crate::workspace::Workspace;

/// The machine and the versions of what ran on it, each with its name.
pub(crate) fn describe(workspace: &Workspace) -> Vec<(&'static str, String)> {
    let first = |program: &Path, argument: &str| first_line(Command::new(program).arg(argument));
    let found =
        |name: &str, argument: &str| packages::find(name).ok().and_then(|file| first(&file, argument));
    let program = |name: &str| first(Path::new(name), "--version");
    let perl = "print \"Perl $^V, FCGI $FCGI::VERSION, FCGI::ProcManager $FCGI::ProcManager::VERSION\"";
    let rows = [
        ("Processor", processor()),
        ("Memory", memory()),
        ("System", system()),
        ("Rust", program("rustc")),
        ("nginx", found("nginx", "-v").map(|line| line.replace("nginx version: nginx/", ""))),
        ("PHP", found("php-fpm", "--version").map(|line| cut(&line, " (").replace("PHP ", ""))),
        ("Perl", first_line(Command::new("perl").args(["-MFCGI", "-MFCGI::ProcManager", "-e", perl]))),
        ("fcgiwrap", debian_version("fcgiwrap")),
        (
            "Wasmtime",
            wasmtime(workspace).ok().and_then(|file| first(&file, "--version")).map(|line| cut(&line, " (")),
        ),
        ("wrk", found("wrk", "--version").map(|line| cut(&line, " [").replace("wrk ", ""))),
    ];
    rows.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn processor() -> Option<String> {
    let cores = thread::available_parallelism().ok()?;
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let (_, model) = model.unwrap_or(("", std::env::consts::ARCH));
    Some(format!("{model}, {cores} cores for everything: servers, nginx and load"))
}

fn memory() -> Option<String> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let kib: u64 = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?
        .split_whitespace()
        .next()?
        .parse()
        .ok()?;
    Some(format!("{} GiB", kib.div_ceil(1 << 20)))
}

/// The kernel without what its builder added, and the distribution.
fn system() -> Option<String> {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    let kernel = cut(kernel.trim(), "-");
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME=")).unwrap_or_default();
    Some(format!("Linux {kernel}, {}", name.trim_matches('"')))
}

fn debian_version(package: &str) -> Option<String> {
    first_line(Command::new("dpkg-query").args(["-W", "-f", "${Version}", package]))
}

/// The first line that a program prints, wherever it prints it and however it ends.
fn first_line(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    let line = String::from_utf8_lossy(&text).lines().next().unwrap_or_default().trim().to_owned();
    (!line.is_empty()).then_some(line)
}

/// `text` up to `end`.
fn cut(text: &str, end: &str) -> String {
    text.split(end).next().unwrap_or_default().to_owned()
}
