//! What is checked of a response while it arrives, without keeping it.

use bytes::BytesMut;
use fcgi::ProtocolStatus;

/// The longest header block that is taken for one.
const MAX_HEAD: usize = 64 << 10;

/// A response that is arriving.
#[derive(Debug, Default)]
pub(crate) struct Response {
    /// The header block as far as it has arrived, while it is not complete.
    head: BytesMut,
    status: Option<u16>,
    body: u64,
}

impl Response {
    /// Takes a piece of the response.
    pub(crate) fn receive(&mut self, mut data: &[u8]) -> Result<(), String> {
        if self.status.is_none() {
            self.head.extend_from_slice(data);
            let Some(len) = head_len(&self.head) else {
                let fits = self.head.len() <= MAX_HEAD;
                return if fits {
                    Ok(())
                } else {
                    Err(format!("no end of the header within {MAX_HEAD} bytes"))
                };
            };
            let status = status(&self.head[..len])?;
            if status != 200 {
                return Err(format!("status {status}"));
            }
            self.status = Some(status);
            data = &data[data.len() - (self.head.len() - len)..];
            self.head.clear();
        }
        self.body += data.len() as u64;
        Ok(())
    }

    /// Checks the response's end. Returns the length of its body.
    pub(crate) fn finish(&self, status: ProtocolStatus, expected: Option<u64>) -> Result<u64, String> {
        if status != ProtocolStatus::RequestComplete {
            return Err(format!("ended as {status:?}"));
        }
        if self.status.is_none() {
            return Err("ended inside its header".into());
        }
        match expected {
            Some(length) if length != self.body => Err(format!("a body of {} bytes", self.body)),
            _ => Ok(self.body),
        }
    }
}

/// The length of the header block with the empty line that ends it, whichever line ends it has.
fn head_len(bytes: &[u8]) -> Option<usize> {
    let mut line_start = 0;
    for (at, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
        if matches!(&bytes[line_start..at], b"" | b"\r") {
            return Some(at + 1);
        }
        line_start = at + 1;
    }
    None
}

/// RFC 3875 §6.3.3: without a `Status`, 200.
fn status(head: &[u8]) -> Result<u16, String> {
    for line in head.split(|byte| *byte == b'\n') {
        let Some((name, value)) = line.split_at_checked(b"status:".len()) else { continue };
        if name.eq_ignore_ascii_case(b"status:") {
            let value = String::from_utf8_lossy(value);
            let code = value.split_whitespace().next().and_then(|code| code.parse().ok());
            return code.ok_or_else(|| format!("no status: {}", value.trim()));
        }
    }
    Ok(200)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever way the response is cut, the outcome is the same.
    fn check(text: &str, expected: Result<u64, &str>) {
        for piece in 1..=text.len().max(1) {
            let mut response = Response::default();
            let outcome = text
                .as_bytes()
                .chunks(piece)
                .try_for_each(|piece| response.receive(piece))
                .and_then(|()| response.finish(ProtocolStatus::RequestComplete, None));
            assert_eq!(outcome.as_ref().map_err(String::as_str), expected.as_ref().map_err(|text| *text));
        }
    }

    #[test]
    fn responses() {
        check("Content-type: a/b\r\n\r\nhello", Ok(5));
        check("Content-type: a/b\n\nhello\n\n", Ok(7));
        check("content-type: a/b\r\nStatus: 200 OK\r\n\r\n", Ok(0));
        check("status: 503 Service Unavailable\r\n\r\nbusy", Err("status 503"));
        check("Status: fine\r\n\r\n", Err("no status: fine"));
        check("Content-type: a/b\r\n", Err("ended inside its header"));
        check("", Err("ended inside its header"));
    }

    #[test]
    fn what_is_not_as_expected_fails() {
        let mut response = Response::default();
        response.receive(b"A: b\n\nhello").unwrap();
        assert_eq!(response.finish(ProtocolStatus::RequestComplete, Some(5)), Ok(5));
        assert!(response.finish(ProtocolStatus::RequestComplete, Some(6)).is_err());
        assert!(response.finish(ProtocolStatus::Overloaded, None).is_err());
        assert!(Response::default().receive(&vec![b'x'; MAX_HEAD + 1]).is_err());
    }
}
