//! The web server's side: what an application can send.

use std::collections::{BTreeMap, BTreeSet};

use fcgi::{
    ProtocolError, RecordType as T, RequestId, Role,
    client::{Connection, Event},
};

use crate::{naive, pieces::Input};

/// Requests that are under way.
const ACTIVE: u16 = 3;

/// What came of each request: its streams and its end.
type Seen = BTreeMap<u16, (Vec<u8>, Vec<u8>, Option<(u32, u8)>)>;

/// The record reader, in the web server's hands: any split yields what is there, content and errors alike.
pub fn record(input: &[u8]) {
    let Some(input) = Input::read(input) else { return };
    let mut connection = Connection::new();
    for id in (1..=ACTIVE).filter_map(RequestId::new) {
        assert!(connection.begin(id, Role::Responder, true));
    }
    let (mut seen, mut management, mut error) = (Seen::new(), 0, None);
    'input: for piece in input.pieces() {
        connection.buffer().extend_from_slice(piece);
        loop {
            match connection.poll() {
                Ok(Some(Event::Values(_) | Event::UnknownType(_))) => management += 1,
                Ok(Some(event)) => note(&mut seen, event),
                Ok(None) => break,
                Err(failure) => {
                    assert_eq!(connection.poll(), Err(failure.clone()));
                    error = Some(failure);
                    break 'input;
                }
            }
        }
    }
    assert_eq!((seen, management, error), expected(input.bytes));
}

fn note(seen: &mut Seen, event: Event) {
    match event {
        Event::Stdout { id, data } => seen.entry(id.get()).or_default().0.extend_from_slice(&data),
        Event::Stderr { id, data } => seen.entry(id.get()).or_default().1.extend_from_slice(&data),
        Event::End { id, app_status, status } => {
            let end = &mut seen.entry(id.get()).or_default().2;
            assert_eq!(end.replace((app_status, status.code())), None);
        }
        Event::Values(_) | Event::UnknownType(_) => {}
    }
}

/// The same from all the bytes at once.
fn expected(bytes: &[u8]) -> (Seen, usize, Option<ProtocolError>) {
    let (records, rest) = naive::records(bytes);
    let (mut seen, mut management) = (Seen::new(), 0);
    let mut ended: BTreeSet<(u16, u8)> = BTreeSet::new();
    for record in records {
        let not_active = ProtocolError::NotActive { id: record.id, kind: record.kind };
        let known = T::from_code(record.kind);
        let active =
            (1..=ACTIVE).contains(&record.id) && seen.get(&record.id).is_none_or(|one| one.2.is_none());
        let failed = match (record.id, known) {
            (0, Some(T::GetValuesResult)) if !record.has_content() => break,
            (0, Some(T::GetValuesResult)) => match naive::pairs(record.content, usize::MAX) {
                Ok(_) => {
                    management += 1;
                    None
                }
                Err(error) => Some(ProtocolError::Values(error)),
            },
            (0, Some(kind @ T::UnknownType)) if record.len != 8 => Some(length(kind, record.len)),
            (0, Some(T::UnknownType)) if !record.has_content() => break,
            (0, Some(T::UnknownType)) => {
                management += 1;
                None
            }
            (id, Some(kind @ (T::Stdout | T::Stderr))) if active => {
                if record.len == 0 {
                    ended.insert((id, record.kind));
                } else if !ended.contains(&(id, record.kind)) && !record.content.is_empty() {
                    let streams = seen.entry(id).or_default();
                    let stream = if kind == T::Stdout { &mut streams.0 } else { &mut streams.1 };
                    stream.extend_from_slice(record.content);
                }
                None
            }
            (_, Some(kind @ T::EndRequest)) if active && record.len != 8 => Some(length(kind, record.len)),
            (_, Some(T::EndRequest)) if active && !record.has_content() => break,
            (id, Some(T::EndRequest)) if active => {
                let [a, b, c, d, code, ..] = *record.content else { unreachable!("eight bytes") };
                if code > 3 {
                    let id = RequestId::new(id).expect("an active request");
                    Some(ProtocolError::Status { id, code })
                } else {
                    seen.entry(id).or_default().2 = Some((u32::from_be_bytes([a, b, c, d]), code));
                    None
                }
            }
            (id, Some(T::AbortRequest)) if active => {
                Some(ProtocolError::BrokenOff(RequestId::new(id).expect("an active request")))
            }
            _ => Some(not_active),
        };
        if failed.is_some() {
            return (seen, management, failed);
        }
    }
    (seen, management, rest.err())
}

fn length(kind: T, len: usize) -> ProtocolError {
    ProtocolError::BodyLength { kind, len: u16::try_from(len).expect("two bytes") }
}
