//! What a client sends arrives at the handler.

use std::{io::Write, thread};

use tests::{http, http::Reply, noise};

use crate::{
    Case,
    scene::{self, Scene, verdict},
};

pub(crate) const CASES: &[Case] = &[
    ("GET with a query and headers", get),
    ("HEAD", head),
    ("POST of 0 bytes", |scene, _| post(scene, 0)),
    ("POST of 8 KiB", |scene, _| post(scene, 8 * 1024)),
    ("POST of 20 MB", |scene, _| post(scene, 20_000_000)),
    ("body byte for byte", whole_body),
    ("answer while the body arrives", echo),
    ("chunked upload", chunked),
    ("CONTENT_LENGTH of a chunked upload", chunked_length),
    ("URL of 6,000 bytes", long_url),
    ("headers of 70,000 bytes", many_headers),
    ("REQUEST_URI and QUERY_STRING as sent", raw_uri),
    ("path decoded", decoded_path),
    ("headers that are repeated", repeated_headers),
    ("cookies in two headers", repeated_cookies),
    ("Authorization", authorization),
    ("no HTTP_PROXY", proxy),
];

fn get(scene: &Scene, _: &str) -> String {
    let reply = scene.server.send("GET", "/headers?a=%20b&c", &[("X-Word", "one")], b"");
    let expected = "method: GET\nscheme: http\nauthority: wiki.example\npath-with-query: /headers?a=%20b&c\n";
    verdict(&reply, |reply| reply.text().starts_with(expected) && reply.text().contains("\nx-word: one\n"))
}

fn head(scene: &Scene, _: &str) -> String {
    let reply = scene.server.send("HEAD", "/head", &[], b"");
    if reply.status == 200 && reply.body.is_empty() && reply.header("content-length").is_none() {
        return "no length".into();
    }
    verdict(&reply, |reply| {
        reply.status == 200 && reply.header("content-length") == Some("6") && reply.body.is_empty()
    })
}

fn post(scene: &Scene, length: u32) -> String {
    let headers: &[_] = if length == 0 { &[("Content-Length", "0")] } else { &[] };
    let reply = scene.server.send("POST", "/count", headers, &noise(length));
    verdict(&reply, |reply| reply.text() == format!("{length}\n"))
}

fn whole_body(scene: &Scene, _: &str) -> String {
    let body = noise(300_000);
    verdict(&scene.post("/return", &body), |reply| reply.body == body)
}

/// Longer than what is buffered anywhere on the way.
const LONG: u32 = 3_000_000;

fn echo(scene: &Scene, expected: &str) -> String {
    let body = noise(LONG);
    let stream = scene.server.begin("POST", "/echo", &[("Content-Length", &LONG.to_string())]);
    if expected == "stuck" {
        return if scene::is_stuck(stream, &body) { "stuck".into() } else { "yes".into() };
    }
    let mut writer = stream.try_clone().expect("a socket");
    let sent = body.clone();
    let writing = thread::spawn(move || writer.write_all(&sent));
    let reply = http::receive(stream);
    writing.join().expect("a thread").expect("a server that reads");
    verdict(&reply, |reply| reply.body == body)
}

fn chunked(scene: &Scene, _: &str) -> String {
    let mut stream = scene.server.begin("POST", "/echo", &[("Transfer-Encoding", "chunked")]);
    stream.write_all(b"5\r\nsome \r\n5\r\nwords\r\n0\r\n\r\n").expect("a server that reads");
    verdict(&http::receive(stream), |reply| reply.body == b"some words")
}

fn chunked_length(scene: &Scene, _: &str) -> String {
    // More than web servers read ahead.
    let chunks = [b"10000\r\n".as_slice(), &vec![b'x'; 0x10000], b"\r\n"].concat().repeat(4);
    let mut stream = scene.server.begin("POST", "/env", &[("Transfer-Encoding", "chunked")]);
    stream.write_all(&[chunks.as_slice(), b"0\r\n\r\n"].concat()).expect("a server that reads");
    let reply = http::receive(stream);
    if reply.status != 200 {
        return reply.status.to_string();
    }
    let length = variable(&reply, "CONTENT_LENGTH").unwrap_or_else(|| "none".into());
    if length == "262144" { "yes".into() } else { length }
}

fn long_url(scene: &Scene, _: &str) -> String {
    let uri = format!("/env?{}", "x".repeat(6000));
    let reply = scene.get(&uri);
    verdict(&reply, |reply| variable(reply, "REQUEST_URI").as_ref() == Some(&uri))
}

fn many_headers(scene: &Scene, _: &str) -> String {
    let value = "x".repeat(7000);
    let names: Vec<_> = (0..10).map(|number| format!("X-Long-{number}")).collect();
    let headers: Vec<_> = names.iter().map(|name| (name.as_str(), value.as_str())).collect();
    let reply = scene.server.send("GET", "/env", &headers, b"");
    verdict(&reply, |reply| reply.status == 200 && reply.text().matches(&value).count() == 10)
}

fn raw_uri(scene: &Scene, _: &str) -> String {
    let reply = scene.get("/env/%C3%A4%20b?q=%C3%A4%20b");
    verdict(&reply, |reply| {
        variable(reply, "REQUEST_URI").is_some_and(|uri| uri == "/env/%C3%A4%20b?q=%C3%A4%20b")
            && variable(reply, "QUERY_STRING").is_some_and(|query| query == "q=%C3%A4%20b")
    })
}

fn decoded_path(scene: &Scene, _: &str) -> String {
    let reply = scene.get("/env/%C3%A4%20b");
    verdict(&reply, |reply| {
        let path = ["SCRIPT_NAME", "PATH_INFO"].map(|name| variable(reply, name).unwrap_or_default());
        path.concat() == "/env/ä b"
    })
}

fn repeated_headers(scene: &Scene, _: &str) -> String {
    let reply = scene.server.send("GET", "/headers", &[("X-Word", "one"), ("X-Word", "two")], b"");
    verdict(&reply, |reply| reply.text().contains("\nx-word: one, two\n"))
}

fn repeated_cookies(scene: &Scene, _: &str) -> String {
    let reply = scene.server.send("GET", "/headers", &[("Cookie", "a=1"), ("Cookie", "b=2")], b"");
    if reply.text().contains("\ncookie: a=1, b=2\n") {
        return "with a comma".into();
    }
    verdict(&reply, |reply| reply.text().contains("\ncookie: a=1; b=2\n"))
}

fn authorization(scene: &Scene, _: &str) -> String {
    let reply = scene.server.send("GET", "/headers", &[("Authorization", "Bearer x")], b"");
    if reply.text().contains("\nauthorization: Bearer x\n") { "yes".into() } else { "dropped".into() }
}

fn proxy(scene: &Scene, _: &str) -> String {
    let reply = scene.server.send("GET", "/env", &[("Proxy", "http://evil.example")], b"");
    verdict(&reply, |reply| reply.status == 200 && variable(reply, "HTTP_PROXY").is_none())
}

/// A CGI variable, as `/env` answers it.
fn variable(reply: &Reply, name: &str) -> Option<String> {
    let mut lines = reply.text().lines();
    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
}
