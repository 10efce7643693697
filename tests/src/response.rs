//! What a web server receives for a request.

use fcgi::ProtocolStatus;

/// A response, or as much of it as arrived.
#[derive(Debug, Clone, Default)]
pub struct Response {
    /// `FCGI_STDOUT`: header block and body.
    pub stdout: Vec<u8>,
    /// `FCGI_STDERR`.
    pub stderr: Vec<u8>,
    /// `FCGI_END_REQUEST`: the application's and the protocol's status; nothing if it never came.
    pub end: Option<(u32, ProtocolStatus)>,
}

impl Response {
    /// Whether the application said that this is all.
    pub fn is_complete(&self) -> bool {
        self.end.is_some()
    }

    /// The header block as it was sent, without its empty line; empty while that is missing.
    pub fn head(&self) -> &str {
        let end = self.head_end().unwrap_or(0);
        std::str::from_utf8(&self.stdout[..end]).expect("a header block in ASCII")
    }

    /// The body so far.
    pub fn body(&self) -> &[u8] {
        self.head_end().map_or(b"", |end| &self.stdout[end + 4..])
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(self.body()).expect("a body in UTF-8")
    }

    /// The number in the `Status` header.
    pub fn status(&self) -> u16 {
        let status = self.header("status").unwrap_or_else(|| panic!("no Status in {:?}", self.head()));
        status.split(' ').next().and_then(|code| code.parse().ok()).expect("a status of three digits")
    }

    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).first().copied()
    }

    /// All headers of that name, in their order.
    pub fn headers(&self, name: &str) -> Vec<&str> {
        let lines = self.head().split("\r\n").filter_map(|line| line.split_once(": "));
        lines.filter(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }

    fn head_end(&self) -> Option<usize> {
        self.stdout.windows(4).position(|four| four == b"\r\n\r\n")
    }
}
