//! Bound sockets, handed from one process of this program to the next: connections wait in them meanwhile.
//!
//! The two talk over a pair of Unix sockets that keep messages apart: a word, an address, and perhaps a socket (`SCM_RIGHTS`).

use std::{
    fs,
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    net::SocketAddr,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::Arc,
};

use rustix::{
    io::retry_on_intr,
    net::{
        AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
        SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
    },
};

use super::listener::Address;

/// The longest message: a word, and an address, which may be the path of a socket.
const MESSAGE: usize = 256;

/// One end of the pair.
#[derive(Debug, Clone)]
pub struct Hand(Arc<OwnedFd>);

/// What one says to the other.
#[derive(Debug)]
pub enum Word {
    /// A socket that is bound to this address.
    Bound(String, OwnedFd),
    /// What was bound there is not needed any more.
    Unbound(String),
    /// All sockets have been handed over.
    All,
    /// Requests are answered.
    Ready,
    /// Another process goes on; finish what runs, and leave the sockets' paths where they are.
    Leave,
}

/// Sockets by their addresses.
#[derive(Debug, Default)]
pub struct Handed(Vec<(String, OwnedFd)>);

impl Hand {
    /// Both ends.
    pub fn pair() -> io::Result<(Self, OwnedFd)> {
        let (kind, flags) = (SocketType::SEQPACKET, SocketFlags::CLOEXEC);
        let (ours, theirs) = socketpair(AddressFamily::UNIX, kind, flags, None)?;
        Ok((Self(Arc::new(ours)), theirs))
    }

    /// The other process's end.
    pub fn new(end: OwnedFd) -> Self {
        Self(Arc::new(end))
    }

    /// Says something. The socket of it stays the sender's as well.
    pub fn say(&self, word: &Word) -> io::Result<()> {
        let (text, socket) = match word {
            Word::Bound(address, socket) => (format!("bound {address}"), Some(socket)),
            Word::Unbound(address) => (format!("unbound {address}"), None),
            Word::All => ("all".to_owned(), None),
            Word::Ready => ("ready".to_owned(), None),
            Word::Leave => ("leave".to_owned(), None),
        };
        send_with(&*self.0, text.as_bytes(), socket.map(AsFd::as_fd))
    }

    /// Hands over a socket that is bound to this address.
    pub fn give(&self, address: &Address, socket: impl AsFd) -> io::Result<()> {
        self.say(&Word::Bound(address.to_string(), socket.as_fd().try_clone_to_owned()?))
    }

    /// Waits for the next word; none when the other process has ended.
    pub fn hear(&self) -> io::Result<Option<Word>> {
        let mut text = [0; MESSAGE];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut rights = RecvAncillaryBuffer::new(&mut space);
        let parts = &mut [IoSliceMut::new(&mut text)];
        let received = retry_on_intr(|| recvmsg(&*self.0, parts, &mut rights, RecvFlags::CMSG_CLOEXEC))?;
        let sockets = rights.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(sockets) => Some(sockets),
            _ => None,
        });
        let socket = sockets.flatten().next();
        let text = str::from_utf8(&text[..received.bytes]).unwrap_or_default();
        let unknown = || io::Error::new(io::ErrorKind::InvalidData, format!("it says {text:?}"));
        match (text.split_once(' ').unwrap_or((text, "")), socket) {
            (("", ""), None) => Ok(None),
            (("bound", address), Some(socket)) => Ok(Some(Word::Bound(address.to_owned(), socket))),
            (("unbound", address), None) => Ok(Some(Word::Unbound(address.to_owned()))),
            (("all", ""), None) => Ok(Some(Word::All)),
            (("ready", ""), None) => Ok(Some(Word::Ready)),
            (("leave", ""), None) => Ok(Some(Word::Leave)),
            _ => Err(unknown()),
        }
    }
}

/// Sends a message, and a socket with it.
pub fn send_with(to: impl AsFd, message: &[u8], socket: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut rights = SendAncillaryBuffer::new(&mut space);
    if let Some(socket) = &socket {
        rights.push(SendAncillaryMessage::ScmRights(std::slice::from_ref(socket)));
    }
    sendmsg(to, &[IoSlice::new(message)], &mut rights, SendFlags::NOSIGNAL)?;
    Ok(())
}

impl Handed {
    /// Waits for all that the other process hands over.
    pub fn receive(hand: &Hand) -> io::Result<Self> {
        let mut handed = Self::default();
        loop {
            match hand.hear()? {
                Some(Word::Bound(address, socket)) => handed.put(address, socket),
                Some(Word::All) => return Ok(handed),
                Some(word) => return Err(io::Error::other(format!("{word:?} before all sockets"))),
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
    }

    /// Hands all of it over.
    pub fn give_all(&self, hand: &Hand) -> io::Result<()> {
        for (address, socket) in &self.0 {
            hand.say(&Word::Bound(address.clone(), socket.try_clone()?))?;
        }
        hand.say(&Word::All)
    }

    /// Keeps a socket.
    pub fn put(&mut self, address: String, socket: OwnedFd) {
        self.remove(&address);
        self.0.push((address, socket));
    }

    /// Lets all go that nobody has taken: nobody listens there any more. Returns their addresses.
    pub fn abandon(self) -> Vec<String> {
        let abandon = |(address, _socket): (String, OwnedFd)| {
            let is_port = address.rsplit(' ').next().is_some_and(|port| port.parse::<SocketAddr>().is_ok());
            if !is_port {
                // It may be gone already.
                let _ = fs::remove_file(&address);
            }
            address
        };
        self.0.into_iter().map(abandon).collect()
    }

    /// Lets a socket go.
    pub fn remove(&mut self, address: &str) -> Option<OwnedFd> {
        let at = self.0.iter().position(|(known, _)| known == address)?;
        Some(self.0.swap_remove(at).1)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::{TcpListener, TcpStream},
    };

    use super::*;

    #[test]
    fn sockets_go_from_one_to_the_other() {
        let (ours, theirs) = Hand::pair().expect("a pair");
        let theirs = Hand::new(theirs);
        let bound = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = bound.local_addr().expect("its address");
        let mut client = TcpStream::connect(address).expect("a connection");
        let mut kept = Handed::default();
        kept.put(address.to_string(), bound.into());
        kept.give_all(&ours).expect("what was given");
        drop(kept);
        let mut handed = Handed::receive(&theirs).expect("what was given");
        assert!(handed.remove("127.0.0.1:1").is_none());
        let listener = TcpListener::from(handed.remove(&address.to_string()).expect("the socket"));
        listener.accept().expect("the connection").0.write_all(b"x").expect("room");
        client.read_exact(&mut [0]).expect("a byte");
    }

    #[test]
    fn words_are_heard_as_they_are_said() {
        let (ours, theirs) = Hand::pair().expect("a pair");
        let theirs = Hand::new(theirs);
        for word in [Word::Unbound("/run/a b.sock".into()), Word::All, Word::Ready, Word::Leave] {
            ours.say(&word).expect("room");
            let heard = theirs.hear().expect("a word").expect("a word");
            assert_eq!(format!("{heard:?}"), format!("{word:?}"));
        }
        drop(ours);
        assert!(theirs.hear().expect("the end").is_none());
    }
}
