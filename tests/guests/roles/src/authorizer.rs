//! Decisions, good and bad ones.

use std::{env, hint::black_box, process};

use crate::{
    Roles,
    bindings::{
        exports::fcgi_wasm_host::handler::authorization::{Decision, Denial, Guest},
        fcgi_wasm_host::handler::cgi::Variable,
    },
};

impl Guest for Roles {
    fn authorize(variables: Vec<Variable>) -> Decision {
        let uri = variables.iter().find(|(name, _)| name == "REQUEST_URI");
        let uri = uri.map_or(String::new(), |(_, value)| String::from_utf8_lossy(value).into_owned());
        let (path, query) = uri.split_once('?').unwrap_or((&uri, ""));
        match path {
            "/allow" => Decision::Allow(Vec::new()),
            "/variables" => {
                Decision::Allow(vec![variable("AUTH_METHOD", "database lookup"), variable("user_id", "7")])
            }
            "/variable" => {
                let (name, value) = query.split_once('=').unwrap_or((query, ""));
                let decoded = |text: &str| text.replace("%0a", "\n").replace("%3a", ":");
                Decision::Allow(vec![variable(&decoded(name), &decoded(value))])
            }
            "/deny" => {
                let headers = vec![variable("WWW-Authenticate", "Basic realm=\"x\"")];
                Decision::Deny(Denial { status: 401, headers, body: b"no\n".to_vec() })
            }
            "/status" => deny(query.parse().unwrap_or(403), Vec::new()),
            "/told" => deny(403, lines(variables)),
            "/environment" => deny(403, lines(env::vars().map(|(name, value)| (name, value.into_bytes())))),
            "/loop" => compute_for_ever(),
            "/exit" => process::exit(0),
            _ => panic!("as asked"),
        }
    }
}

fn variable(name: &str, value: &str) -> (String, Vec<u8>) {
    (name.to_owned(), value.as_bytes().to_vec())
}

fn lines(variables: impl IntoIterator<Item = (String, Vec<u8>)>) -> Vec<u8> {
    let lines = variables.into_iter().map(|(name, value)| [name.as_bytes(), b"=", &value, b"\n"].concat());
    lines.collect::<Vec<_>>().concat()
}

fn deny(status: u16, body: Vec<u8>) -> Decision {
    Decision::Deny(Denial { status, headers: vec![variable("Content-Type", "text/plain")], body })
}

fn compute_for_ever() -> ! {
    let mut step = 0_u64;
    loop {
        step = black_box(step.wrapping_add(1));
    }
}
