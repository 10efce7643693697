//! What operators do with a wiki, through every form of web server configuration below `examples`; docs/web-servers.md has the table of
//! what came of it, and these tests write it: run them with the environment variable `WRITE_TABLES=1`.

mod clients;
mod ground;
mod reading;
mod reload;
mod remarks;
mod scene;
mod table;
mod writing;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Instant,
};

use tests::{Apache, Caddy, HaProxy, Lighttpd, Nginx, WebServer, paths};

use crate::{
    ground::{Ground, Hosts},
    scene::Scene,
};

/// A web server's configuration.
struct Form {
    server: &'static str,
    name: &'static str,
    /// The files below `examples` that are run.
    examples: &'static [&'static str],
    hosts: Hosts,
    start: fn(&Ground) -> WebServer,
}

/// What is done: its name, what that means, and how it is found out what becomes of it.
struct Case {
    name: &'static str,
    what: &'static str,
    run: fn(&Scene) -> String,
}

/// What a case says when all is as it should be.
const GOOD: &str = "yes";

fn cases() -> impl Iterator<Item = &'static Case> {
    reading::CASES.iter().chain(writing::CASES).chain(clients::CASES).chain(reload::CASES)
}

/// Runs all cases, and checks what the table says of them.
fn check(name: &str) {
    let form = form(name);
    let scene = Scene::new(form);
    let mut otherwise = Vec::new();
    for case in cases() {
        let started = Instant::now();
        let found = catch_unwind(AssertUnwindSafe(|| (case.run)(&scene)));
        let found = found.unwrap_or_else(|_| "a panic".into());
        println!("{name}: {}: {found} ({:?})", case.name, started.elapsed());
        if found != GOOD {
            otherwise.push(format!("{}: {found}", case.name));
        }
    }
    table::check(form, &otherwise, || scene.logs());
}

fn form(name: &str) -> &'static Form {
    FORMS.iter().find(|form| form.name == name).expect("a form")
}

const FORMS: &[Form] = &[
    Form {
        server: "nginx",
        name: "connections kept",
        examples: &["nginx/foswiki.conf", "nginx/login.conf"],
        hosts: Hosts::Own,
        start: |ground| Nginx::whole(ground, true).with_login(&ground.users()).start(),
    },
    Form {
        server: "nginx",
        name: "a connection per request",
        examples: &["nginx/foswiki.conf", "nginx/login.conf"],
        hosts: Hosts::Own,
        start: |ground| Nginx::whole(ground, false).with_login(&ground.users()).start(),
    },
    Form {
        server: "nginx",
        name: "the manual's, at a port",
        examples: &["nginx/migrated.conf", "nginx/login.conf"],
        hosts: Hosts::Own,
        start: |ground| Nginx::migrated(ground.port(), ground.root()).with_login(&ground.users()).start(),
    },
    Form {
        server: "Apache, mod_proxy_fcgi",
        name: "socket, `enablereuse=on`",
        examples: &["apache/foswiki.conf", "apache/login.conf"],
        hosts: Hosts::Own,
        start: |ground| Apache::whole(&ground.users(), true).with_login().start(),
    },
    Form {
        server: "Apache, mod_proxy_fcgi",
        name: "socket, `enablereuse=off`",
        examples: &["apache/foswiki.conf", "apache/login.conf"],
        hosts: Hosts::Own,
        start: |ground| Apache::whole(&ground.users(), false).with_login().start(),
    },
    Form {
        server: "Apache, mod_proxy_fcgi",
        name: "static server, or external at a socket",
        examples: &["apache/external.conf", "apache/login.conf"],
        hosts: Hosts::Own,
        start: |ground| Apache::external(&ground.users()).with_login().start(),
    },
    Form {
        server: "Apache, mod_proxy_fcgi",
        name: "external server at a port",
        examples: &["apache/external-port.conf", "apache/login.conf"],
        hosts: Hosts::Own,
        start: |ground| Apache::external_port(ground.trusted_port()).with_login().start(),
    },
    Form {
        server: "Apache, mod_fcgid",
        name: "hosts for a whole name",
        examples: &["apache/spawned.conf", "apache/login.conf"],
        hosts: Hosts::Named(Apache::cache),
        start: |ground| Apache::spawning_with(&ground.settings()).with_login().start(),
    },
    Form {
        server: "Apache, mod_fcgid",
        name: "dynamic server: the program among the scripts",
        examples: &["apache/aliased.conf", "apache/login.conf", "htaccess/fcgi-wasm-host.toml"],
        hosts: Hosts::Beside,
        start: |ground| Apache::aliased(ground.text()).with_login().start(),
    },
    Form {
        server: "Apache, mod_fcgid",
        name: ".htaccess with mod_rewrite; `FcgidMaxRequestLen` is the provider's",
        examples: &["htaccess/rewrite.htaccess", "htaccess/login.htaccess", "htaccess/short.htaccess"],
        hosts: Hosts::Beside,
        start: |ground| htaccess("rewrite", ground).with_long_uploads().start(),
    },
    Form {
        server: "Apache, mod_fcgid",
        name: ".htaccess with mod_actions; `FcgidMaxRequestLen` is the provider's",
        examples: &["htaccess/actions.htaccess", "htaccess/login.htaccess", "htaccess/short.htaccess"],
        hosts: Hosts::Beside,
        start: |ground| htaccess("actions", ground).with_long_uploads().start(),
    },
    Form {
        server: "lighttpd",
        name: "`bin-path`, `max-procs` 2",
        examples: &["lighttpd/spawned.conf", "lighttpd/login.conf"],
        hosts: Hosts::Named(paths::cache),
        start: |ground| Lighttpd::spawning_with(&ground.settings()).with_login().start(),
    },
    Form {
        server: "lighttpd",
        name: "external, socket",
        examples: &["lighttpd/foswiki.conf", "lighttpd/login.conf"],
        hosts: Hosts::Own,
        start: |ground| Lighttpd::whole(&ground.users()).with_login().start(),
    },
    Form {
        server: "lighttpd",
        name: "external, port",
        examples: &["lighttpd/external.conf", "lighttpd/login.conf"],
        hosts: Hosts::Own,
        start: |ground| Lighttpd::external(ground.trusted_port()).with_login().start(),
    },
    Form {
        server: "Caddy",
        name: "`reverse_proxy` with `transport fastcgi`",
        examples: &["caddy/Caddyfile", "caddy/login.caddy"],
        hosts: Hosts::Own,
        start: |ground| Caddy::whole(&ground.users()).with_login().start(),
    },
    Form {
        server: "HAProxy",
        name: "`fcgi-app`",
        examples: &["haproxy/foswiki.cfg", "haproxy/login.cfg"],
        hosts: Hosts::Own,
        start: |ground| HaProxy::whole(&ground.users(), false).with_login().start(),
    },
    Form {
        server: "HAProxy",
        name: MULTIPLEXED,
        examples: &["haproxy/foswiki.cfg", "haproxy/login.cfg"],
        hosts: Hosts::Own,
        start: |ground| HaProxy::whole(&ground.users(), true).with_login().start(),
    },
];

/// Apache with an `.htaccess` of those in `examples/htaccess`, and logging in.
fn htaccess(name: &str, ground: &Ground) -> Apache {
    Apache::with_htaccess(name, ground.text()).with_login_by_htaccess()
}

/// The form in which several clients share a connection, and may have to wait for each other.
const MULTIPLEXED: &str = "`fcgi-app`, multiplexed";

macro_rules! tests {
    ($($test:ident: $form:expr,)*) => { $(#[test]
fn $test() {
    check($form);
})* };
}

tests! {
    nginx_that_keeps_connections: "connections kept",
    nginx: "a connection per request",
    nginx_as_in_the_manual: "the manual's, at a port",
    mod_proxy_fcgi_that_keeps_connections: "socket, `enablereuse=on`",
    mod_proxy_fcgi: "socket, `enablereuse=off`",
    mod_proxy_fcgi_below_a_path: "static server, or external at a socket",
    mod_proxy_fcgi_with_a_port: "external server at a port",
    mod_fcgid: "hosts for a whole name",
    mod_fcgid_by_the_place_of_the_program: "dynamic server: the program among the scripts",
    htaccess_with_mod_rewrite: ".htaccess with mod_rewrite; `FcgidMaxRequestLen` is the provider's",
    htaccess_with_mod_actions: ".htaccess with mod_actions; `FcgidMaxRequestLen` is the provider's",
    lighttpd_with_bin_path: "`bin-path`, `max-procs` 2",
    lighttpd_with_a_socket: "external, socket",
    lighttpd_with_a_port: "external, port",
    caddy: "`reverse_proxy` with `transport fastcgi`",
    haproxy: "`fcgi-app`",
    haproxy_that_multiplexes: MULTIPLEXED,
}
