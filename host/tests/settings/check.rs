//! What must hold of any command line: the body of the fuzz target `config`, too.

use std::path::Path;

use clap::Parser;
use fcgi_wasm_host::{
    capability::Mount,
    config::{Config, Start, Written},
};

/// A command line for the host alone, as the program reads it.
#[derive(Parser)]
struct Line {
    #[command(flatten)]
    written: Written,
}

/// Checks settings, an argument a line, or a file where they do not begin with an option. They are taken, and can be relied
/// on, or refused with a reason.
pub(crate) fn settings(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    if !text.starts_with('-') {
        return file(text);
    }
    if text.lines().any(may_be_a_name) {
        return;
    }
    let arguments = std::iter::once("fcgi-wasm-host").chain(text.lines());
    let Ok(Line { written }) = Line::try_parse_from(arguments) else { return };
    // Another file than the one that is tried here.
    if written.config.is_some() {
        return;
    }
    for start in [Start::Alone, Start::Spawned] {
        match Config::check(written.clone(), start) {
            Ok(config) => assert_checked(&config),
            Err(errors) => {
                let told = errors.to_string();
                let names_one = |line: &str| line.contains("--") || line.contains("FCGI_WEB_SERVER_ADDRS");
                assert!(told.lines().any(names_one), "{told:?}");
            }
        }
    }
}

fn file(text: &str) {
    // Strings are between quotes of two kinds; escapes in them could hide a name.
    if text.contains('\\') || text.split(['"', '\'', ',', '\n']).any(may_be_a_name) {
        return;
    }
    match Config::parse(text, "f.toml", Path::new("/"), Start::Spawned) {
        Ok(config) => assert_checked(&config),
        Err(errors) => assert!(errors.to_string().starts_with("f.toml:"), "{errors}"),
    }
}

fn assert_checked(config: &Config) {
    let Config { listen, sites, execution, .. } = config;
    assert!(!listen.is_empty() && !sites.is_empty());
    assert!(listen.iter().all(|listen| listen.access.mode <= 0o777));
    assert!((1..=10_000).contains(&execution.terms.instances));
    for site in sites {
        assert!(!site.name.is_empty());
        for route in &site.routes {
            assert!(route.limits.memory.is_multiple_of(64 << 10) && route.limits.memory >= 1 << 20);
            assert!(route.limits.memory <= execution.memory);
            assert!(
                route.terms.is_none_or(|terms| (1..=execution.terms.instances).contains(&terms.instances))
            );
            assert_mounts(&route.mounts);
        }
    }
}

fn assert_mounts(mounts: &[Mount]) {
    for (index, mount) in mounts.iter().enumerate() {
        assert!(mount.host.is_absolute() && mount.guest.starts_with('/'), "{mount:?}");
        assert!(!mount.guest.split('/').any(|part| part == ".."), "{mount:?}");
        assert!(mounts[..index].iter().all(|other| other.guest != mount.guest), "{mount:?}");
    }
}

/// Whether the argument may name a host, which other machines would be asked for.
fn may_be_a_name(argument: &str) -> bool {
    let value =
        argument.split_once('=').filter(|_| argument.starts_with("--")).map_or(argument, |(_, value)| value);
    let value = value.split_once(',').map_or(value, |(address, _)| address);
    let host = value.rsplit_once(':').map_or("", |(host, _)| host);
    let is_address = host.starts_with('[') || host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    !is_address && !value.contains('/')
}
