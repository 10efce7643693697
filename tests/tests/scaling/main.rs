//! Several hosts for one wiki, each on a machine of its own: one of them fails, stops or is replaced, and no page is missing.

mod fleet;

use std::{fs, io::Write, net::TcpStream};

use fleet::{Fleet, HOSTS, behind_both};
use tests::{Client, HaProxy, Network, Nginx, eventually, http, noise};

#[test]
fn one_is_killed_and_comes_back() {
    behind_both(|fleet| {
        fleet.under_load(|fleet, answers| {
            fleet.kill(0);
            answers.wait_for(&[1]);
            fleet.start(0);
            answers.wait_for(&[0]);
        });
    });
}

#[test]
fn one_is_drained_and_comes_back() {
    behind_both(|fleet| {
        fleet.under_load(|fleet, answers| {
            assert!(fleet.take(0).terminate().success());
            answers.wait_for(&[1]);
            fleet.start(0);
            answers.wait_for(&[0]);
        });
    });
}

#[test]
fn one_is_upgraded_in_its_place() {
    behind_both(|fleet| {
        fleet.under_load(|fleet, answers| {
            fleet.upgrade(0);
            answers.wait_for(&HOSTS);
        });
    });
}

#[test]
fn both_are_replaced_one_after_the_other() {
    behind_both(|fleet| {
        fleet.under_load(|fleet, answers| {
            for number in HOSTS {
                assert!(fleet.take(number).terminate().success());
                fleet.start(number);
                // The next one is stopped when this one is asked again.
                answers.wait_for(&[number]);
            }
        });
    });
}

#[test]
fn one_is_cut_off_and_comes_back() {
    behind_both(|fleet| {
        fleet.under_load(|fleet, answers| {
            fleet.network.cut(0);
            // nginx learns it from a request that is not answered, HAProxy from its own.
            let noticed = ["upstream timed out", "host2 is DOWN"];
            eventually("it is noticed", || noticed.iter().any(|line| fleet.web.log().contains(line)));
            answers.wait_for(&[1]);
            fleet.network.mend(0);
            answers.wait_for(&[0]);
        });
    });
}

#[test]
fn a_page_that_was_half_done_is_made_by_the_other_one() {
    behind_both(|fleet| {
        let reply = when_killed(fleet, "GET", "/sleep?ms=1000");
        assert_eq!((reply.status, reply.text()), (200, "slept 1000 ms\n"));
    });
}

#[test]
fn a_change_that_was_half_done_is_not_done_again() {
    behind_both(|fleet| {
        // Done again, it would be answered after its sleep, with 200.
        let reply = when_killed(fleet, "POST", "/sleep?ms=1000");
        assert_eq!(reply.status, 502);
    });
}

#[test]
fn an_upload_that_was_half_sent_goes_to_no_other_host() {
    // nginx takes in an upload before it asks a host; HAProxy passes it on as it comes.
    let mut fleet = Fleet::behind(HaProxy::scaling);
    let (web, half) = (fleet.web.address(), [("Content-Length", "1000000")]);
    let mut upload = fleet.network.on_web(|| http::begin(web, "POST", "/count", &half, b""));
    upload.write_all(&noise(500_000)).expect("a proxy that reads");
    let busy = fleet.busy();
    fleet.kill(busy);
    // At another host it would wait for its other half.
    assert_eq!(http::receive(upload).status, 502);
}

/// What comes of a request whose host is killed meanwhile.
fn when_killed(fleet: &mut Fleet, method: &str, uri: &str) -> http::Reply {
    let body: &[u8] = if method == "POST" { b"a change" } else { b"" };
    let web = fleet.web.address();
    let stream = fleet.network.on_web(|| http::begin(web, method, uri, &[], body));
    let busy = fleet.busy();
    fleet.kill(busy);
    http::receive(stream)
}

#[test]
fn what_is_changed_is_shown_by_both() {
    behind_both(|fleet| {
        let topic = fleet.file("data/Main/WebHome.txt");
        fs::write(topic, "A change of mind\n").expect("a topic");
        for _ in 0..4 {
            assert!(fleet.send("GET", "/bin/view/Main/WebHome", b"").text().contains("A change of mind"));
        }
    });
}

#[test]
fn a_neighbour_that_is_not_named_is_refused() {
    let fleet = Fleet::behind(Nginx::scaling);
    let connect = || Client::new(TcpStream::connect(Network::address(0)).expect("a host that listens"));
    assert_eq!(fleet.network.on_web(|| connect().send("/env")).status(), 200);
    fleet.network.on(1, || connect().wait_for_close());
    assert!(fleet.host(0).log_line("connection refused").contains("peer=10.0.0.3"));
}
