//! What is different between two settings, for people.

use std::collections::BTreeMap;

use crate::{
    config::{Config, Site},
    load::LinkedModules,
};

/// What a reload has changed, a line each.
pub(super) fn changes(old: (&Config, &LinkedModules), new: (&Config, &LinkedModules)) -> Vec<String> {
    let ((old, old_modules), (new, new_modules)) = (old, new);
    let mut changes = Vec::new();
    for (source, linked) in new_modules {
        match old_modules.get(source) {
            Some(before) if before.key() == linked.key() => {}
            Some(_) => changes.push(format!("module {source}: new code")),
            None => changes.push(format!("module {source}: added")),
        }
    }
    changes.sort_unstable();
    let by_name = |config: &'_ Config| -> BTreeMap<String, Site> {
        config.sites.iter().map(|site| (site.name.clone(), site.clone())).collect()
    };
    let (old_sites, new_sites) = (by_name(old), by_name(new));
    for (name, site) in &new_sites {
        match old_sites.get(name) {
            None => changes.push(format!("site {name}: added")),
            Some(before) if before != site => changes.push(format!("site {name}: changed")),
            Some(_) => {}
        }
    }
    let removed = old_sites.keys().filter(|name| !new_sites.contains_key(*name));
    changes.extend(removed.map(|name| format!("site {name}: removed")));
    for listen in &new.listen {
        match old.listen.iter().find(|before| before.address == listen.address) {
            None => changes.push(format!("listener {}: opened", listen.address)),
            Some(before) if before != listen => changes.push(format!("listener {}: changed", listen.address)),
            Some(_) => {}
        }
    }
    let closed =
        |before: &&crate::serve::Listen| !new.listen.iter().any(|listen| listen.address == before.address);
    changes.extend(
        old.listen.iter().filter(closed).map(|listen| format!("listener {}: closed", listen.address)),
    );
    changes
}

/// The names of settings that have changed since the start, and that only a restart puts into force: what is about the process,
/// and not about what it serves.
pub(super) fn left_out(started: &Config, new: &Config) -> Vec<String> {
    let (old, process) = (&started.execution, &new.execution);
    let changes = [
        ("http", started.http != new.http),
        ("control", started.control != new.control),
        ("limits.instances of the host", old.terms.instances != process.terms.instances),
        ("cache-dir", old.cache != process.cache),
        ("cache-size", old.cache_size != process.cache_size),
        ("wall", started.wall != new.wall),
    ];
    let mut names: Vec<_> =
        changes.into_iter().filter(|(_, changed)| *changed).map(|(name, _)| name.to_owned()).collect();
    for listen in &new.listen {
        let before = started.listen.iter().find(|before| before.address == listen.address);
        if before.is_some_and(|before| before.access != listen.access) {
            names.push(format!("mode and owner of {}", listen.address));
        }
    }
    names
}
