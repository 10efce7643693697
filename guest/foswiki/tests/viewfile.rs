//! Attachments.

mod common;

use common::{ask, get, wiki};

const TAG: &str = "\"0-a\""; // Changed at the epoch, ten bytes.
const EPOCH: &str = "Thu, 01 Jan 1970 00:00:00 GMT";

#[test]
fn parts_and_conditions() {
    let wiki = wiki();
    for (headers, status, body, range) in [
        (&[][..], 200, "0123456789", ""),
        (&[("HTTP_RANGE", "bytes=2-4")], 206, "234", "bytes 2-4/10"),
        (&[("HTTP_RANGE", "bytes=7-")], 206, "789", "bytes 7-9/10"),
        (&[("HTTP_RANGE", "bytes=-2")], 206, "89", "bytes 8-9/10"),
        (&[("HTTP_RANGE", "bytes=10-")], 416, "", "bytes */10"),
        (&[("HTTP_RANGE", "bytes=0-1,4-5")], 200, "0123456789", ""),
        (&[("HTTP_RANGE", "bytes=2-4"), ("HTTP_IF_RANGE", TAG)], 206, "234", "bytes 2-4/10"),
        (&[("HTTP_RANGE", "bytes=2-4"), ("HTTP_IF_RANGE", EPOCH)], 206, "234", "bytes 2-4/10"),
        (&[("HTTP_RANGE", "bytes=2-4"), ("HTTP_IF_RANGE", "\"other\"")], 200, "0123456789", ""),
        (&[("HTTP_RANGE", "bytes=2-4"), ("REQUEST_METHOD", "POST")], 200, "0123456789", ""),
        (&[("HTTP_IF_NONE_MATCH", TAG)], 304, "", ""),
        (&[("HTTP_IF_NONE_MATCH", "\"other\"")], 200, "0123456789", ""),
        (&[("HTTP_IF_MODIFIED_SINCE", EPOCH)], 304, "", ""),
        (&[("HTTP_IF_NONE_MATCH", TAG), ("HTTP_RANGE", "bytes=2-4")], 304, "", ""),
        (&[("REQUEST_METHOD", "DELETE")], 405, "-", ""),
    ] {
        let answer = get(&wiki, "viewfile/Sandbox/Files/digits.txt", headers);
        assert_eq!((answer.status, answer.header("Content-Range")), (status, range), "{headers:?}");
        if body != "-" {
            assert_eq!(answer.text(), body, "{headers:?}");
            assert_eq!(answer.header("ETag"), TAG, "{headers:?}");
        }
        let length = if status == 304 { String::new() } else { answer.body.len().to_string() };
        assert_eq!(answer.header("Content-Length"), length, "{headers:?}");
    }
}

#[test]
fn where_files_are() {
    let wiki = wiki();
    let jane: &[(&str, &str)] = &[("REMOTE_USER", "JaneTester")];
    for (path, more, status) in [
        ("viewfile/Sandbox/Files?filename=digits.txt", &[][..], 200),
        ("viewfile/Sandbox.Files/digits.txt", &[], 200),
        ("viewfileauth/Sandbox/Files/digits.txt", &[], 403),
        ("viewfileauth/Sandbox/Files/digits.txt", jane, 200),
        ("viewfile/Sandbox/Files/empty.bin", &[], 200),
        ("viewfile/Sandbox/Files/js/sub%20folder/gr%C3%BCn.js", &[], 200),
        ("viewfile/Sandbox/Files/digits.txt?rev=2", &[], 200),
        ("viewfile/Sandbox/Files/digits.txt?rev=1", &[], 403),
        ("viewfile/Sandbox/Files/digits.txt?rev=1", jane, 200),
        ("viewfile/Sandbox/Files/digits.txt?rev=7", jane, 404),
        ("viewfile/Sandbox/Files/nosuch.txt", &[], 404),
        ("viewfile/Sandbox/NoSuch/digits.txt", &[], 404),
        ("viewfile/NoSuch/Files/digits.txt", &[], 404),
        ("viewfile/Sandbox/Files", &[], 404),
        ("viewfile/Sandbox", &[], 404),
        ("viewfile", &[], 404),
        ("viewfile/Closed/WebHome/any.txt", &[], 403),
        ("viewfile/Closed/NoSuchTopic/any.txt", &[], 403),
        ("viewfile/Main/Secret/hidden.txt", &[], 403),
        ("viewfile/Main/Secret/nosuch.txt", &[], 403),
        ("viewfile/Main/Secret/hidden.txt", jane, 200),
        ("viewfile/Sandbox/Files/../../Main/Secret/hidden.txt", &[], 403),
        ("viewfile/Sandbox/Files?filename=../../Main/Secret/hidden.txt", &[], 404),
        ("viewfile/Sandbox/Files?filename=..%5c..%5cMain", &[], 404),
        ("viewfile/Sandbox/Files?filename=/etc/passwd", &[], 404),
        ("viewfile/Sandbox/Files/%00digits.txt", &[], 404),
        ("viewfile/sandbox/Files/digits.txt", &[], 404),
    ] {
        let answer = get(&wiki, path, more);
        assert_eq!(answer.status, status, "{path}");
        assert!(
            status == 200 && path.contains("hidden") || !answer.text().contains("hidden words"),
            "{path}"
        );
    }
}

#[test]
fn what_could_run_scripts_is_locked_up() {
    let wiki = wiki();
    for (name, kind, disposition, sandboxed) in [
        ("digits.txt", "text/plain; charset=utf-8", "inline; filename=\"digits.txt\"", false),
        ("page.html", "text/html; charset=utf-8", "attachment; filename=\"page.html\"", true),
        ("drawing.svg", "image/svg+xml", "attachment; filename=\"drawing.svg\"", true),
        (
            "js/sub folder/gr\u{fc}n.js",
            "text/javascript; charset=utf-8",
            "inline; filename=\"gr_n.js\"; filename*=UTF-8''gr%C3%BCn.js",
            false,
        ),
    ] {
        let answer = get(&wiki, &format!("viewfile/Sandbox/Files/{name}"), &[]);
        assert_eq!(answer.header("Content-Type"), kind, "{name}");
        assert_eq!(answer.header("Content-Disposition"), disposition, "{name}");
        assert_eq!(answer.header("X-Content-Type-Options"), "nosniff", "{name}");
        assert_eq!(answer.header("Content-Security-Policy").starts_with("sandbox"), sandboxed, "{name}");
    }
}

#[test]
fn files_by_their_own_url() {
    let wiki = wiki();
    for variables in [
        &[("PATH_INFO", "/foswiki/pub/Sandbox/Files/digits.txt")][..],
        &[("SCRIPT_NAME", "/pub/Sandbox/Files/digits.txt")],
        &[("SCRIPT_NAME", "/files/Sandbox/Files/digits.txt"), ("FOSWIKI_PUB_URL_PATH", "/files")],
        &[("SCRIPT_NAME", "viewfile"), ("PATH_INFO", "/Sandbox/Files/digits.txt")],
    ] {
        assert_eq!(ask(&wiki, variables).text(), "0123456789", "{variables:?}");
    }
}
