//! The same cases through every web server, with the configurations below `examples`; what becomes of each case is the
//! table "Web servers" of docs/conformance.md, and nothing else is.

mod connections;
mod migrating;
mod requests;
mod responses;
mod scene;
mod table;

use std::panic::{AssertUnwindSafe, catch_unwind};

use tests::{Apache, Caddy, HaProxy, Lighttpd, Nginx};

use crate::scene::Scene;

/// What is tried with each web server: a name, and what it does to find out what goes in the table's cell. It is given what
/// the cell holds, for where something else takes long to wait for.
type Case = (&'static str, fn(&Scene, &str) -> String);

fn cases() -> impl Iterator<Item = &'static Case> {
    requests::CASES.iter().chain(responses::CASES).chain(connections::CASES).chain(responses::LAST)
}

/// Checks a column of the table.
fn check(column: &str, scene: &Scene) {
    let mut wrong = Vec::new();
    for (name, run) in cases() {
        let expected = table::cell(name, column);
        let found = catch_unwind(AssertUnwindSafe(|| run(scene, &expected)));
        let found = found.unwrap_or_else(|_| "a panic".into());
        println!("{column}: {name}: {found}");
        if found != expected {
            wrong.push(format!("{name}: {found}, in the table: {expected}"));
        }
    }
    assert!(wrong.is_empty(), "docs/conformance.md, {column}:\n{}\n{}", wrong.join("\n"), scene.logs());
}

#[test]
fn nginx() {
    check("nginx", &Scene::with(Nginx::without_keep_alive));
}

#[test]
fn nginx_that_keeps_connections() {
    check("nginx, kept", &Scene::with(Nginx::before));
}

#[test]
fn mod_proxy_fcgi() {
    check("mod_proxy_fcgi", &Scene::with(Apache::before));
}

#[test]
fn mod_fcgid() {
    check("mod_fcgid", &Scene::spawned(Apache::spawning()));
}

#[test]
fn lighttpd() {
    check("lighttpd", &Scene::with(Lighttpd::before));
}

#[test]
fn haproxy() {
    check("HAProxy", &Scene::with(HaProxy::before));
}

#[test]
fn haproxy_that_multiplexes() {
    check("HAProxy, multiplexing", &Scene::with(HaProxy::multiplexing));
}

#[test]
fn caddy() {
    check("Caddy", &Scene::with(Caddy::before));
}
