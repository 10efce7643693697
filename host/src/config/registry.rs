//! Registries of modules: `[registry]`, or `--registry-key` and the like.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;

use super::{
    ConfigErrors, document,
    setting::{Errors, Setting},
    values::Time,
};
use crate::registry::Settings;

/// How often it is asked whether tags have moved. A fleet asks its registry at that rate, host by host.
const INTERVAL: Duration = Duration::from_mins(1);

/// More often would be a burden on the registry.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);

/// Registries that modules come from.
#[derive(Debug, Clone, Default, Args)]
pub struct WrittenRegistry {
    /// Users and passwords of registries, in a file as docker login writes it (config.json)
    #[arg(long, value_name = "FILE")]
    pub registry_credentials: Option<PathBuf>,

    /// Public key that modules from registries must be signed with, as cosign sign --key does it; one of them, where it is
    /// repeated
    #[arg(long, value_name = "FILE")]
    pub registry_key: Vec<String>,

    /// Registry that speaks HTTP without TLS; may be repeated
    #[arg(long, value_name = "HOST[:PORT]")]
    pub registry_plain_http: Vec<String>,

    /// How often it is asked whether a tag has moved to another module [default: 1m]
    #[arg(long, value_name = "TIME")]
    pub registry_interval: Option<Time>,
}

impl WrittenRegistry {
    pub(super) fn is_empty(&self) -> bool {
        let Self { registry_credentials, registry_key, registry_plain_http, registry_interval } = self;
        let no_file = registry_credentials.is_none() && registry_key.is_empty();
        no_file && registry_plain_http.is_empty() && registry_interval.is_none()
    }

    /// Checks it alone.
    pub fn check(self) -> Result<Settings, ConfigErrors> {
        let mut errors = Errors::default();
        let settings = check(&self.document(), Path::new(""), &mut errors);
        if errors.is_empty() { Ok(settings) } else { Err(ConfigErrors(errors.told())) }
    }

    /// The same as a file would say it.
    pub(super) fn document(self) -> document::Registry {
        let file = |name, file: PathBuf| Setting::option(name, file.display(), file.clone());
        let keys = self.registry_key.into_iter().map(|key| file("--registry-key", key.into()));
        let plain = self.registry_plain_http.into_iter();
        let interval = self.registry_interval;
        document::Registry {
            credentials: self.registry_credentials.map(|one| file("--registry-credentials", one)),
            keys: keys.collect(),
            plain_http: plain
                .map(|one| Setting::option("--registry-plain-http", &one, one.clone()))
                .collect(),
            interval: interval.map(|time| Setting::option("--registry-interval", time, time)),
        }
    }
}

/// Checks what is written. Relative paths are below `base`.
pub(super) fn check(written: &document::Registry, base: &Path, errors: &mut Errors) -> Settings {
    let document::Registry { credentials, keys, plain_http, interval } = written;
    let credentials = credentials.as_ref().and_then(|file| errors.read(file)).map(|file| base.join(file));
    let keys = keys.iter().filter_map(|file| errors.read(file).map(|file| base.join(file))).collect();
    let plain_http = plain_http.iter().filter_map(|one| errors.check(one, |text| registry(text))).collect();
    let interval = interval.as_ref().and_then(|time| errors.check(time, |time| often(*time)));
    Settings { credentials, keys, plain_http, interval: interval.unwrap_or(INTERVAL) }
}

fn often(Time(interval): Time) -> Result<Duration, String> {
    if interval < SHORTEST_INTERVAL {
        let shortest = Time(SHORTEST_INTERVAL);
        return Err(format!(
            "registries are asked every {shortest} at most; to ask at each reload alone: \
            reload-on-change = false"
        ));
    }
    Ok(interval)
}

/// Reads `HOST[:PORT]`.
fn registry(text: &str) -> Result<String, String> {
    let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok());
    let is_host =
        !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    if is_port && is_host {
        return Ok(text.to_owned());
    }
    Err(format!("{text:?} is no registry; write HOST or HOST:PORT, as module = \"oci://HOST:PORT/…\" has it"))
}
