//! Instances that serve more than one request, and those that do not.

use std::time::Duration;

use fcgi_wasm_host::{
    capability::{Access, Mount, Quota},
    wasm::{Handler, Quotas, Reuse, Stderr},
};
use tests::guest;

use crate::sandbox::{Given, Sandbox, get, get_with, give_up, run};

const OFTEN: Reuse = Reuse { requests: 100, memory: 64 << 20, idle: Duration::from_hours(1) };

fn counter(sandbox: &Sandbox, reuse: Reuse) -> Handler {
    sandbox.handler(guest::BEHAVIOURS, Given { reuse, ..Given::default() })
}

fn visits(handler: &Handler) -> String {
    get(handler, "/visits").expect("an answer").trim().to_owned()
}

#[test]
fn an_instance_is_fresh_unless_it_is_to_be_used_again() {
    let sandbox = Sandbox::new(&[]);
    let check = |reuse: Reuse, expected: &[&str]| {
        let handler = counter(&sandbox, reuse);
        let came: Vec<_> = expected.iter().map(|_| visits(&handler)).collect();
        assert_eq!(came, expected, "{reuse:?}");
    };
    check(Reuse::default(), &["1", "1", "1"]);
    check(Reuse { requests: 3, ..OFTEN }, &["1", "2", "3", "1", "2"]);
    check(OFTEN, &["1", "2", "3", "4", "5"]);
    check(Reuse { memory: 64 << 10, ..OFTEN }, &["1", "1"]);
    check(Reuse { idle: Duration::ZERO, ..OFTEN }, &["1", "1"]);
}

#[test]
fn no_instance_is_another_handlers() {
    let sandbox = Sandbox::new(&[]);
    let (one, other) = (counter(&sandbox, OFTEN), counter(&sandbox, OFTEN));
    assert_eq!([visits(&one), visits(&one)], ["1", "2"]);
    assert_eq!([visits(&other), visits(&one), visits(&other)], ["1", "3", "2"]);
}

#[test]
fn nothing_is_used_again_after_a_failure() {
    let sandbox = Sandbox::new(&[]);
    let handler = counter(&sandbox, OFTEN);
    for path in ["/trap", "/trap-late", "/recurse", "/exit?code=1", "/memory"] {
        assert_eq!([visits(&handler), visits(&handler)], ["1", "2"], "before {path}");
        let _ = get(&handler, path);
    }
    assert_eq!(visits(&handler), "1");
    for path in ["/loop", "/stalls-reading", "/endless"] {
        give_up(&handler, path);
        assert_eq!(visits(&handler), "1", "after {path}");
    }
}

#[test]
fn waiting_instances_make_room() {
    let sandbox = Sandbox::with_instances(1, &[]);
    let (one, other, fresh) =
        (counter(&sandbox, OFTEN), counter(&sandbox, OFTEN), counter(&sandbox, Reuse::default()));
    for _ in 0..3 {
        assert_eq!([visits(&one), visits(&one)], ["1", "2"]);
        assert_eq!([visits(&other), visits(&other)], ["1", "2"]);
        assert_eq!([visits(&fresh), visits(&fresh)], ["1", "1"]);
    }
}

#[test]
fn each_request_has_its_own_standard_error_and_variables() {
    let sandbox = Sandbox::new(&[]);
    let handler = counter(&sandbox, OFTEN);
    for (round, length) in [80, 160, 240].into_iter().enumerate() {
        assert_eq!(visits(&handler), (round + 1).to_string());
        let stderr = Stderr::within(1 << 20);
        get_with(&handler, &format!("/stderr?bytes={length}"), &stderr).expect("an answer");
        assert_eq!(stderr.take().len(), length);
        get(&handler, "/stdout").expect("an answer");
        let environment = get(&handler, "/env").expect("an answer");
        assert!(environment.contains("REQUEST=/env\n"), "{environment}");
    }
}

#[test]
fn files_are_found_again_and_none_is_kept() {
    let sandbox = Sandbox::new(&["data/topic"]);
    let mounts: Vec<Mount> = vec![sandbox.mount("data", Access::ReadWrite, &[".htpasswd"])];
    let quotas = Quotas { request: Some(Quota { bytes: 2000, files: 9 }), site: None };
    let handler = sandbox.handler(guest::INTRUDER, Given { mounts, quotas, reuse: OFTEN });
    let count = || run(&handler, &["read /data topic", "fill /data new 1", "count"]).expect("an answer");
    assert_eq!([count(), count()], [["data/topic", "ok", "1"], ["data/topic", "ok", "2"]]);
    let leaked = run(&handler, &["leak /data topic", "count"]);
    assert_eq!(leaked.expect("an answer"), ["ok", "3"]);
    assert_eq!(count()[2], "1");
    let over = run(&handler, &["fill /data new 3", "count"]);
    assert_eq!(over.expect("an answer"), ["quota", "2"]);
    assert_eq!(count()[2], "1");
}
