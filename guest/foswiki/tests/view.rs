//! Topics as pages, and what is answered instead of them.

mod common;

use common::{ask, get, wiki};
use serde_json::Value;

/// Actions that Foswiki answers with a login form (status 200), and this handler refuses.
const NEED_LOGIN: [&str; 1] = ["edit"];

#[test]
fn urls_as_recorded() {
    let recorded: Value = serde_json::from_str(include_str!("../testdata/urls.json")).unwrap();
    let wiki = wiki();
    for case in recorded["cases"].as_array().unwrap() {
        let path = case["path"].as_str().unwrap();
        let answer = get(&wiki, path, &[]);
        if NEED_LOGIN.contains(&path.split('/').next().unwrap()) {
            assert_eq!(answer.status, 403, "{path}");
            continue;
        }
        assert_eq!(u64::from(answer.status), case["status"].as_u64().unwrap(), "{path}");
        assert_eq!(answer.header("Content-Type"), case["ctype"].as_str().unwrap(), "{path}");
        if let Some(title) = case["title"].as_str() {
            assert!(answer.text().contains(&format!("<title>{title}</title>")), "{path}: {}", answer.text());
        }
    }
}

#[test]
fn statuses() {
    let wiki = wiki();
    let jane: &[(&str, &str)] = &[("REMOTE_USER", "JaneTester")];
    for (method, path, more, status, marker) in [
        ("GET", "nosuchaction/Main/WebHome", &[][..], 200, "third <text>"),
        ("GET", "viewauth/Main/WebHome", &[], 403, "log in"),
        ("GET", "viewauth/Main/WebHome", jane, 200, "third"),
        ("POST", "view/Main/WebHome", &[], 200, "third"),
        ("PUT", "view/Main/WebHome", &[], 405, "Wrong method"),
        ("GET", "view/Main/Secret", &[], 403, "Access denied"),
        ("GET", "view/Main/Secret", jane, 200, "hidden words"),
        ("GET", "view/Closed/WebHome", &[], 403, "Access denied"),
        ("GET", "view/Closed/NoSuchTopic", &[], 403, "Access denied"),
        ("GET", "view/Closed/NoSuchTopic", jane, 404, "no topic"),
        ("GET", "view/Main/WebHome?rev=1", &[], 403, "log in"),
        ("GET", "view/Main/WebHome?rev=1", jane, 200, "first text"),
        ("GET", "view/Main/WebHome?rev=1.2", jane, 200, "second text"),
        ("GET", "view/Main/WebHome?rev=3", &[], 200, "third"),
        ("GET", "view/Main/WebHome?rev=99", &[], 200, "third"),
        ("GET", "view/Main/WebHome?rev=0", &[], 200, "third"),
        ("GET", "view/Main/WebHome?raw=on", &[], 403, "log in"),
        ("GET", "view/Main/WebHome?raw=off", &[], 200, "third"),
        ("GET", "edit/Main/WebHome", jane, 403, "read-only"),
        ("POST", "save/Main/WebHome", jane, 403, "read-only"),
        ("GET", "save/Main/WebHome", jane, 405, "Wrong method"),
        ("POST", "upload/Main/WebHome", jane, 403, "read-only"),
        ("GET", "rdiff/Main/WebHome", jane, 501, "Not available"),
        ("GET", "login", &[], 501, "Not available"),
    ] {
        let mut variables = vec![("REQUEST_METHOD", method)];
        variables.extend(more);
        let answer = get(&wiki, path, &variables);
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
        assert!(answer.text().contains(marker), "{method} {path}: {}", answer.text());
        assert_eq!(answer.header("Allow").is_empty(), status != 405, "{method} {path}");
        assert_eq!(status == 200, !answer.header("ETag").is_empty(), "{method} {path}");
    }
}

#[test]
fn refusals_say_nothing_about_the_topic() {
    let wiki = wiki();
    for path in [
        "view/Main/Secret",
        "view/Main/Secret?raw=text",
        "view/Main/Secret?skin=text",
        "view/Main/Secret?rev=1",
    ] {
        let text = get(&wiki, path, &[("FOSWIKI_ALLOW_RAW", "all"), ("FOSWIKI_ALLOW_HISTORY", "all")]).text();
        assert!(!text.contains("hidden") && !text.contains("ALLOWTOPICVIEW"), "{path}: {text}");
    }
}

#[test]
fn the_newest_rules_hold_for_earlier_revisions() {
    let version = |number: u32, text: &str| format!("%META:TOPICINFO{{version=\"{number}\"}}%\n{text}");
    let wiki = wiki()
        .with("Main", "Page", &version(1, "open words\n   * Set ALLOWTOPICRAW = *\n"))
        .with("Main", "Page", &version(2, "   * Set ALLOWTOPICRAW = JaneTester\n"))
        .with("Main", "Shut", &version(1, "open words\n"))
        .with("Main", "Shut", &version(2, "   * Set ALLOWTOPICVIEW = JaneTester\n"));
    let acl = [("FOSWIKI_ALLOW_RAW", "acl"), ("FOSWIKI_ALLOW_HISTORY", "all")];
    for (path, status) in [
        ("view/Main/Page?rev=1", 200),
        ("view/Main/Page?raw=text", 403),
        ("view/Main/Page?rev=1;raw=text", 403),
        ("view/Main/Shut?rev=1", 403),
    ] {
        assert_eq!(get(&wiki, path, &acl).status, status, "{path}");
    }
}

#[test]
fn sources() {
    let wiki = wiki();
    for (query, kind, start) in [
        ("raw=text", "text/plain; charset=utf-8", "third <text>\n"),
        (
            "raw=all",
            "text/plain; charset=utf-8",
            "%META:TOPICINFO{author=\"JaneTester\" date=\"1795398350\" format",
        ),
        ("raw=text;contenttype=text/css", "text/css; charset=utf-8", "third <text>\n"),
        ("raw=text;contenttype=text/html%0d%0aX:y", "text/plain; charset=utf-8", "third"),
        ("contenttype=text/xml", "text/xml; charset=utf-8", "third"),
        ("skin=rss;contenttype=text/html", "text/html; charset=utf-8", "<!DOCTYPE html>"),
        ("raw=on", "text/html; charset=utf-8", "<!DOCTYPE html>"),
        ("skin=plain", "text/html; charset=utf-8", "<!DOCTYPE html>"),
        ("skin=text", "text/html; charset=utf-8", ""),
    ] {
        let answer = get(&wiki, &format!("view/Main/WebHome?{query}"), &[("FOSWIKI_ALLOW_RAW", "all")]);
        assert_eq!((answer.status, answer.header("Content-Type")), (200, kind), "{query}");
        assert!(answer.text().starts_with(start), "{query}: {}", answer.text());
    }
    let field = |query| {
        let page = get(&wiki, &format!("view/Main/WebHome?{query}"), &[("REMOTE_USER", "JaneTester")]).text();
        page.split_once("<textarea")
            .unwrap()
            .1
            .split_once("</textarea>")
            .unwrap()
            .0
            .split_once('\n')
            .unwrap()
            .1
            .to_owned()
    };
    assert_eq!(field("raw=on"), "third &lt;text&gt;\n");
    assert!(field("raw=debug").starts_with("%META:TOPICINFO{author=&quot;JaneTester&quot;"));
    assert_eq!(field("raw=expandvariables"), "third &lt;text&gt;\n");
}

#[test]
fn a_page_that_has_not_changed_is_not_sent_again() {
    let wiki = wiki();
    let first = get(&wiki, "view/Main/WebHome", &[]);
    let etag = first.header("ETag").to_owned();
    let again = get(&wiki, "view/Main/WebHome", &[("HTTP_IF_NONE_MATCH", &etag)]);
    assert_eq!((again.status, again.body.len(), again.header("Content-Length")), (304, 0, ""));
    assert_eq!(again.header("ETag"), etag);
    let changed = wiki.with("Main", "WebHome", "fourth\n");
    assert_eq!(get(&changed, "view/Main/WebHome", &[("HTTP_IF_NONE_MATCH", &etag)]).status, 200);
    let other =
        get(&changed, "view/Main/WebHome", &[("HTTP_IF_NONE_MATCH", &etag), ("REMOTE_USER", "JaneTester")]);
    assert_eq!(other.status, 200);
}

#[test]
fn head_has_the_headers_of_get() {
    let wiki = wiki();
    for path in ["view/Main/WebHome", "view/Main/NoSuch", "viewfile/Sandbox/Files/digits.txt", "asset/x.css"]
    {
        let get_answer = get(&wiki, path, &[]);
        let head = get(&wiki, path, &[("REQUEST_METHOD", "HEAD")]);
        assert_eq!((head.status, &head.headers), (get_answer.status, &get_answer.headers), "{path}");
        assert_eq!(head.header("Content-Length"), get_answer.body.len().to_string(), "{path}");
        assert!(head.body.is_empty(), "{path}");
    }
}

#[test]
fn hostile_input_does_not_reach_the_page() {
    let wiki = wiki();
    let attack = "\"><script>alert(1)</script>";
    let variables = [
        ("HTTP_HOST", attack),
        ("SERVER_NAME", attack),
        ("REMOTE_USER", attack),
        ("HTTP_COOKIE", attack),
        ("SCRIPT_NAME", "/<script>/bin/view"),
        ("PATH_INFO", "/Main/<script>"),
        ("QUERY_STRING", "skin=<script>&rev=<script>&contenttype=a/b%0d%0aSet-Cookie:x&topic=<script>"),
    ];
    let answer = ask(&wiki, &variables);
    assert!(!answer.text().contains("<script"), "{}", answer.text());
    for (name, value) in &answer.headers {
        assert!(!value.contains(['\r', '\n', '\0']), "{name}: {value:?}");
    }
    let policy = [("FOSWIKI_CONTENT_SECURITY_POLICY", "default-src *\r\nSet-Cookie: x")];
    let answer = get(&wiki, "view/Main/WebHome", &policy);
    assert_eq!(answer.header("Content-Security-Policy"), "default-src *Set-Cookie: x");
}

#[test]
fn any_path_is_answered() {
    let wiki = wiki();
    let long = "A/".repeat(5_000);
    let pieces = [
        "", "/", ".", "..", "view", "Main", "WebHome", "%", "\0", "\u{202e}", "é", "%2e%2e", "a,v", "?",
        &long,
    ];
    for first in pieces {
        for second in pieces {
            for base in ["", "/foswiki/bin", "view"] {
                let path = format!("/{first}/{second}");
                let answer =
                    ask(&wiki, &[("SCRIPT_NAME", base), ("PATH_INFO", &path), ("REQUEST_URI", &path)]);
                assert!([200, 404].contains(&answer.status), "{base} {path}: {}", answer.status);
            }
        }
    }
}

#[test]
fn topics_add_to_the_head_of_their_page() {
    let text = "%ADDTOZONE{\"script\" id=\"b\" requires=\"a\" text=\"<i>%TOPIC%</i>\"}%\
                %ADDTOZONE{\"script\" id=\"a\" text=\"<literal><b></b></literal>\"}%\
                %ADDTOZONE{\"head\" text=\"$percntWEB$percnt\"}%\
                %ADDTOZONE{\"own\" text=\"mine\"}%%RENDERZONE{\"own\" header=\"(\" footer=\")\" separator=\"\"}%";
    let wiki = wiki().with("Main", "ZonesPage", text);
    let html = get(&wiki, "view/Main/ZonesPage", &[]).text();
    assert!(html.contains(".css\">\nMain\n<b></b>\n<i>ZonesPage</i>\n</head>"), "{html}");
    assert!(html.contains("\n(mine)\n"), "{html}");
}

#[test]
fn tags_of_the_engine_are_not_sent() {
    let text = "<noautolink>WikiWord</noautolink> <verbatim><noautolink></verbatim>";
    let wiki = wiki().with("Main", "TagsPage", text);
    let html = get(&wiki, "view/Main/TagsPage?skin=text", &[]).text();
    assert_eq!(html, "WikiWord <pre>&#60;noautolink&#62;</pre>");
}
