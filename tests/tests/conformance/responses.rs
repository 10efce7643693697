//! Lines 41 to 54: responses and variables as RFC 3875 has them.

use tests::{Request, TestHost};

use crate::behaviours;

/// What the handler sees of the path and the query.
fn seen(host: &TestHost, request: &Request) -> String {
    let response = host.send(request.clone());
    assert_eq!(response.status(), 200, "{}", response.text());
    response.text().to_owned()
}

#[test]
fn line_41_each_of_status_and_type_stands_there_once() {
    let host = behaviours();
    for uri in
        ["/visits", "/generate?bytes=1", "/cookies", "/redirect", "/trap", "/bad-header", "/nothing-there"]
    {
        let response = host.get(uri);
        for name in ["status", "content-type"] {
            assert_eq!(response.headers(name).len(), 1, "{name} in {}", response.head());
        }
        assert_eq!(response.headers("location").len(), usize::from(uri == "/redirect"));
    }
}

#[test]
fn line_42_a_body_without_a_type_is_no_page() {
    let host = behaviours();
    let response = host.get("/length-mismatch?declared=5&bytes=5");
    assert_eq!(
        (response.header("content-type"), response.text()),
        (Some("application/octet-stream"), "xxxxx")
    );
}

#[test]
fn line_43_a_status_is_three_digits_and_a_reason() {
    let host = behaviours();
    for (code, status) in
        [(200, "200 OK"), (404, "404 Not Found"), (299, "299 Unknown"), (599, "599 Unknown")]
    {
        assert_eq!(host.get(&format!("/status?code={code}")).header("status"), Some(status));
    }
}

#[test]
fn line_45_a_redirect_elsewhere_has_its_status() {
    let host = behaviours();
    let response = host.get("/redirect?to=https://other.example/x?a=b");
    let expected = "location: https://other.example/x?a=b\r\nStatus: 302 Found\r\n";
    assert!(response.head().starts_with(expected), "{}", response.head());
}

#[test]
fn line_52_missing_and_empty_are_the_same() {
    let host = behaviours();
    let names = ["QUERY_STRING", "CONTENT_TYPE", "CONTENT_LENGTH", "HTTP_HOST", "REQUEST_URI", "SERVER_NAME"];
    for name in names {
        let request = Request::get("/headers");
        let empty = seen(&host, &request.clone().variable(name, ""));
        assert_eq!(seen(&host, &request.without(name)), empty, "{name}");
    }
    for name in ["REQUEST_METHOD", "SERVER_PROTOCOL", "REMOTE_ADDR"] {
        let request = Request::get("/visits");
        let status = host.send(request.clone().variable(name, "")).status();
        assert_eq!(host.send(request.without(name)).status(), status, "{name}");
    }
}

#[test]
fn line_53_a_path_begins_with_a_slash_whatever_the_script_name() {
    let host = behaviours();
    let request = Request::get("/").without("REQUEST_URI");
    for (script, path) in [("/headers", ""), ("", "/headers"), ("headers", ""), ("/head", "ers")] {
        let request = request.clone().variable("SCRIPT_NAME", script).variable("PATH_INFO", path);
        assert!(seen(&host, &request).contains("path-with-query: /headers\n"), "{script:?} {path:?}");
    }
}

#[test]
fn line_54_path_info_is_decoded_and_the_query_is_not() {
    let host = behaviours();
    let request = Request::get("/env?a=%20%2F&b=+").variable("PATH_INFO", "/A b/ä%/c");
    let text = seen(&host, &request);
    for line in ["PATH_INFO=/A b/ä%/c", "QUERY_STRING=a=%20%2F&b=+", "REQUEST_URI=/env?a=%20%2F&b=+"] {
        assert!(text.lines().any(|other| other == line), "{line} in {text}");
    }
    // The other way round where there is no URI.
    let request = Request::new("POST", "/").without("REQUEST_URI").variable("SCRIPT_NAME", "/echo");
    let request = request.variable("QUERY_STRING", "a=%20%2F&b=+");
    assert_eq!(host.send(request).header("x-path"), Some("/echo?a=%20%2F&b=+"));
}
