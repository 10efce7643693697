//! The host behind the real nginx, with the configuration in `examples/nginx`.

use std::{
    fs,
    io::{Read, Write},
};

use tests::{Nginx, ONE_AT_A_TIME, TestHost, WebServer, eventually, guest, paths};

/// A host whose handlers misbehave as they are told to.
fn behaviours() -> TestHost {
    TestHost::with(guest::BEHAVIOURS).args(["--deadline", "500ms"]).start()
}

/// Tells a story twice: with connections that are kept, and with one for each request.
fn both(story: impl Fn(&TestHost, &WebServer)) {
    let host = behaviours();
    story(&host, &Nginx::before(&host));
    story(&host, &Nginx::without_keep_alive(&host));
}

fn pattern(length: usize) -> Vec<u8> {
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-\n"
        .iter()
        .copied()
        .cycle()
        .take(length)
        .collect()
}

#[test]
fn a_request_passes_through() {
    both(|_, nginx| {
        let reply = nginx.send("GET", "/headers?a=%20b", &[("X-Word", "one"), ("Cookie", "a=1")], b"");
        let expected =
            "method: GET\nscheme: http\nauthority: wiki.example\npath-with-query: /headers?a=%20b\n";
        assert!(reply.text().starts_with(expected), "{}", reply.text());
        assert!(reply.text().contains("\nx-word: one\n") && reply.text().contains("\ncookie: a=1\n"));
        assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"));
    });
}

#[test]
fn many_requests_on_one_kept_connection_get_their_own_answers() {
    both(|host, nginx| {
        for _ in 0..100 {
            assert_eq!(nginx.get("/visits").text(), "1\n");
        }
        assert!(!host.log().contains("WARN"), "{}", host.log());
    });
}

#[test]
fn connections_are_kept_only_when_asked() {
    let host = TestHost::with(guest::BEHAVIOURS).watched().start();
    let idle = host.sockets();
    let nginx = Nginx::before(&host);
    (0..5).for_each(|_| assert_eq!(nginx.get("/visits").status, 200));
    assert_eq!(host.sockets(), idle + 1);
    drop(nginx);
    let nginx = Nginx::without_keep_alive(&host);
    assert_eq!(nginx.get("/visits").status, 200);
    eventually("none is kept", || host.sockets() == idle);
}

#[test]
fn head_has_the_head_alone() {
    both(|_, nginx| {
        let reply = nginx.send("HEAD", "/head", &[], b"");
        assert_eq!((reply.status, reply.header("content-length")), (200, Some("6")));
        assert!(reply.body.is_empty());
        assert_eq!(nginx.get("/head").text(), "hello\n");
    });
}

#[test]
fn twenty_megabytes_go_each_way() {
    let body = pattern(20_000_000);
    both(|_, nginx| {
        assert_eq!(nginx.send("POST", "/count", &[], &body).text(), "20000000\n");
        let reply = nginx.get("/generate?bytes=20000000");
        assert!(reply.complete && reply.body == body, "{} bytes", reply.body.len());
    });
}

#[test]
fn a_chunked_upload_arrives_whole() {
    both(|_, nginx| {
        let chunked = b"5\r\nsome \r\n5\r\nwords\r\n0\r\n\r\n";
        let mut stream = nginx.begin("POST", "/echo", &[("Transfer-Encoding", "chunked")]);
        stream.write_all(chunked).expect("a server that reads");
        let mut reply = String::new();
        stream.read_to_string(&mut reply).expect("a reply");
        assert!(reply.contains("some words"), "{reply}");
    });
}

#[test]
fn redirects_cookies_and_statuses_arrive() {
    both(|_, nginx| {
        let reply = nginx.get("/redirect?to=https://other.example/x");
        assert_eq!((reply.status, reply.header("location")), (302, Some("https://other.example/x")));
        let reply = nginx.get("/cookies");
        let cookies: Vec<_> = reply.headers.iter().filter(|(name, _)| name == "set-cookie").collect();
        assert_eq!(cookies.len(), 2);
        for code in [201, 204, 304, 404, 418, 503] {
            let reply = nginx.get(&format!("/status?code={code}"));
            assert!(reply.status == code && reply.complete, "{code}: {reply:?}");
        }
    });
}

#[test]
fn a_trap_is_a_page_and_the_web_servers_log_has_the_reason() {
    both(|host, nginx| {
        let reply = nginx.get("/trap");
        assert_eq!((reply.status, reply.complete), (502, true));
        assert!(reply.text().contains("The page could not be made."), "{}", reply.text());
        host.log_line("the handler trapped");
        eventually("nginx tells", || nginx.log().contains("as asked"));
        assert_eq!(nginx.get("/visits").text(), "1\n");
    });
}

#[test]
fn a_trap_after_a_beginning_is_a_cut_that_the_browser_sees() {
    let host = behaviours();
    let reply = Nginx::before(&host).get("/trap-late?ms=50");
    assert_eq!((reply.status, reply.text(), reply.complete), (200, "half of a body\n", false));
    // Here nginx drops what it has not sent yet.
    assert!(!Nginx::without_keep_alive(&host).get("/trap-late?ms=50").complete);
}

#[test]
fn a_response_shorter_than_promised_is_not_taken_for_a_whole_one() {
    both(|_, nginx| {
        let reply = nginx.get("/length-mismatch?declared=100000&bytes=99999");
        assert!(!reply.complete || reply.status == 502, "{} {}", reply.status, reply.body.len());
        assert_eq!(nginx.get("/visits").text(), "1\n");
    });
}

#[test]
fn the_deadline_is_a_504() {
    both(|_, nginx| {
        for path in ["/loop", "/sleep?ms=60000"] {
            assert_eq!(nginx.get(path).status, 504);
        }
        assert!(!nginx.get("/loop-late").complete);
        assert_eq!(nginx.get("/visits").text(), "1\n");
    });
}

#[test]
fn a_full_host_is_a_503_that_says_when_to_come_back() {
    let host = TestHost::with(guest::BEHAVIOURS).args(ONE_AT_A_TIME).start();
    let nginx = Nginx::before(&host);
    let _busy = host.begin("/sleep?ms=20000");
    eventually("it is busy", || nginx.get("/visits").status == 503);
    assert_eq!(nginx.get("/visits").header("retry-after"), Some("2"));
}

#[test]
fn a_browser_that_goes_away_cancels_the_handler() {
    let host = TestHost::with(guest::BEHAVIOURS).args(ONE_AT_A_TIME).args(["--deadline", "10m"]).start();
    for nginx in [Nginx::before(&host), Nginx::without_keep_alive(&host)] {
        for path in ["/loop", "/loop-late", "/sleep?ms=600000"] {
            let browser = nginx.begin("GET", path, &[]);
            eventually("it is busy", || host.get("/visits").status() == 503);
            drop(browser);
            eventually("it is free", || host.get("/visits").status() == 200);
        }
    }
    host.log_line("requests cancelled");
}

#[test]
fn a_stopping_host_breaks_no_response() {
    let host = TestHost::with(guest::BEHAVIOURS).watched().start();
    let (idle, nginx) = (host.sockets(), Nginx::before(&host));
    let streams: Vec<_> = (0..10).map(|_| nginx.begin("GET", "/drip?chunks=5&ms=100", &[])).collect();
    eventually("all of them run", || host.sockets() >= idle + 10);
    host.stop();
    for mut stream in streams {
        let mut reply = String::new();
        stream.read_to_string(&mut reply).expect("a reply");
        assert!(reply.contains("chunk 5\n") && reply.ends_with("0\r\n\r\n"), "{reply}");
    }
    assert!(host.wait().success());
    assert_eq!(nginx.get("/visits").status, 502);
}

#[test]
fn the_wiki_is_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let wiki = folder.path().join("wiki");
    paths::copy(&paths::repository("examples/wiki"), &wiki).expect("a copy");
    let host = TestHost::wiki().arg("--root").arg(&wiki).start();
    for nginx in [Nginx::before(&host), Nginx::without_keep_alive(&host)] {
        for uri in ["/", "/bin/view/Main/WebHome"] {
            let page = nginx.get(uri);
            assert_eq!((page.status, page.complete), (200, true));
            assert!(page.text().contains("This is a small wiki"));
        }
        let image = nginx.get("/pub/Main/WebHome/banner.png");
        assert_eq!(image.header("content-type"), Some("image/png"));
        assert_eq!(image.body, fs::read(wiki.join("pub/Main/WebHome/banner.png")).expect("a file"));
        let range = [("Range", "bytes=0-9")];
        let part = nginx.send("GET", "/pub/Main/WebHome/banner.png", &range, b"");
        assert_eq!((part.status, &part.body[..]), (206, &image.body[..10]));
        let tag = nginx.get("/").header("etag").expect("a tag").to_owned();
        let again = nginx.send("GET", "/", &[("If-None-Match", &tag)], b"");
        assert_eq!((again.status, again.body.len()), (304, 0));
        assert_eq!(nginx.get("/bin/view/Main/NoSuchTopic").status, 404);
        assert_eq!(nginx.get("/bin/view/Main/EditorsNotes").status, 403);
    }
}
