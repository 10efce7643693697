//! What must hold of any command line: the body of the fuzz target `config`, too.

use clap::Parser;
use fcgi_wasm_host::config::{Config, Start, Written};

/// A command line for the host alone, as the program reads it.
#[derive(Parser)]
struct Line {
    #[command(flatten)]
    written: Written,
}

/// Checks settings, an argument a line. They are taken, and can be relied on, or refused with a reason.
pub(crate) fn settings(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    if text.lines().any(may_be_a_name) {
        return;
    }
    let arguments = std::iter::once("fcgi-wasm-host").chain(text.lines());
    let Ok(Line { written }) = Line::try_parse_from(arguments) else { return };
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

fn assert_checked(config: &Config) {
    let Config { listen, socket, mounts, execution, .. } = config;
    assert!(!listen.is_empty());
    assert!(socket.mode <= 0o777);
    assert!((1..=10_000).contains(&execution.terms.instances));
    assert!(execution.limits.memory.is_multiple_of(64 << 10) && execution.limits.memory >= 1 << 20);
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
