//! What docs/web-servers.md says besides its tables.

use std::io::Write;

use rustix::process::{Signal, kill_process};
use tests::{eventually, http};

use crate::{
    Form, form,
    ground::{Ground, Hosts},
    scene::Scene,
};

/// Longer than the examples let in, which is 64 MiB.
const TOO_LONG: usize = 68_000_000;

/// The status with which a body beyond the limit is answered; others are served afterwards.
fn too_long(name: &str) -> u16 {
    let scene = Scene::new(form(name));
    let mut stream = scene.begin("POST", "/try/count", &[("Content-Length", &TOO_LONG.to_string())]);
    // It may be refused before it is sent.
    let _ = stream.write_all(&vec![b'x'; TOO_LONG]);
    let reply = http::receive(stream);
    assert!(scene.serves_others(), "{}", scene.logs());
    reply.status
}

#[test]
fn nginx_refuses_longer_uploads_than_the_example_says() {
    assert_eq!(too_long("connections kept"), 413);
}

#[test]
fn mod_fcgid_refuses_longer_uploads_than_the_example_says() {
    assert_eq!(too_long("dynamic server: the program among the scripts"), 500);
}

#[test]
fn mod_fcgid_takes_128_kib_where_nobody_says_more() {
    const FORM: Form = Form {
        server: "Apache, mod_fcgid",
        name: ".htaccess",
        examples: &[],
        hosts: Hosts::Beside,
        start: |ground| crate::htaccess("rewrite", ground).start(),
    };
    let scene = Scene::new(&FORM);
    let status = |length: usize| scene.bin("POST", "/try/count", &[], &vec![b'x'; length]).status;
    assert_eq!((status(128 << 10), status((128 << 10) + 1)), (200, 500));
}

/// Hosts that do not look after their files load them again on SIGHUP, each by itself.
fn told(form: &'static Form) {
    let scene = Scene::on(Ground::told(form.hosts), form);
    scene.ground.change(&scene.server, 1);
    let version = |version: usize| {
        let reply = scene.bin("GET", "/try/env", &[], b"");
        reply.status == 200 && reply.text().contains(&format!("VERSION={version}\n"))
    };
    assert!(version(0), "nobody has told them");
    let hosts = scene.children();
    assert!(!hosts.is_empty(), "{}", scene.logs());
    for host in &hosts {
        kill_process(*host, Signal::HUP).expect("a process that runs");
    }
    eventually("all have loaded", || (0..ANSWERS).all(|_| version(1)));
    assert_eq!(scene.children(), hosts, "{}", scene.logs());
}

/// Answers after which each of two hosts has given some.
const ANSWERS: usize = 20;

#[test]
fn hosts_of_mod_fcgid_load_on_sighup() {
    told(form("dynamic server: the program among the scripts"));
}

#[test]
fn hosts_of_lighttpd_load_on_sighup() {
    told(form("`bin-path`, `max-procs` 2"));
}
