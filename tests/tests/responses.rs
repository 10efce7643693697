//! What a handler may say, and what becomes of it: a header block that every web server takes.

use tests::{Builder, Nginx, Request, Response, TestHost, guest};

fn behaviours() -> Builder {
    TestHost::with(guest::BEHAVIOURS)
}

fn assert_page(response: &Response) {
    assert_eq!((response.status(), response.header("content-type")), (502, Some("text/html; charset=utf-8")));
    assert!(response.is_complete() && response.text().starts_with("<!DOCTYPE html>"));
}

#[test]
fn statuses_that_are_not_final_are_refused() {
    let host = behaviours().start();
    for code in [100, 101, 103, 600, 999] {
        let response = host.get(&format!("/status?code={code}"));
        // Some are refused to the handler already, which says so.
        assert!(matches!(response.status(), 500 | 502), "{code}: {}", response.head());
    }
    host.log_line("status 103 Early Hints is not final");
    assert_eq!(host.get("/visits").text(), "1\n");
}

#[test]
fn what_cannot_have_a_body_has_none() {
    let host = behaviours().start();
    for code in [204, 205, 304] {
        let response = host.get(&format!("/status?code={code}"));
        assert_eq!((response.status(), response.text()), (code, ""));
    }
    assert_eq!(host.get("/with?status=204&content-length=13").header("content-length"), None);
    let head = host.send(Request::new("HEAD", "/with?content-length=13"));
    assert_eq!((head.header("content-length"), head.text()), (Some("13"), ""));
}

#[test]
fn lengths_are_checked() {
    let host = behaviours().start();
    assert_eq!(host.get("/with?content-length=13").text(), "with headers\n");
    for length in ["12", "14"] {
        assert_page(&host.get(&format!("/with?content-length={length}")));
    }
    for length in ["thirteen", "-1", "%2B13", "13,13", ""] {
        // The engine refuses them to the handler, which says so.
        assert_eq!(host.get(&format!("/with?content-length={length}")).status(), 500, "{length:?}");
    }
}

#[test]
fn headers_that_must_be_alone_are() {
    let host = behaviours().start();
    for name in ["content-type", "location"] {
        assert_page(&host.get(&format!("/with?{name}=13&{name}=13")));
    }
    host.log_line("more than one content-type");
    assert_eq!(host.get("/with?x-twice=1&x-twice=2").headers("x-twice"), ["1", "2"]);
}

#[test]
fn the_web_server_takes_no_orders_from_handlers() {
    let host = behaviours().start();
    for name in ["x-accel-redirect", "x-sendfile", "x-lighttpd-send-file", "x-sendfile2", "X-Accel-Redirect"]
    {
        let response = host.get(&format!("/with?{name}=/etc/passwd&x-other=1"));
        assert_eq!((response.header(name), response.header("x-other")), (None, Some("1")), "{name}");
        assert_eq!(response.text(), "with headers\n");
    }
    assert!(!host.get("/env").text().contains("FCGI_WASM_HOST"));
}

#[test]
fn a_header_block_has_a_greatest_length() {
    let host = behaviours().start();
    assert_eq!(host.get("/big-header?bytes=60000").header("x-big").map(str::len), Some(60_000));
    assert_page(&host.get("/big-header?bytes=66000"));
    host.log_line("bytes is larger than 65536");
}

#[test]
fn a_header_block_that_nginx_may_refuse_is_told_once() {
    let host = behaviours().start();
    let nginx = Nginx::before(&host);
    assert_eq!(nginx.get("/big-header?bytes=3000").status, 200);
    assert!(!host.log().contains("fastcgi_buffer_size"));
    for _ in 0..3 {
        assert_eq!(nginx.get("/big-header?bytes=10000").status, 502);
    }
    host.log_line("nginx takes 4 KiB unless fastcgi_buffer_size says more");
    assert_eq!(host.log().matches("fastcgi_buffer_size").count(), 1);
}

#[test]
fn a_location_is_a_header_like_others() {
    let response = behaviours().start().get("/with?status=200&location=/visits");
    assert_eq!((response.status(), response.header("location")), (200, Some("/visits")));
    assert_eq!(response.text(), "with headers\n");
}
