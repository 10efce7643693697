//! What a handler answers arrives at the client.

use std::{io::Read, net::TcpStream};

use tests::{eventually, http, http::Reply};

use crate::{
    Case,
    scene::{self, Scene, verdict},
};

/// What is tried after everything else.
pub(crate) const LAST: &[Case] = &[("standard error of 40,000 bytes, and late", late_stderr)];

pub(crate) const CASES: &[Case] = &[
    ("statuses", statuses),
    ("304 without a body", not_modified),
    ("redirect elsewhere", redirect),
    ("303 to a path", see_other),
    ("two cookies", cookies),
    ("header of 30,000 bytes", big_header),
    ("response of 50 MB", large),
    ("client that reads slowly", slow),
    ("response as it comes", streamed),
    ("answer before the body is read", early),
    ("error page with its reason in the log", trap),
    ("response that breaks off is seen as one", trap_late),
    ("response shorter than promised is seen as one", short),
    ("standard error in the web server's log", stderr),
];

fn statuses(scene: &Scene, _: &str) -> String {
    for code in [201, 204, 404, 410, 418, 503] {
        let reply = scene.get(&format!("/status?code={code}"));
        if reply.status != code || !reply.complete {
            return format!("{code}: {}", reply.status);
        }
    }
    "yes".into()
}

fn not_modified(scene: &Scene, _: &str) -> String {
    let reply = scene.get("/with?status=304&etag=%22a%22");
    verdict(&reply, |reply| {
        reply.status == 304 && reply.body.is_empty() && reply.header("etag") == Some("\"a\"")
    })
}

fn redirect(scene: &Scene, _: &str) -> String {
    let reply = scene.get("/redirect?to=https://other.example/x");
    verdict(&reply, |reply| {
        reply.status == 302 && reply.header("location") == Some("https://other.example/x")
    })
}

fn see_other(scene: &Scene, _: &str) -> String {
    let reply = scene.get("/with?status=303&location=/elsewhere");
    let location = ["/elsewhere", "http://wiki.example/elsewhere"];
    verdict(&reply, |reply| {
        reply.status == 303 && reply.header("location").is_some_and(|to| location.contains(&to))
    })
}

fn cookies(scene: &Scene, _: &str) -> String {
    let reply = scene.get("/cookies");
    let cookies = reply.headers.iter().filter(|(name, _)| name == "set-cookie");
    let cookies: Vec<_> = cookies.map(|(_, value)| value.as_str()).collect();
    verdict(&reply, |_| cookies == ["one=1; Path=/", "two=2; Path=/; HttpOnly"])
}

fn big_header(scene: &Scene, _: &str) -> String {
    let reply = scene.get("/big-header?bytes=30000");
    verdict(&reply, |reply| reply.header("x-big").is_some_and(|value| value.len() == 30_000))
}

/// Whether a body is what `/generate` writes: 64 bytes, again and again.
fn is_pattern(body: &[u8], length: usize) -> bool {
    body.len() == length
        && body.starts_with(b"0123456789abc")
        && body.windows(65).step_by(64).all(|part| part[0] == part[64])
}

fn large(scene: &Scene, _: &str) -> String {
    let reply = scene.get("/generate?bytes=50000000");
    verdict(&reply, |reply| reply.complete && is_pattern(&reply.body, 50_000_000))
}

/// How many others ask while a response waits for its client.
const OTHERS: usize = 10;

fn slow(scene: &Scene, expected: &str) -> String {
    let mut stream = scene.server.begin("GET", "/generate?bytes=8000000", &[]);
    let mut first = [0; 1];
    stream.read_exact(&mut first).expect("the begin of a response");
    // Others are served while this one waits for its client.
    let mut others = (0..OTHERS).map(|_| scene.server.begin("GET", "/visits", &[]));
    let served = if expected == "others wait" {
        others.all(|other| !scene::is_stuck(other, b""))
    } else {
        others.all(|other| http::receive(other).text() == "1\n")
    };
    let reply = http::receive(first.chain(stream));
    if !served {
        return "others wait".into();
    }
    verdict(&reply, |reply| reply.complete && is_pattern(&reply.body, 8_000_000))
}

fn streamed(scene: &Scene, _: &str) -> String {
    scene.listen(|watch| {
        let mut stream = scene.server.begin("GET", "/drip?chunks=2&ms=300", &[]);
        let mut received = Vec::new();
        while !String::from_utf8_lossy(&received).contains("chunk 1\n") {
            let mut piece = [0; 1024];
            let length = stream.read(&mut piece).expect("a server that answers");
            received.extend_from_slice(&piece[..length]);
        }
        let ended = watch.count(tests::Side::Host, fcgi::RecordType::EndRequest) > 0;
        if ended { "all at once".into() } else { "yes".into() }
    })
}

/// What goes well most of the time, and is not tried: it leaves behind a connection on which nothing goes well.
const AT_TIMES: &str = "at times stuck";

fn early(scene: &Scene, expected: &str) -> String {
    if expected == AT_TIMES {
        return AT_TIMES.into();
    }
    let reply = scene.post("/never-reads", &vec![b'x'; 200_000]);
    verdict(&reply, |reply| reply.text() == "not interested\n")
}

fn trap(scene: &Scene, _: &str) -> String {
    let reply = scene.get("/trap");
    eventually("the log tells", || scene.logs().contains("the handler trapped"));
    verdict(&reply, |reply| reply.status == 502 && reply.text().contains("The page could not be made."))
        .replace("502", "its own page")
}

/// The cell for a reply that should have been cut, which clients can see or not.
fn broken(reply: &Reply) -> String {
    match reply.status {
        200 if reply.complete => "unseen".into(),
        200 | 0 => "yes".into(),
        status => status.to_string(),
    }
}

fn trap_late(scene: &Scene, _: &str) -> String {
    // Late enough for the web server to have passed on what there is.
    broken(&scene.get("/break-late?ms=100"))
}

fn short(scene: &Scene, _: &str) -> String {
    broken(&scene.get("/length-mismatch?declared=200000&bytes=100000"))
}

/// A handler that says something long after its response has begun, or more than a web server's buffers hold.
fn late_stderr(scene: &Scene, expected: &str) -> String {
    let late = scene.get("/drip?chunks=2&ms=100&say=late");
    assert_eq!(late.text(), "chunk 1\nchunk 2\n");
    if expected == "dies" {
        let mut last = scene.server.begin("GET", "/stderr?bytes=40000", &[]);
        // Whatever comes of it: it is the end that matters.
        let _ = last.read_to_end(&mut Vec::new());
        eventually("the web server is gone", || TcpStream::connect(scene.server.address()).is_err());
        return "dies".into();
    }
    verdict(&scene.get("/stderr?bytes=40000"), |reply| reply.text() == "printed\n")
}

fn stderr(scene: &Scene, expected: &str) -> String {
    assert_eq!(scene.get("/stderr").text(), "printed\n");
    // The host's own log has it in any case.
    let told = || scene.server.log().contains("second line");
    if expected == "yes" {
        eventually("the web server tells", told);
    } else {
        scene.let_others_pass();
    }
    if told() { "yes".into() } else { "lost".into() }
}
