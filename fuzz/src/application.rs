//! The application's side: what a web server, or whoever poses as one, can send.

use std::collections::BTreeMap;

use bytes::{Buf, Bytes};
use fcgi::{
    Connection, Event, Limits, Params, ParamsError, ProtocolError, ProtocolStatus as Status, RecordType as T,
    RequestId, Role,
};

use crate::{
    naive::{self, Record},
    pieces::Input,
};

/// Small enough to be met.
const TIGHT: Limits = Limits {
    max_requests: 3,
    max_params_bytes: 300,
    max_param_count: 10,
    max_params_total: 500,
    max_reply_bytes: 50,
    max_connections: 1,
};

/// A record that was sent: type, id, content.
type Sent = (u8, u16, Vec<u8>);

/// Everything that an application can be seen to do.
#[derive(Debug, Default, PartialEq, Eq)]
struct Transcript {
    /// Events in their order, with pieces of one stream that follow each other joined.
    events: Vec<Event>,
    sent: Vec<Sent>,
    error: Option<ProtocolError>,
    closes: bool,
    active: usize,
    /// Whether the input ended between two records, where it was read to its end.
    whole: Option<bool>,
}

/// The state machine of a connection, whose owner ends requests early, late, or not: any split of the bytes yields what
/// an application does that has them all, limits hold, and whole records are sent.
pub fn connection(input: &[u8]) {
    let Some(input) = Input::read(input) else { return };
    let limits = if input.tight { TIGHT } else { Limits::default() };
    let seen = converse(limits, &input.pieces());
    let expected = Naive { limits, requests: BTreeMap::new(), closing: false, seen: Transcript::default() };
    assert_eq!(seen, expected.read(input.bytes));
}

/// What the owner does about an event: whether it ends the request, and with which status.
fn answer(event: &Event) -> Option<(RequestId, u32)> {
    match event {
        Event::Begin { id, role: Role::Authorizer, .. } | Event::DataEnd { id } | Event::Abort { id } => {
            Some((*id, 0))
        }
        Event::StdinEnd { id } if id.get() % 2 == 0 => Some((*id, 7)),
        _ => None,
    }
}

fn converse(limits: Limits, pieces: &[&[u8]]) -> Transcript {
    let mut connection = Connection::new(limits);
    let (mut seen, mut output) = (Transcript::default(), Vec::new());
    'input: for piece in pieces {
        connection.buffer().extend_from_slice(piece);
        loop {
            match connection.poll() {
                Ok(Some(event)) => {
                    if let Event::Begin { id, .. } = event {
                        assert!(connection.stderr(id, Bytes::from_static(b"begins")));
                    }
                    if let Some((id, status)) = answer(&event) {
                        assert!(connection.end(id, status, Status::RequestComplete));
                        assert!(!connection.end(id, status, Status::RequestComplete));
                    }
                    note(&mut seen.events, event);
                }
                // Too many answers are unread, or all is read.
                Ok(None) if connection.output().has_remaining() => {
                    let len = connection.output().remaining();
                    output.extend_from_slice(&connection.output().copy_to_bytes(len));
                }
                Ok(None) => break,
                Err(error) => {
                    assert!(!connection.wants_read() && connection.poll() == Err(error.clone()));
                    seen.error = Some(error);
                    break 'input;
                }
            }
            assert!(connection.active() <= limits.max_requests);
        }
    }
    let len = connection.output().remaining();
    output.extend_from_slice(&connection.output().copy_to_bytes(len));
    let (records, rest) = naive::records(&output);
    assert!(rest == Ok(false) && output.len() % 8 == 0, "{output:?}");
    seen.sent = records.into_iter().map(|record| (record.kind, record.id, record.content.to_vec())).collect();
    seen.closes = connection.wants_close();
    seen.active = connection.active();
    seen.whole = (seen.error.is_none() && !seen.closes).then(|| connection.end_of_input().is_ok());
    seen
}

/// Adds an event, or joins it with the one before.
fn note(events: &mut Vec<Event>, event: Event) {
    match (events.last_mut(), event) {
        (Some(Event::Stdin { id: last, data }), Event::Stdin { id, data: more })
        | (Some(Event::Data { id: last, data }), Event::Data { id, data: more })
            if *last == id =>
        {
            *data = [&data[..], &more].concat().into();
        }
        (_, event) => events.push(event),
    }
}

/// An application that has read everything before it begins.
struct Naive {
    limits: Limits,
    requests: BTreeMap<RequestId, Request>,
    closing: bool,
    seen: Transcript,
}

struct Request {
    role: Role,
    keep: bool,
    params: Vec<u8>,
    /// PARAMS, STDIN, DATA: how many have ended. An aborted request awaits none.
    ended: u8,
}

impl Naive {
    fn read(mut self, bytes: &[u8]) -> Transcript {
        let (records, rest) = naive::records(bytes);
        let failed = records.iter().find_map(|record| {
            // Once it is to close, nothing more is read.
            if self.closing && self.requests.is_empty() { None } else { self.record(record).err() }
        });
        self.seen.closes = self.closing && self.requests.is_empty();
        self.seen.error = failed.or_else(|| rest.clone().err().filter(|_| !self.seen.closes));
        self.seen.whole =
            rest.ok().filter(|_| self.seen.error.is_none() && !self.seen.closes).map(|cut| !cut);
        self.seen.active = self.requests.len();
        self.seen
    }

    fn record(&mut self, record: &Record<'_>) -> Result<(), ProtocolError> {
        let Some(id) = RequestId::new(record.id) else { return self.management(record) };
        match T::from_code(record.kind) {
            Some(T::BeginRequest) => self.begin(id, record),
            Some(T::AbortRequest) => {
                self.abort(id);
                Ok(())
            }
            Some(T::Params) => self.params(id, record),
            Some(kind @ (T::Stdin | T::Data)) => self.stream(id, kind, record),
            _ => Ok(()),
        }
    }

    fn management(&mut self, record: &Record<'_>) -> Result<(), ProtocolError> {
        match T::from_code(record.kind) {
            Some(T::BeginRequest) => Err(ProtocolError::BeginWithoutId),
            Some(T::GetValues) if !record.has_content() => Ok(()),
            Some(T::GetValues) => self.values(record.content),
            Some(T::GetValuesResult | T::UnknownType) => Ok(()),
            _ => {
                self.seen.sent.push((T::UnknownType.code(), 0, vec![record.kind, 0, 0, 0, 0, 0, 0, 0]));
                Ok(())
            }
        }
    }

    fn values(&mut self, content: &[u8]) -> Result<(), ProtocolError> {
        let asked = naive::names(content).map_err(ProtocolError::Values)?;
        let known = [
            ("FCGI_MAX_CONNS", self.limits.max_connections.to_string()),
            ("FCGI_MAX_REQS", self.limits.max_requests.to_string()),
            ("FCGI_MPXS_CONNS", "1".to_owned()),
        ];
        let mut answer = Vec::new();
        for (name, value) in known.iter().filter(|(name, _)| asked.contains(&name.as_bytes())) {
            answer.extend([name.len(), value.len()].map(|len| u8::try_from(len).expect("a short one")));
            answer.extend(name.bytes().chain(value.bytes()));
        }
        self.seen.sent.push((T::GetValuesResult.code(), 0, answer));
        Ok(())
    }

    fn begin(&mut self, id: RequestId, record: &Record<'_>) -> Result<(), ProtocolError> {
        if self.requests.contains_key(&id) {
            return Err(ProtocolError::BeginOnActive(id));
        }
        if record.len != 8 {
            let len = u16::try_from(record.len).expect("two bytes");
            return Err(ProtocolError::BodyLength { kind: T::BeginRequest, len });
        }
        if self.closing || !record.has_content() {
            return Ok(());
        }
        let role = u16::from(record.content[0]) * 256 + u16::from(record.content[1]);
        let keep = record.content[2] % 2 == 1;
        match (role, self.requests.len() < self.limits.max_requests) {
            (1..=3, true) => {
                let role = [Role::Responder, Role::Authorizer, Role::Filter][usize::from(role) - 1];
                self.requests.insert(id, Request { role, keep, params: Vec::new(), ended: 0 });
            }
            (1..=3, false) => self.refuse(id, keep, 2),
            _ => self.refuse(id, keep, 3),
        }
        Ok(())
    }

    fn params(&mut self, id: RequestId, record: &Record<'_>) -> Result<(), ProtocolError> {
        let held: usize = self.requests.values().map(|request| request.params.len()).sum();
        let Some(request) = self.requests.get_mut(&id).filter(|request| request.ended == 0) else {
            return Ok(());
        };
        if record.len > 0 {
            if request.params.len() + record.len > self.limits.max_params_bytes {
                let error = ParamsError::TooLong { limit: self.limits.max_params_bytes };
                return Err(ProtocolError::Params { id, error });
            }
            if held + record.len > self.limits.max_params_total {
                return Err(ProtocolError::ParamsTotal { limit: self.limits.max_params_total });
            }
            request.params.extend_from_slice(record.content);
            return Ok(());
        }
        let stream = std::mem::take(&mut request.params);
        request.ended = 1;
        let role = request.role;
        let pairs = naive::pairs(&stream, self.limits.max_param_count);
        let pairs = pairs.map_err(|error| ProtocolError::Params { id, error })?;
        self.seen.sent.push((T::Stderr.code(), id.get(), b"begins".to_vec()));
        self.tell(Event::Begin { id, role, params: pairs.into_iter().collect::<Params>() });
        Ok(())
    }

    fn stream(&mut self, id: RequestId, kind: T, record: &Record<'_>) -> Result<(), ProtocolError> {
        let Some(request) = self.requests.get_mut(&id) else { return Ok(()) };
        if kind == T::Data && request.role != Role::Filter {
            return Ok(());
        }
        let (place, awaited) = if kind == T::Stdin { (1, T::Params) } else { (2, T::Stdin) };
        if request.ended < place {
            let awaited = if request.ended == 0 { T::Params } else { awaited };
            return Err(ProtocolError::OutOfOrder { id, kind, awaited });
        }
        if request.ended > place {
            return Ok(());
        }
        let data = Bytes::copy_from_slice(record.content);
        if record.len == 0 {
            request.ended += 1;
            self.tell(if kind == T::Stdin { Event::StdinEnd { id } } else { Event::DataEnd { id } });
        } else if !data.is_empty() {
            self.tell(if kind == T::Stdin { Event::Stdin { id, data } } else { Event::Data { id, data } });
        }
        Ok(())
    }

    fn abort(&mut self, id: RequestId) {
        match self.requests.get_mut(&id) {
            Some(Request { ended: 0, keep, .. }) => {
                let keep = *keep;
                self.requests.remove(&id);
                self.refuse(id, keep, 0);
            }
            Some(_) => self.tell(Event::Abort { id }),
            None => {}
        }
    }

    /// Tells the owner, who may end the request.
    fn tell(&mut self, event: Event) {
        if let Some((id, app_status)) = answer(&event) {
            let request = self.requests.remove(&id).expect("an active request");
            self.seen.sent.push((T::Stdout.code(), id.get(), Vec::new()));
            self.seen.sent.push((T::Stderr.code(), id.get(), Vec::new()));
            self.end(id, app_status, 0);
            self.closing |= !request.keep;
        }
        note(&mut self.seen.events, event);
    }

    /// Ends a request that the owner never saw.
    fn refuse(&mut self, id: RequestId, keep: bool, status: u8) {
        self.end(id, 0, status);
        self.closing |= !keep;
    }

    fn end(&mut self, id: RequestId, app_status: u32, status: u8) {
        let body = [&app_status.to_be_bytes()[..], &[status, 0, 0, 0]].concat();
        self.seen.sent.push((T::EndRequest.code(), id.get(), body));
    }
}
