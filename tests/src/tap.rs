//! What a web server and its host say to each other: a socket between the two, which takes notes.

use std::{
    fs::{self, Permissions},
    io::{self, Read, Write},
    net::Shutdown,
    os::unix::{
        fs::PermissionsExt,
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    thread,
};

use fcgi::RecordType;

use crate::{Place, TestHost};

/// Passes on everything between a web server and a host, whatever user the web server is.
#[derive(Debug)]
pub struct Tap {
    socket: PathBuf,
    events: Events,
    _place: Place,
}

type Events = Arc<Mutex<Vec<Event>>>;

/// Who did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The web server.
    Server,
    /// The host.
    Host,
}

/// One thing that happened on a connection.
#[derive(Debug, Clone, Copy)]
pub struct Event {
    /// The connection, counted from 0.
    pub connection: usize,
    /// Who did it.
    pub side: Side,
    /// The type and the id of a record whose header was sent; nothing where sending ended.
    pub record: Option<(u8, u16)>,
}

impl Event {
    /// Whether it is a record of that type from that side.
    pub fn is(&self, side: Side, kind: RecordType) -> bool {
        self.side == side && self.record.is_some_and(|(found, _)| found == kind.code())
    }
}

impl AsRef<Path> for Tap {
    fn as_ref(&self) -> &Path {
        &self.socket
    }
}

impl Tap {
    /// Listens in the place of that host.
    pub fn before(host: &TestHost) -> Self {
        let place = Place::new("tap");
        let socket = place.folder().join("tap.sock");
        let listener = UnixListener::bind(&socket).expect("a socket");
        fs::set_permissions(&socket, Permissions::from_mode(0o666)).expect("a socket of this user's");
        let (events, host) = (Events::default(), host.socket().to_owned());
        let notes = Arc::clone(&events);
        thread::spawn(move || {
            for (connection, server) in listener.incoming().map_while(Result::ok).enumerate() {
                // A host that has ended takes nothing any more.
                if let Ok(host) = UnixStream::connect(&host) {
                    relay((&server, &host), (connection, Side::Server), &notes);
                    relay((&host, &server), (connection, Side::Host), &notes);
                }
            }
        });
        Self { socket, events, _place: place }
    }

    /// How much has happened.
    pub fn mark(&self) -> usize {
        self.events.lock().expect("notes").len()
    }

    /// What has happened since a mark.
    pub fn since(&self, mark: usize) -> Vec<Event> {
        self.events.lock().expect("notes")[mark..].to_vec()
    }
}

/// Passes on what one side sends, in a thread of its own.
fn relay((from, to): (&UnixStream, &UnixStream), (connection, side): (usize, Side), events: &Events) {
    let (from, to) = (from.try_clone().expect("a socket"), to.try_clone().expect("a socket"));
    let events = Arc::clone(events);
    thread::spawn(move || {
        let note = |record| events.lock().expect("notes").push(Event { connection, side, record });
        let passed = pass_on(&from, &to, |kind, id| note(Some((kind, id))));
        note(None);
        let _ = to.shutdown(Shutdown::Write);
        if passed.is_err() {
            // Nobody takes it any more, and who sends it is told.
            let _ = from.shutdown(Shutdown::Both);
        }
    });
}

/// Copies until the end, and notes the header of each record before that is passed on.
fn pass_on(mut from: &UnixStream, mut to: &UnixStream, mut note: impl FnMut(u8, u16)) -> io::Result<()> {
    let mut piece = vec![0; 64 * 1024];
    let (mut header, mut content) = (Vec::new(), 0);
    loop {
        let length = from.read(&mut piece)?;
        if length == 0 {
            return Ok(());
        }
        let mut rest = &piece[..length];
        while !rest.is_empty() {
            let skipped = content.min(rest.len());
            (rest, content) = (&rest[skipped..], content - skipped);
            let taken = (8 - header.len()).min(rest.len());
            header.extend_from_slice(&rest[..taken]);
            rest = &rest[taken..];
            if let [_, kind, id1, id0, length1, length0, padding, _] = header[..] {
                note(kind, u16::from_be_bytes([id1, id0]));
                content = usize::from(u16::from_be_bytes([length1, length0])) + usize::from(padding);
                header.clear();
            }
        }
        to.write_all(&piece[..length])?;
    }
}
