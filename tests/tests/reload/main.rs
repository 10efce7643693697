//! What is served is replaced while requests run: none fails, and none is stale.

mod commands;
mod compiled;
mod listeners;
mod load;
mod rollout;
mod watching;

use std::fs;

use tests::{TestHost, filled_in};

/// A site whose requests show which version of the settings answers them; reloaded when it is asked for.
const SETTINGS: &str = "cache-dir = \"$CACHE\"\nreload-on-change = false\n[[listen]]\naddress = \"$SOCKET\"\n\
                        [wall]\nwithout = [\"dump-protection\"]\n[[site]]\nname = \"a\"\n\
                        module = \"$GUESTS/behaviours.wasm\"\nenv = { VERSION = \"0\", AGAIN = \"0\" }\n";

fn start() -> TestHost {
    TestHost::settings(SETTINGS).start()
}

/// Writes the settings anew, as editors do.
fn write(host: &TestHost, settings: &str) {
    let text = filled_in(settings, host.socket(), host.folder());
    let new = host.folder().join("new.toml");
    fs::write(&new, text).expect("a file");
    fs::rename(new, host.folder().join("settings.toml")).expect("the settings' place");
}

/// The settings of a version.
fn versioned(version: usize) -> String {
    SETTINGS.replace("\"0\"", &format!("\"{version}\""))
}

/// The version that answered; all of the answer is of the same one.
fn version(text: &str) -> usize {
    let value = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)).expect("a version");
        value.parse().expect("a number")
    };
    assert_eq!(value("VERSION="), value("AGAIN="), "{text}");
    value("VERSION=")
}

fn version_of(host: &TestHost) -> usize {
    version(host.get("/env").text())
}

/// A component with the same code as another one, and other bytes: it is compiled by itself.
fn stamped(component: &str, stamp: u8) -> Vec<u8> {
    let mut bytes = fs::read(tests::paths::component(component)).expect("a component");
    // A custom section (WebAssembly 2.0 §5.5.3): its length, that of its name, the name, and what is inside.
    bytes.extend([0, 3, 1, b's', stamp]);
    bytes
}
