//! What authors of a wiki send: uploads, forms, passwords.

use std::io::Write;

use tests::{Apache, http, noise};

use crate::{
    Case,
    scene::{BIN, Scene, all, verdict},
};

pub(crate) const CASES: &[Case] = &[
    Case { name: "upload", what: "a POST of 20 MB, which comes back byte for byte", run: upload },
    Case { name: "chunked upload", what: "300 KB in chunks, likewise", run: chunked },
    Case {
        name: "login with a form",
        what: "a POST is answered with 303 and a cookie, which the next page gets",
        run: form,
    },
    Case {
        name: "login with a password",
        what: "the web server asks for it (ApacheLogin); the wiki knows the user, and nobody who was not asked",
        run: password,
    },
];

fn upload(scene: &Scene) -> String {
    let body = noise(20_000_000);
    let reply = scene.bin("POST", "/try/return", &[], &body);
    verdict(&reply, reply.status == 200 && reply.body == body)
}

fn chunked(scene: &Scene) -> String {
    let body = noise(300_000);
    let mut stream = scene.begin("POST", "/try/return", &[("Transfer-Encoding", "chunked")]);
    for chunk in body.chunks(10_000) {
        let chunk = [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat();
        if stream.write_all(&chunk).is_err() {
            break; // It is refused; the reply says why.
        }
    }
    let _ = stream.write_all(b"0\r\n\r\n");
    let reply = http::receive(stream);
    verdict(&reply, reply.status == 200 && reply.body == body)
}

fn form(scene: &Scene) -> String {
    let next = format!("{BIN}/try/headers");
    let cookie = "FOSWIKISID=4711; Path=/; HttpOnly";
    let path = format!("/try/with?status=303&location={next}&set-cookie={}", cookie.replace(' ', "%20"));
    let kind = [("Content-Type", "application/x-www-form-urlencoded")];
    let login = scene.bin("POST", &path, &kind, b"username=ben&password=secret");
    let page = scene.bin("GET", "/try/headers", &[("Cookie", "FOSWIKISID=4711")], b"");
    all([
        verdict(&login, login.status == 303 && login.header("set-cookie") == Some(cookie)),
        verdict(&page, page.text().contains("\ncookie: FOSWIKISID=4711\n")),
    ])
}

/// A page for editors, of which ben is one.
fn password(scene: &Scene) -> String {
    let get = |action: &str, password: Option<&str>| {
        let basic = password.map(|password| http::basic("ben", password));
        let headers: Vec<_> = basic.iter().map(|basic| ("Authorization", basic.as_str())).collect();
        scene.bin("GET", &format!("/{action}/Main/EditorsNotes"), &headers, b"")
    };
    let (asked, known) = (get("viewauth", None), get("viewauth", Some(Apache::PASSWORD)));
    let (wrong, unasked) = (get("viewauth", Some("wrong")), get("view", Some("wrong")));
    let challenged = asked.status == 401 && asked.header("www-authenticate").is_some();
    all([
        verdict(&asked, challenged),
        verdict(&known, known.status == 200 && known.text().contains("you are an editor")),
        verdict(&wrong, wrong.status == 401),
        verdict(&unasked, unasked.status == 403),
    ])
}
