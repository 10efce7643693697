//! Something new is tried before all requests depend on it.

use std::collections::BTreeMap;

use tests::{Request, TestHost};

use super::{SETTINGS, start, version, version_of, versioned, write};

fn probed(page: &str, status: u16) -> String {
    SETTINGS.replace("env =", &format!("probe = \"{page}\"\nprobe-status = {status}\nenv ="))
}

#[test]
fn what_does_not_answer_as_it_should_never_serves() {
    let host = start();
    let check = |page: &str, expected: &str| {
        write(&host, &probed(page, 200).replace("\"0\"", "\"1\""));
        let told = host.fails(&["reload"]);
        assert!(
            told.contains("probe of site a: ") && told.contains(page) && told.contains(expected),
            "{told}"
        );
        assert_eq!(version_of(&host), 0);
    };
    check("/trap", "is answered with 502");
    check("/trap-late", "is answered with 502");
    check("/no-such-behaviour", "is answered with 404");
    write(&host, &probed("/no-such-behaviour", 404).replace("\"0\"", "\"2\""));
    host.ok(&["reload"]);
    assert_eq!(version_of(&host), 2);
}

#[test]
fn a_host_whose_probe_fails_does_not_start() {
    let refusal = TestHost::settings(&probed("/trap", 200)).refused();
    assert!(refusal.log.contains("/trap is answered with 502"), "{}", refusal.log);
}

#[test]
fn a_trial_answers_its_share_until_it_is_promoted() {
    let host = start();
    write(&host, &versioned(1));
    assert!(
        host.ok(&["reload", "--weight", "25"]).contains("generation 2 serves, with 25 % of the requests")
    );
    let count = || (0..100).filter(|_| version_of(&host) == 1).count();
    assert_eq!(count(), 25);
    assert!(host.ok(&["status"]).contains("generation 2 is on trial with 25 % of the requests"));
    assert!(host.ok(&["promote"]).contains("site a: changed"));
    assert_eq!(count(), 100);
    assert!(host.fails(&["promote"]).contains("nothing is on trial"));
    host.ok(&["rollback"]);
    assert_eq!(count(), 0);
}

#[test]
fn a_rollback_ends_a_trial() {
    let host = start();
    write(&host, &versioned(1));
    host.ok(&["reload", "--weight", "99"]);
    assert!(host.ok(&["rollback"]).contains("the trial has ended"));
    assert!((0..20).all(|_| version_of(&host) == 0));
    assert!(!host.ok(&["status"]).contains("on trial"));
}

#[test]
fn a_client_stays_with_what_answered_it() {
    let host = start();
    write(&host, &versioned(1));
    host.ok(&["reload", "--weight", "50", "--sticky"]);
    let mut answered = BTreeMap::<_, Vec<_>>::new();
    for client in (0..40).chain(0..40) {
        let request = Request::get("/env").variable("REMOTE_ADDR", &format!("192.0.2.{client}"));
        answered.entry(client).or_default().push(version(host.send(request).text()));
    }
    assert!(answered.values().all(|versions| versions[0] == versions[1]), "{answered:?}");
    let tried = answered.values().filter(|versions| versions[0] == 1).count();
    assert!((8..=32).contains(&tried), "{tried} of 40 clients");
}
