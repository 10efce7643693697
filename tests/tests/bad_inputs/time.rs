//! Inputs 44 and 45: peers that take their time.

use std::{thread, time::Duration};

use tests::{Request, TestHost, guest, wire};

use crate::assert_closed;

#[test]
fn input_44_silence() {
    let host = TestHost::with(guest::BEHAVIOURS)
        .args(["--head-timeout", "500ms", "--stall-timeout", "500ms"])
        .start();
    // Between requests it is a connection that a web server keeps.
    let mut idle: Vec<_> = (0..500).map(|_| host.wire()).collect();
    for head in [wire::begin(1), wire::begin(1)[..5].to_vec()] {
        assert_closed(&host, head, "did not finish the head of a request within 500ms; raise --head-timeout");
    }
    let body = wire::head(1, &Request::new("POST", "/count").keep());
    assert_closed(&host, body, "sent nothing of an unfinished request body for 500ms; raise --stall-timeout");
    for connection in &mut idle {
        assert_eq!(connection.ask(1, &Request::get("/visits").keep()).text(), "1\n");
    }
}

#[test]
fn input_45_one_byte_at_a_time() {
    let host = TestHost::with(guest::BEHAVIOURS).args(["--head-timeout", "1s"]).start();
    let request = wire::head(1, &Request::get("/visits"));
    let mut connection = host.wire();
    for byte in request.chunks(1) {
        if !connection.try_send(byte) {
            break;
        }
        host.assert_serves_others();
        thread::sleep(Duration::from_millis(50));
    }
    connection.expect_close();
    host.log_line("did not finish the head of a request within 1s");
}
