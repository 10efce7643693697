//! What readers of a wiki ask for.

use tests::http::Reply;

use crate::{
    Case,
    ground::{FILM, GREETING, film},
    scene::{BIN, Scene, WELCOME, all, verdict},
};

pub(crate) const CASES: &[Case] = &[
    Case { name: "page", what: "GET of a topic; its links lead to `/foswiki/bin`", run: page },
    Case { name: "HEAD", what: "the same head as of GET, and no body", run: head },
    Case { name: "304", what: "a page and an attachment that the browser has", run: not_modified },
    Case { name: "redirects", what: "302 to another site, 303 to a path of this one", run: redirects },
    Case { name: "cookies", what: "two are set; one comes back", run: cookies },
    Case {
        name: "other letters",
        what: "a topic and an attachment with `Ü` and `ß` in their names",
        run: other_letters,
    },
    Case { name: "long URL", what: "a page with a query of 6,000 bytes", run: long_url },
    Case { name: "short URLs", what: "`/Main/WebHome`, without `/foswiki/bin/view`", run: short_urls },
    Case { name: "download", what: "an attachment of 50 MB, byte for byte, and a part of it", run: download },
];

const PAGE: &str = "/view/Main/WebHome";

fn get(scene: &Scene, path: &str) -> Reply {
    scene.bin("GET", path, &[], b"")
}

fn page(scene: &Scene) -> String {
    let page = get(scene, PAGE);
    let linked = page.text().contains(&format!("\"{BIN}/view/"));
    verdict(&page, page.status == 200 && page.complete && linked && page.text().contains(WELCOME))
}

fn head(scene: &Scene) -> String {
    let (page, head) = (get(scene, PAGE), scene.bin("HEAD", PAGE, &[], b""));
    let same = ["etag", "content-type"].iter().all(|name| head.header(name) == page.header(name));
    verdict(&head, head.status == 200 && head.body.is_empty() && same)
}

fn not_modified(scene: &Scene) -> String {
    all([PAGE, "/viewfile/Main/WebHome/banner.png"].map(|path| {
        let whole = get(scene, path);
        let tag = whole.header("etag").unwrap_or_default();
        let reply = scene.bin("GET", path, &[("If-None-Match", tag)], b"");
        verdict(&reply, whole.status == 200 && reply.status == 304 && reply.body.is_empty())
    }))
}

fn redirects(scene: &Scene) -> String {
    let elsewhere = get(scene, "/try/redirect?to=https://other.example/x");
    let page = format!("{BIN}{PAGE}");
    let here = get(scene, &format!("/try/with?status=303&location={page}"));
    let is_here =
        here.header("location").is_some_and(|to| to.trim_start_matches("http://wiki.example") == page);
    all([
        verdict(
            &elsewhere,
            elsewhere.status == 302 && elsewhere.header("location") == Some("https://other.example/x"),
        ),
        verdict(&here, here.status == 303 && is_here),
    ])
}

fn cookies(scene: &Scene) -> String {
    let reply = get(scene, "/try/cookies");
    let set = reply.headers.iter().filter(|(name, _)| name == "set-cookie");
    let set: Vec<_> = set.map(|(_, value)| value.as_str()).collect();
    let back = scene.bin("GET", "/try/headers", &[("Cookie", "one=1; two=2")], b"");
    all([
        verdict(&reply, set == ["one=1; Path=/", "two=2; Path=/; HttpOnly"]),
        verdict(&back, back.text().contains("\ncookie: one=1; two=2\n")),
    ])
}

fn other_letters(scene: &Scene) -> String {
    let topic = get(scene, "/view/Sandbox/%C3%9CberBr%C3%BCcken");
    let file = get(scene, "/viewfile/Sandbox/%C3%9CberBr%C3%BCcken/Gr%C3%BC%C3%9Fe.txt");
    all([
        verdict(&topic, topic.status == 200 && topic.text().contains(GREETING)),
        verdict(&file, file.status == 200 && file.text() == GREETING),
    ])
}

fn long_url(scene: &Scene) -> String {
    let page = get(scene, &format!("{PAGE}?x={}", "x".repeat(6000)));
    verdict(&page, page.status == 200 && page.text().contains(WELCOME))
}

fn short_urls(scene: &Scene) -> String {
    let page = scene.server.get("/Main/WebHome");
    let other = scene.server.get("/Sandbox/%C3%9CberBr%C3%BCcken");
    all([
        verdict(&page, page.status == 200 && page.text().contains(WELCOME)),
        verdict(&other, other.status == 200 && other.text().contains(GREETING)),
    ])
}

fn download(scene: &Scene) -> String {
    let (path, film) = (format!("/viewfile/{}", FILM.0), film());
    let whole = get(scene, &path);
    let part = scene.bin("GET", &path, &[("Range", "bytes=40000000-40099999")], b"");
    all([
        verdict(&whole, whole.status == 200 && whole.body == film),
        verdict(&part, part.status == 206 && part.body == film[40_000_000..40_100_000]),
    ])
}
