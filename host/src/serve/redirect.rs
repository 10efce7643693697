//! Local redirects of CGI programs: the response is the one that this site gives for another path (RFC 3875 §6.2.2).

use std::pin::pin;

use http::uri::PathAndQuery;
use thiserror::Error;

use super::{
    dispatch::{Failure, answer, invocation, within},
    outbox::Outbox,
};
use crate::{
    body,
    request::{Head, Variables, decoded},
    site::Route,
    wasm::Stderr,
};

/// Redirects of one request, at most. A real one leads to its page at once, or over one more for the form of an address.
const MAX_REDIRECTS: usize = 10;

/// What belongs to the request before a redirect: its body, and what the web server made of its path.
const GONE: [&str; 10] = [
    "CONTENT_LENGTH",
    "CONTENT_TYPE",
    "HTTP_CONTENT_ENCODING",
    "HTTP_CONTENT_LENGTH",
    "HTTP_CONTENT_TYPE",
    "HTTP_EXPECT",
    "PATH_TRANSLATED",
    "SCRIPT_FILENAME",
    "SCRIPT_URI",
    "SCRIPT_URL",
];

/// Redirects that lead nowhere.
#[derive(Debug, Error, PartialEq, Eq)]
pub(super) enum RedirectError {
    #[error("the handler redirects in a circle: it redirected from {0:?} before")]
    Circle(PathAndQuery),
    #[error("the handler redirects to {0:?}, after {max} redirects that led to no response", max = MAX_REDIRECTS)]
    TooMany(PathAndQuery),
}

/// Answers with what the handler says to the path that it named, and to those that it names then; for at most a deadline in
/// all. Returns the last one's application status.
pub(super) async fn follow(
    route: &Route,
    (variables, to): (&Variables, PathAndQuery),
    stderr: &Stderr,
    outbox: &mut Outbox,
) -> Result<u32, Failure> {
    let waiting = outbox.waiting();
    let mut way = Way::from(variables);
    let mut next = Some(to);
    let responses = pin!(async {
        let mut variables = variables.clone();
        let mut status = 0;
        while let Some(to) = next {
            variables = way.on(&variables, to)?;
            let (writer, body) = body::channel(Some(0));
            writer.finish();
            let (invocation, _) = invocation(&variables, Head::read(&variables), body, stderr)?;
            status = answer(route, invocation, &waiting, outbox).await?;
            next = outbox.take_redirect();
        }
        Ok(status)
    });
    within(route, || waiting.total(), responses).await?
}

/// The paths for which the handler was asked so far.
struct Way {
    asked: Vec<PathAndQuery>,
    redirects: usize,
}

impl Way {
    /// A way that begins with this request. One that changes something may well lead back to its own path.
    fn from(first: &Variables) -> Self {
        let is_read = matches!(first.get("REQUEST_METHOD"), Some(b"GET" | b"HEAD"));
        let path = first.get("REQUEST_URI").filter(|_| is_read).map(PathAndQuery::try_from);
        Self { asked: path.and_then(Result::ok).into_iter().collect(), redirects: 0 }
    }

    /// The variables of the request for `to`, the next path, after those of the one before.
    fn on(&mut self, variables: &Variables, to: PathAndQuery) -> Result<Variables, RedirectError> {
        if self.asked.contains(&to) {
            return Err(RedirectError::Circle(to));
        }
        if self.redirects == MAX_REDIRECTS {
            return Err(RedirectError::TooMany(to));
        }
        let redirected = redirected(variables, &to);
        self.asked.push(to);
        self.redirects += 1;
        Ok(redirected)
    }
}

/// The variables with which the web server would have asked for `to`.
fn redirected(variables: &Variables, to: &PathAndQuery) -> Variables {
    let path = decoded(to.path().as_bytes());
    let (script, info) = split(variables, &path);
    let document = variables.get("DOCUMENT_URI").map_or(&b""[..], |_| &path);
    let mut replaced: Vec<(&str, &[u8])> = GONE.iter().map(|name| (*name, &b""[..])).collect();
    replaced.extend([
        ("REQUEST_METHOD", &b"GET"[..]),
        ("REQUEST_URI", to.as_str().as_bytes()),
        ("DOCUMENT_URI", document),
        ("SCRIPT_NAME", script),
        ("PATH_INFO", info),
        ("QUERY_STRING", to.query().unwrap_or_default().as_bytes()),
    ]);
    variables.replace(&replaced)
}

/// `SCRIPT_NAME` and `PATH_INFO` for `path`: split as before where that lies below the same script, else in the way of the
/// web server, which may put everything into the one or into the other.
fn split<'a>(variables: &Variables, path: &'a [u8]) -> (&'a [u8], &'a [u8]) {
    let script = variables.get("SCRIPT_NAME").unwrap_or_default();
    let below = path.strip_prefix(script).filter(|rest| matches!(rest.first(), None | Some(b'/')));
    match below {
        Some(rest) => path.split_at(path.len() - rest.len()),
        None if variables.get("PATH_INFO").is_none() => (path, b""),
        None => (b"", path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::Trust;

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        let pairs = pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        Variables::new(pairs.collect(), Trust::default())
    }

    fn path(text: &str) -> PathAndQuery {
        text.parse().expect("a path")
    }

    #[test]
    fn a_redirect_is_a_request_of_its_own() {
        let first = variables(&[
            ("REQUEST_METHOD", "POST"),
            ("REQUEST_URI", "/bin/save/Main/X?a=b"),
            ("QUERY_STRING", "a=b"),
            ("CONTENT_LENGTH", "7"),
            ("CONTENT_TYPE", "text/plain"),
            ("SCRIPT_NAME", "/bin/save"),
            ("PATH_INFO", "/Main/X"),
            ("PATH_TRANSLATED", "/srv/Main/X"),
            ("HTTP_COOKIE", "c=d"),
            ("SERVER_NAME", "wiki.example"),
        ]);
        let second = redirected(&first, &path("/bin/save/A%20b?c=%20"));
        let expected = [
            ("HTTP_COOKIE", "c=d"),
            ("SERVER_NAME", "wiki.example"),
            ("REQUEST_METHOD", "GET"),
            ("REQUEST_URI", "/bin/save/A%20b?c=%20"),
            ("SCRIPT_NAME", "/bin/save"),
            ("PATH_INFO", "/A b"),
            ("QUERY_STRING", "c=%20"),
        ];
        let expected: Vec<_> =
            expected.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        assert_eq!(second.iter().collect::<Vec<_>>(), expected);
        let head = Head::read(&second).expect("a request");
        assert_eq!((head.uri.to_string().as_str(), head.length), ("/bin/save/A%20b?c=%20", None));
    }

    #[test]
    fn paths_are_split_as_the_web_server_does() {
        let check = |(script, info): (&str, &str), to: &str, expected: (&str, &str)| {
            let first = variables(&[("SCRIPT_NAME", script), ("PATH_INFO", info)]);
            let (script, info) = split(&first, to.as_bytes());
            assert_eq!((script, info), (expected.0.as_bytes(), expected.1.as_bytes()), "{to}");
        };
        check(("/bin/view", "/Main/X"), "/bin/view/Main/Y", ("/bin/view", "/Main/Y"));
        check(("/bin/view", "/Main/X"), "/bin/view", ("/bin/view", ""));
        check(("/bin/view", "/Main/X"), "/bin/viewfile/a", ("", "/bin/viewfile/a"));
        check(("/bin/view/Main/X", ""), "/bin/edit/Main/X", ("/bin/edit/Main/X", ""));
        check(("", "/x"), "/y/z", ("", "/y/z"));
        check(("", ""), "/y/z", ("", "/y/z"));
    }

    #[test]
    fn circles_are_seen() {
        let check = |method: &str, to: &[&str], expected: Result<(), RedirectError>| {
            let mut variables = variables(&[("REQUEST_METHOD", method), ("REQUEST_URI", "/a?b")]);
            let mut way = Way::from(&variables);
            let walked = to.iter().try_for_each(|to| {
                variables = way.on(&variables, path(to))?;
                Ok(())
            });
            assert_eq!(walked, expected, "{method} {to:?}");
        };
        check("GET", &["/b", "/c", "/a"], Ok(()));
        check("GET", &["/a?b"], Err(RedirectError::Circle(path("/a?b"))));
        check("GET", &["/b", "/a?b"], Err(RedirectError::Circle(path("/a?b"))));
        check("POST", &["/a?b"], Ok(()));
        check("POST", &["/a?b", "/c", "/a?b"], Err(RedirectError::Circle(path("/a?b"))));
    }

    #[test]
    fn a_way_has_an_end() {
        let mut variables = variables(&[("REQUEST_METHOD", "GET"), ("REQUEST_URI", "/0")]);
        let mut way = Way::from(&variables);
        for number in 1..=MAX_REDIRECTS {
            variables = way.on(&variables, path(&format!("/{number}"))).expect("a redirect");
        }
        let last = path("/11");
        assert_eq!(way.on(&variables, last.clone()).err(), Some(RedirectError::TooMany(last)));
    }
}
