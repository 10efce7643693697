//! Where a request stands in the order of its streams.

use crate::{Event, RecordType, RequestId, Role};

/// An active request.
#[derive(Debug)]
pub(crate) struct Request {
    role: Role,
    /// Whether the connection outlives the request.
    pub(crate) keep_conn: bool,
    /// Whether STDERR needs an end.
    pub(crate) wrote_stderr: bool,
    input: Input,
}

/// The stream that a request is awaiting.
#[derive(Debug)]
enum Input {
    /// PARAMS, of which this much has come.
    Params(Vec<u8>),
    Stdin,
    Data,
    Ended,
    Aborted,
}

impl Request {
    pub(crate) fn new(role: Role, keep_conn: bool) -> Self {
        Self { role, keep_conn, wrote_stderr: false, input: Input::Params(Vec::new()) }
    }

    /// Whether PARAMS have ended, and the request was handed out.
    pub(crate) fn begun(&self) -> bool {
        !matches!(self.input, Input::Params(_))
    }

    /// What has come of PARAMS, until they end.
    pub(crate) fn params(&mut self) -> Option<&mut Vec<u8>> {
        if let Input::Params(stream) = &mut self.input { Some(stream) } else { None }
    }

    /// Bytes that have come of PARAMS and are still held.
    pub(crate) fn params_len(&self) -> usize {
        if let Input::Params(stream) = &self.input { stream.len() } else { 0 }
    }

    /// Ends PARAMS. Returns the role and the whole stream, or `None` if they had ended.
    pub(crate) fn end_params(&mut self) -> Option<(Role, Vec<u8>)> {
        let stream = std::mem::take(self.params()?);
        self.input = Input::Stdin;
        Some((self.role, stream))
    }

    /// Whether to read a record of STDIN or DATA, or to ignore it. The error is the stream that has to end before.
    pub(crate) fn accepts(&self, kind: RecordType) -> Result<bool, RecordType> {
        match (&self.input, kind) {
            (_, RecordType::Data) if self.role != Role::Filter => Ok(false),
            (Input::Params(_), _) => Err(RecordType::Params),
            (Input::Stdin, RecordType::Data) => Err(RecordType::Stdin),
            (Input::Stdin, _) | (Input::Data, RecordType::Data) => Ok(true),
            (Input::Data | Input::Ended | Input::Aborted, _) => Ok(false), // After the end of the stream.
        }
    }

    /// Ends the stream that is being accepted.
    pub(crate) fn end_stream(&mut self, id: RequestId) -> Event {
        match (&self.input, self.role) {
            (Input::Stdin, Role::Filter) => {
                self.input = Input::Data;
                Event::StdinEnd { id }
            }
            (Input::Data, _) => {
                self.input = Input::Ended;
                Event::DataEnd { id }
            }
            _ => {
                self.input = Input::Ended;
                Event::StdinEnd { id }
            }
        }
    }

    /// Whether this is the first abort. No input is accepted from here on.
    pub(crate) fn abort(&mut self) -> bool {
        !matches!(std::mem::replace(&mut self.input, Input::Aborted), Input::Aborted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use RecordType::{Data, Params, Stdin};

    const ID: RequestId = RequestId::FIRST;

    /// Checks what becomes of STDIN and DATA while `request` awaits one stream after the other.
    fn check(role: Role, expected: &[[Result<bool, RecordType>; 2]]) {
        let mut request = Request::new(role, true);
        for (ended, &expected) in expected.iter().enumerate() {
            assert_eq!(
                [Stdin, Data].map(|kind| request.accepts(kind)),
                expected,
                "{role:?}, {ended} streams ended"
            );
            match ended {
                0 => assert!(request.end_params().is_some()),
                _ => _ = request.end_stream(ID),
            }
        }
    }

    #[test]
    fn streams_follow_each_other_as_the_role_says() {
        let plain = [[Err(Params), Ok(false)], [Ok(true), Ok(false)], [Ok(false), Ok(false)]];
        check(Role::Responder, &plain);
        check(Role::Authorizer, &plain);
        let filter = [
            [Err(Params), Err(Params)],
            [Ok(true), Err(Stdin)],
            [Ok(false), Ok(true)],
            [Ok(false), Ok(false)],
        ];
        check(Role::Filter, &filter);
    }

    #[test]
    fn after_an_abort_nothing_is_accepted() {
        let mut request = Request::new(Role::Filter, true);
        request.end_params();
        assert!(request.abort());
        assert!(!request.abort());
        assert_eq!([Stdin, Data].map(|kind| request.accepts(kind)), [Ok(false), Ok(false)]);
    }
}
