//! Connections: how long they live, what shares them, and where they may come from.

use std::{
    fs,
    net::TcpListener,
    os::unix::{fs::PermissionsExt, net::UnixListener},
};

use fcgi::{ProtocolStatus, Role, client::Event};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tests::{Request, TestHost, eventually, free_address, guest};

const MIB: u64 = 1 << 20;

fn behaviours() -> TestHost {
    TestHost::with(guest::BEHAVIOURS).watched().start()
}

#[test]
fn the_web_server_decides_whether_a_connection_is_kept() {
    let host = behaviours();
    let mut connection = host.connect();
    for _ in 0..3 {
        assert_eq!(connection.send(Request::get("/visits").keep()).status(), 200);
        assert!(!connection.is_closed());
    }
    assert_eq!(connection.send("/visits").status(), 200);
    connection.wait_for_close();
}

#[test]
fn a_connection_without_keep_alive_ends_after_all_of_its_requests() {
    let host = behaviours();
    let mut connection = host.connect();
    let slow = connection.begin(Request::get("/sleep?ms=100").keep());
    let fast = connection.begin("/visits");
    assert_eq!(connection.finish(fast).status(), 200);
    assert_eq!(connection.finish(slow).text(), "slept 100 ms\n");
    connection.wait_for_close();
}

#[test]
fn a_failed_request_keeps_its_connection() {
    let host = TestHost::with(guest::BEHAVIOURS).args(["--deadline", "200ms"]).start();
    let mut connection = host.connect();
    for (path, status) in [("/trap", 502), ("/loop", 504), ("/visits", 200)] {
        assert_eq!(connection.send(Request::get(path).keep()).status(), status);
    }
}

#[test]
fn requests_of_one_connection_run_at_once() {
    let host = behaviours();
    let mut connection = host.connect();
    let sleeping = connection.begin(Request::get("/sleep?ms=20000").keep());
    let others: Vec<_> = (0..20).map(|_| connection.begin(Request::get("/visits").keep())).collect();
    for id in others {
        assert_eq!(connection.finish(id).text(), "1\n");
    }
    assert!(!connection.is_over(sleeping));
}

#[test]
fn bodies_of_one_connection_do_not_mix() {
    let host = behaviours();
    let mut connection = host.connect();
    let ids: Vec<_> = (0..8).map(|_| connection.begin_upload(Request::new("POST", "/echo").keep())).collect();
    for _ in 0..50 {
        for (letter, id) in (b'a'..).zip(&ids) {
            connection.send_body(*id, vec![letter; 10_000]);
        }
    }
    for id in &ids {
        connection.finish_body(*id);
    }
    for (letter, id) in (b'a'..).zip(ids) {
        let response = connection.finish(id);
        assert_eq!(response.body().len(), 500_000);
        assert!(response.body().iter().all(|byte| *byte == letter));
    }
}

#[test]
fn an_abort_cancels_the_handler() {
    let host = TestHost::with(guest::BEHAVIOURS).args(["--instances", "1", "--deadline", "10m"]).start();
    for path in ["/loop", "/sleep?ms=600000", "/stalls-reading"] {
        let mut connection = host.connect();
        let running = connection.begin(Request::get(path).keep());
        let waiting = connection.begin(Request::get("/visits").keep());
        connection.abort(running);
        let aborted = connection.finish(running);
        assert_eq!(aborted.end, Some((0, ProtocolStatus::RequestComplete)));
        assert!(aborted.stdout.is_empty());
        assert_eq!(connection.finish(waiting).text(), "1\n");
    }
}

#[test]
fn a_client_that_goes_away_cancels_the_handler() {
    let host = TestHost::with(guest::BEHAVIOURS).args(["--instances", "1", "--deadline", "10m"]).start();
    for path in ["/loop", "/sleep?ms=600000", "/loop-late"] {
        let mut running = host.begin(path);
        assert!(!running.is_over());
        drop(running);
        assert_eq!(host.get("/visits").text(), "1\n");
    }
    host.log_line("the web server closed a connection: requests cancelled requests=1");
}

#[test]
fn questions_are_answered_while_a_request_runs() {
    let host = behaviours();
    let mut connection = host.connect();
    assert_eq!(connection.values(&[fcgi::MPXS_CONNS]).get(fcgi::MPXS_CONNS), Some(&b"1"[..]));
    let running = connection.begin(Request::get("/sleep?ms=20000").keep());
    let values = connection.values(&[fcgi::MAX_CONNS, fcgi::MAX_REQS, "FCGI_NONSENSE"]);
    assert!(values.get(fcgi::MAX_CONNS).is_some() && values.get(fcgi::MAX_REQS).is_some());
    assert_eq!(values.get("FCGI_NONSENSE"), None);
    assert!(!connection.is_over(running));
}

#[test]
fn an_unknown_management_record_is_answered_so() {
    let host = behaviours();
    let mut connection = host.connect();
    connection.send_raw(&[1, 77, 0, 0, 0, 0, 0, 0]);
    assert_eq!(connection.wait_for_management(), Event::UnknownType(77));
    assert_eq!(connection.send("/visits").status(), 200);
}

#[test]
fn other_roles_are_refused_and_the_connection_serves_on() {
    let host = behaviours();
    let mut connection = host.connect();
    for role in [Role::Authorizer, Role::Filter] {
        let response = connection.send(Request::get("/visits").role(role).keep());
        assert_eq!(response.end, Some((0, ProtocolStatus::UnknownRole)));
    }
    assert_eq!(connection.send("/visits").text(), "1\n");
}

#[test]
fn what_is_not_fastcgi_is_closed_and_logged() {
    let host = behaviours();
    for bytes in [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], b"\x16\x03\x01\x02\x00\x01\x00\x01"] {
        let mut connection = host.connect();
        connection.send_raw(bytes);
        connection.wait_for_close();
    }
    host.log_line("connection closed: ");
    assert_eq!(host.get("/visits").status(), 200);
}

#[test]
fn idle_connections_cost_little() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).expect("more descriptors");
    let host = behaviours();
    let idle = host.memory();
    assert!(idle < 40 * MIB, "{idle} bytes at rest");
    let mut connections: Vec<_> = (0..2000).map(|_| host.connect()).collect();
    for connection in &mut connections {
        assert_eq!(connection.send(Request::get("/visits").keep()).status(), 200);
    }
    let grown = host.memory().saturating_sub(idle);
    assert!(grown < 60 * MIB, "{grown} bytes for 2,000 connections");
    assert_eq!(connections[1999].send("/visits").status(), 200);
}

#[test]
fn a_socket_that_nobody_listens_on_is_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("host.sock");
    drop(UnixListener::bind(&socket).expect("a socket"));
    let host = TestHost::with(guest::HELLO).socket(&socket).start();
    assert_eq!(host.get("/").text(), "hello\n");
    assert!(host.terminate().success());
    assert!(!socket.exists());
}

#[test]
fn a_socket_in_use_is_left_alone() {
    let host = TestHost::with(guest::HELLO).start();
    let refusal = TestHost::with(guest::HELLO).socket(host.socket()).refused();
    assert!(refusal.log.contains("another process listens there"), "{}", refusal.log);
    assert_eq!(host.get("/").text(), "hello\n");
}

#[test]
fn a_file_in_the_way_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("host.sock");
    fs::write(&file, "precious").expect("a file");
    let refusal = TestHost::with(guest::HELLO).socket(&file).refused();
    assert!(refusal.log.contains("a file that is not a socket is there"), "{}", refusal.log);
    assert_eq!(fs::read_to_string(&file).expect("a file"), "precious");
}

#[test]
fn the_socket_has_the_mode_that_was_asked_for() {
    let check = |arguments: &[&str], expected: u32| {
        let builder = TestHost::with(guest::HELLO);
        let host = arguments.iter().fold(builder, |builder, argument| builder.arg(*argument)).start();
        let mode = fs::metadata(host.socket()).expect("a socket").permissions().mode();
        assert_eq!(mode & 0o777, expected, "{arguments:?}");
    };
    check(&[], 0o660);
    check(&["--socket-mode", "0600"], 0o600);
    check(&["--socket-mode", "666"], 0o666);
}

#[test]
fn one_host_listens_on_several_addresses() {
    let address = free_address();
    let v6 = TcpListener::bind("[::1]:0").map(|listener| listener.local_addr().expect("its address"));
    let builder = TestHost::with(guest::HELLO).args(["--listen", &address.to_string()]);
    // Not every container has IPv6.
    let host = match &v6 {
        Ok(v6) => builder.args(["--listen", &v6.to_string()]).start(),
        Err(_) => builder.start(),
    };
    for address in [Some(address), v6.ok()].into_iter().flatten() {
        assert_eq!(host.connect_tcp(address).send("/").text(), "hello\n");
    }
    assert_eq!(host.get("/").text(), "hello\n");
}

#[test]
fn an_address_that_everybody_reaches_is_refused() {
    for address in ["0.0.0.0:9000", "[::]:9000"] {
        let refusal = TestHost::with(guest::HELLO).args(["--listen", address]).refused();
        assert!(refusal.log.contains("could pose as any user"), "{}", refusal.log);
    }
}

#[test]
fn connections_that_come_and_go_leave_nothing_behind() {
    let host = behaviours();
    let idle = host.sockets();
    (0..500).for_each(|_| drop(host.begin("/sleep?ms=20")));
    eventually("all of them are closed", || host.sockets() == idle);
    assert_eq!(host.get("/visits").status(), 200);
}
