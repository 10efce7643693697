//! A request as web servers send it.

use bytes::Bytes;
use fcgi::Role;

/// A request: its CGI variables and its body.
#[derive(Debug, Clone)]
pub struct Request {
    pub(crate) role: Role,
    pub(crate) keep: bool,
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl Request {
    /// A request with the variables that nginx sends for `method` and `uri`.
    pub fn new(method: &str, uri: &str) -> Self {
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let variables = [
            ("QUERY_STRING", query),
            ("REQUEST_METHOD", method),
            ("CONTENT_TYPE", ""),
            ("CONTENT_LENGTH", ""),
            ("SCRIPT_NAME", path),
            ("REQUEST_URI", uri),
            ("DOCUMENT_URI", path),
            ("SERVER_PROTOCOL", "HTTP/1.1"),
            ("REQUEST_SCHEME", "http"),
            ("GATEWAY_INTERFACE", "CGI/1.1"),
            ("REMOTE_ADDR", "192.0.2.1"),
            ("SERVER_PORT", "80"),
            ("SERVER_NAME", "wiki.example"),
            ("HTTP_HOST", "wiki.example"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Self { role: Role::Responder, keep: false, variables, body: Bytes::new() }
    }

    /// A GET request.
    pub fn get(uri: &str) -> Self {
        Self::new("GET", uri)
    }

    /// A POST request whose body's length is announced.
    pub fn post(uri: &str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let length = body.len().to_string();
        Self { body, ..Self::new("POST", uri).variable("CONTENT_LENGTH", &length) }
    }

    /// Gives it a body whose length is not announced.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Adds a header of the client.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let variable = format!("HTTP_{}", name.to_uppercase().replace('-', "_"));
        self.variables.push((variable, value.to_owned()));
        self
    }

    /// Sets a CGI variable.
    #[must_use]
    pub fn variable(self, name: &str, value: &str) -> Self {
        let mut request = self.without(name);
        request.variables.push((name.to_owned(), value.to_owned()));
        request
    }

    /// Leaves a CGI variable out.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.variables.retain(|(other, _)| other != name);
        self
    }

    /// Asks that the connection be kept open.
    #[must_use]
    pub fn keep(mut self) -> Self {
        self.keep = true;
        self
    }

    /// Its CGI variables.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Its body.
    pub fn content(&self) -> &[u8] {
        &self.body
    }

    /// Asks for another role than that of a responder.
    #[must_use]
    pub fn role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }
}

impl From<&str> for Request {
    fn from(uri: &str) -> Self {
        Self::get(uri)
    }
}
