//! The request that is sent again and again.

use bytes::Bytes;
use fcgi::{MAX_PAIR_LEN, RequestId, Role, client::Connection};

/// A body is sent from memory, once for all requests.
const MAX_BODY: usize = 1 << 30;

/// What nginx sends for a browser's request with its own `fastcgi_params`, but for what depends on the request.
const VARIABLES: [(&str, &str); 19] = [
    ("DOCUMENT_ROOT", "/var/www/html"),
    ("SERVER_PROTOCOL", "HTTP/1.1"),
    ("REQUEST_SCHEME", "http"),
    ("GATEWAY_INTERFACE", "CGI/1.1"),
    ("SERVER_SOFTWARE", "nginx/1.22.1"),
    ("REMOTE_ADDR", "192.0.2.7"),
    ("REMOTE_PORT", "54321"),
    ("SERVER_ADDR", "192.0.2.1"),
    ("SERVER_PORT", "80"),
    ("SERVER_NAME", "wiki.example"),
    ("REDIRECT_STATUS", "200"),
    ("HTTP_HOST", "wiki.example"),
    ("HTTP_USER_AGENT", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
    ("HTTP_ACCEPT", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("HTTP_ACCEPT_LANGUAGE", "en-GB,en;q=0.7,de;q=0.3"),
    ("HTTP_ACCEPT_ENCODING", "gzip, deflate, br"),
    ("HTTP_CONNECTION", "keep-alive"),
    ("HTTP_REFERER", "http://wiki.example/Main/WebHome"),
    ("HTTP_COOKIE", "SESSION=0f1e2d3c4b5a69788796a5b4c3d2e1f0"),
];

/// A request, ready to be sent under any id.
#[derive(Debug)]
pub(crate) struct Template {
    params: Vec<(String, String)>,
    body: Bytes,
    role: Role,
    pub(crate) keep_alive: bool,
}

impl Template {
    /// A request for `uri` with a body of `body` bytes; `extra` variables replace those of their name.
    pub(crate) fn new(
        uri: &str,
        body: usize,
        extra: Vec<(String, String)>,
        keep_alive: bool,
    ) -> Result<Self, String> {
        if body > MAX_BODY {
            return Err(format!("--body {body}: more than {MAX_BODY} bytes"));
        }
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let (method, length) = if body == 0 { ("GET", String::new()) } else { ("POST", body.to_string()) };
        let mut params: Vec<(String, String)> = [
            ("REQUEST_METHOD", method),
            ("CONTENT_TYPE", if body == 0 { "" } else { "application/octet-stream" }),
            ("CONTENT_LENGTH", &length),
            ("SCRIPT_NAME", path),
            ("DOCUMENT_URI", path),
            ("REQUEST_URI", uri),
            ("QUERY_STRING", query),
        ]
        .into_iter()
        .chain(VARIABLES)
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        params.retain(|(name, _)| extra.iter().all(|(other, _)| other != name));
        params.extend(extra);
        if let Some((name, _)) =
            params.iter().find(|(name, value)| name.len().max(value.len()) > MAX_PAIR_LEN)
        {
            return Err(format!("the variable {name:.40} is longer than {MAX_PAIR_LEN} bytes"));
        }
        Ok(Self { params, body: vec![b'x'; body].into(), role: Role::Responder, keep_alive })
    }

    /// The same request to an application in another role.
    pub(crate) fn role(self, role: Role) -> Self {
        Self { role, ..self }
    }

    /// Queues the request under an id that is not in use.
    pub(crate) fn send(&self, connection: &mut Connection, id: RequestId) {
        connection.begin(id, self.role, self.keep_alive);
        connection.params(id, self.params.iter().map(|(name, value)| (name, value)));
        if self.role == Role::Authorizer {
            return; // As from Apache, which sends no STDIN to one, not even its end.
        }
        if !self.body.is_empty() {
            connection.stdin(id, self.body.clone());
        }
        connection.stdin(id, Bytes::new());
    }
}

#[cfg(test)]
mod tests {
    use bytes::BufMut;
    use fcgi::{Event, Limits};

    use super::*;

    #[test]
    fn an_application_sees_what_was_asked_for() {
        let extra = vec![("SCRIPT_FILENAME".to_owned(), "/hello.php".to_owned())];
        let template = Template::new("/hello?a=b", 3, extra, true).unwrap();
        let mut client = Connection::new();
        template.send(&mut client, RequestId::FIRST);

        let mut application = fcgi::Connection::new(Limits::default());
        application.buffer().put(client.output());
        let Some(Event::Begin { params, .. }) = application.poll().unwrap() else { panic!("no request") };
        for (name, value) in [
            ("REQUEST_METHOD", "POST"),
            ("CONTENT_LENGTH", "3"),
            ("SCRIPT_NAME", "/hello"),
            ("QUERY_STRING", "a=b"),
            ("SCRIPT_FILENAME", "/hello.php"),
        ] {
            assert_eq!(params.get(name), Some(value.as_bytes()), "{name}");
        }
        let Some(Event::Stdin { data, .. }) = application.poll().unwrap() else { panic!("no body") };
        assert_eq!(data.len(), 3);
    }
}
