//! What is the host's own is no handler's to write: machine code, modules and settings decide what runs, and with which rights.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{module::ModuleSource, setting::Errors, site::Site};
use crate::capability::{Access, Mount};

/// What decides, besides modules.
pub(super) struct Files<'a> {
    pub(super) cache: &'a Path,
    pub(super) settings: Option<&'a Path>,
    /// Public keys that modules are signed with.
    pub(super) keys: &'a [PathBuf],
}

/// Says where a handler could write what decides about handlers.
pub(super) fn check(sites: &[Site], files: &Files<'_>, errors: &mut Errors) {
    let Files { cache, settings, keys } = *files;
    let routes = || sites.iter().flat_map(|site| site.routes.iter().map(move |route| (site, route)));
    let mut writable: Vec<(PathBuf, String)> = Vec::new();
    for (site, route) in routes() {
        for mount in route.mounts.iter().filter(|mount| is_writable(mount)) {
            let place = resolved(&mount.host);
            if !writable.iter().any(|(known, _)| *known == place) {
                let whose =
                    format!("route {} of site {} may write {}", route.name, site.name, mount.host.display());
                writable.push((place, whose));
            }
        }
    }
    let mut own = vec![("the folder of compiled code (cache-dir)", resolved(cache))];
    own.extend(settings.map(|file| ("the settings file", resolved(file))));
    own.extend(keys.iter().map(|file| ("a key that modules are signed with", resolved(file))));
    let mut modules: Vec<_> = routes()
        .filter_map(|(_, route)| match &route.module {
            ModuleSource::File(file) => Some(file),
            ModuleSource::BuiltIn | ModuleSource::Registry(_) => None,
        })
        .collect();
    modules.sort_unstable();
    modules.dedup();
    own.extend(modules.into_iter().map(|file| ("a module", resolved(file))));
    for (what, path) in own {
        if let Some((_, whose)) = writable.iter().find(|(place, _)| path.starts_with(place)) {
            errors.add(format!(
                "{whose}, and {what}, {}, is there: it would decide what runs; keep that elsewhere",
                path.display()
            ));
        }
    }
}

fn is_writable(mount: &Mount) -> bool {
    match mount.access {
        Access::Read => false,
        Access::ReadWriteNamed(_) | Access::ReadWrite => true,
    }
}

/// Where a path leads to, as far as it is there.
fn resolved(path: &Path) -> PathBuf {
    let there = path.ancestors().find_map(|before| Some((before, fs::canonicalize(before).ok()?)));
    let Some((before, real)) = there else { return path.to_owned() };
    match path.strip_prefix(before) {
        Ok(rest) if rest != Path::new("") => real.join(rest),
        _ => real,
    }
}
