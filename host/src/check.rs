//! `fcgi-wasm-host check`: what the settings say, for those who wrote them.

use std::io::{self, Write};

use anyhow::Result;
use fcgi_wasm_host::{
    capability::{Access, Mount},
    config::{Config, Document, Route, Site, Size, Start, Time, Written},
    load::{self, Ground},
    registry::Registry,
    serve::Health,
    wall::Wall,
};
use rustix::process::geteuid;

/// Checks everything that can be checked without serving, and prints the table of it.
pub(crate) fn check(written: Written) -> Result<()> {
    let mut config = Config::check(written, Start::Alone)?;
    if !geteuid().is_root() {
        // The settings may be for a host that root starts; then root finds out whether that user reaches everything.
        config.wall.identity = None;
    }
    crate::raise_wall(&config.wall, &config.execution.cache)?;
    let modules = load::modules(&config.execution, crate::commands::compiler(&config))?;
    let registry = Registry::new(&config.execution.cache);
    let linked = load::linked(&config, (&modules, &registry), None)?;
    let door = load::door(&config.execution);
    load::generation(&config, &linked, Ground { door: &door, number: 0, before: None })?;
    table(&config, &mut io::stdout().lock())?;
    Ok(())
}

/// Prints the settings as TOML.
pub(crate) fn print(written: Written) -> Result<()> {
    Config::check(written.clone(), Start::Alone)?;
    io::stdout().write_all(Document::written(written)?.print()?.as_bytes())?;
    Ok(())
}

/// Prints the JSON schema of the settings file.
pub(crate) fn schema() -> Result<()> {
    io::stdout().write_all(Document::schema().as_bytes())?;
    Ok(())
}

fn table(config: &Config, out: &mut impl Write) -> io::Result<()> {
    let Config { listen, http, control, watch: _, log: _, drain: _, registry: _, sites, execution, wall } =
        config;
    for listen in listen {
        let only =
            if listen.sites.is_empty() { String::new() } else { format!(", {}", listen.sites.join(", ")) };
        writeln!(out, "listen {}{only}", listen.address)?;
    }
    if let Some(http) = http {
        writeln!(out, "http {http}")?;
    }
    if let Some(control) = control {
        writeln!(out, "control {}", control.display())?;
    }
    let terms = &execution.terms;
    writeln!(out, "{} instances, {} waiting for {}", terms.instances, terms.queue, Time(terms.patience))?;
    self::wall(wall, out)?;
    sites.iter().try_for_each(|site| self::site(site, out))
}

fn wall(wall: &Wall, out: &mut impl Write) -> io::Result<()> {
    let Wall { identity, umask, without, grants: _, network: _ } = wall;
    let user = identity.as_ref().map(|who| format!("user {}, group {}, ", who.user, who.group));
    write!(out, "wall {}umask {umask:03o}", user.unwrap_or_default())?;
    without.iter().try_for_each(|part| write!(out, ", without {part}"))?;
    writeln!(out)
}

fn site(site: &Site, out: &mut impl Write) -> io::Result<()> {
    let hosts = if site.hosts.is_empty() { "every other host".into() } else { site.hosts.join(", ") };
    let path = site.path.as_ref().map(|path| format!(" below {path}")).unwrap_or_default();
    let share = site.terms.map(|terms| format!(", {} instances", terms.instances)).unwrap_or_default();
    writeln!(out, "\nsite {}: {hosts}{path}{share}", site.name)?;
    for file in &site.watch {
        writeln!(out, "  watch {}", file.display())?;
    }
    if let Some(Health { page, status }) = &site.probe {
        writeln!(out, "  probe {}: {status}", page.path)?;
    }
    site.routes.iter().try_for_each(|route| self::route(route, out))
}

fn route(route: &Route, out: &mut impl Write) -> io::Result<()> {
    let which = match (&route.path, route.actions.as_slice()) {
        (Some(path), _) => format!("below {path}"),
        (None, []) => "all others".into(),
        (None, actions) => actions.join(" "),
    };
    let methods: Vec<_> = route.methods.iter().map(ToString::to_string).collect();
    let methods = if methods.is_empty() { String::new() } else { format!(" {}", methods.join(" ")) };
    writeln!(out, "  route {}: {which}{methods}", route.name)?;
    writeln!(out, "    module    {} {}", route.module, route.arguments.join(" "))?;
    for mount in &route.mounts {
        writeln!(out, "    mount     {}", self::mount(mount))?;
    }
    for (name, value) in &route.environment {
        writeln!(out, "    env       {name}={value}")?;
    }
    let private = if route.outbound.private { ", private addresses too" } else { "" };
    for origin in &route.outbound.origins {
        writeln!(out, "    outbound  {origin}{private}")?;
    }
    let share = route.terms.map(|terms| format!(", {} instances", terms.instances)).unwrap_or_default();
    let (memory, deadline) = (Size(route.limits.memory as u64), Time(route.deadline));
    let (request, response) = (Size(route.max_request), Size(route.max_response));
    writeln!(out, "    limits    {memory} memory, {deadline}, {request} in, {response} out{share}")?;
    if let Some(cpu) = route.cpu {
        writeln!(out, "    cpu       {}", Time(cpu))?;
    }
    if let Some(quota) = route.write {
        writeln!(out, "    writes    {} bytes, {} files", quota.bytes, quota.files)?;
    }
    if route.reuse.requests > 1 {
        writeln!(out, "    reuse     {} requests", route.reuse.requests)?;
    }
    Ok(())
}

fn mount(mount: &Mount) -> String {
    let access = match &mount.access {
        Access::Read => "ro".into(),
        Access::ReadWrite => "rw".into(),
        Access::ReadWriteNamed(names) => format!("ro, but {}", names.join(" ")),
    };
    let hidden = if mount.hidden.is_empty() { "" } else { ", without " };
    format!("{} {access}{hidden}{} = {}", mount.guest, mount.hidden.join(" "), mount.host.display())
}
