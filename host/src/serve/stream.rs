//! A connection's socket, of which the runtime hears only when it must wait.
//!
//! A web server that opens a connection for each request sends the request along at once: it is read, answered and
//! closed without any waiting. Announcing the socket to the runtime and taking that back would be two system
//! calls more, beside the five that such a request takes.

use std::{
    io::{self, IoSlice, Read, Write},
    net::TcpStream as PlainTcp,
    os::{fd::OwnedFd, unix::net::UnixStream as PlainUnix},
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpStream, UnixStream},
};

/// A connection that was accepted.
pub(super) enum Stream {
    Unix(Socket<UnixStream>),
    Tcp(Socket<TcpStream>),
}

/// A socket that does not block.
///
/// It can be read once and written before the runtime knows it; whatever would have to wait, and every further read,
/// announces it. So a connection that always has more to read still gives way to others.
pub(super) struct Socket<W: Waits> {
    fresh: Option<W::Plain>,
    was_read: bool,
    announced: Option<W>,
}

/// The runtime's kind of a socket.
pub(super) trait Waits: AsyncRead + AsyncWrite + Unpin + Sized {
    /// The same without a runtime.
    type Plain: Read + Write + Unpin;

    /// Tells the runtime of a socket.
    fn announce(plain: Self::Plain) -> io::Result<Self>;
}

impl Waits for UnixStream {
    type Plain = PlainUnix;

    fn announce(plain: PlainUnix) -> io::Result<Self> {
        Self::from_std(plain)
    }
}

impl Waits for TcpStream {
    type Plain = PlainTcp;

    fn announce(plain: PlainTcp) -> io::Result<Self> {
        Self::from_std(plain)
    }
}

impl Stream {
    /// A Unix socket, which must not block.
    pub(super) fn unix(accepted: OwnedFd) -> Self {
        Self::Unix(Socket::fresh(accepted.into()))
    }

    /// A TCP socket, which must not block.
    pub(super) fn tcp(accepted: OwnedFd) -> Self {
        Self::Tcp(Socket::fresh(accepted.into()))
    }
}

impl<W: Waits> Socket<W> {
    fn fresh(plain: W::Plain) -> Self {
        Self { fresh: Some(plain), was_read: false, announced: None }
    }

    /// What the system says at once; nothing where it would have to wait, or the runtime has taken over.
    fn at_once<T>(&mut self, mut call: impl FnMut(&mut W::Plain) -> io::Result<T>) -> Option<io::Result<T>> {
        let plain = self.fresh.as_mut()?;
        loop {
            match call(plain) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return Some(done),
            }
        }
    }

    fn announced(&mut self) -> io::Result<Pin<&mut W>> {
        if let Some(plain) = self.fresh.take() {
            self.announced = Some(W::announce(plain)?);
        }
        // Nothing is there only after announcing has failed.
        self.announced.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl<W: Waits> AsyncRead for Socket<W> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !std::mem::replace(&mut self.was_read, true)
            && let Some(read) = self.at_once(|plain| plain.read(buffer.initialize_unfilled()))
        {
            return Poll::Ready(read.map(|count| buffer.advance(count)));
        }
        self.announced()?.poll_read(context, buffer)
    }
}

impl<W: Waits> AsyncWrite for Socket<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.at_once(|plain| plain.write(bytes)) {
            Some(written) => Poll::Ready(written),
            None => self.announced()?.poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // Small responses are one slice, for which the system's way through `write` is shorter.
        if let [only] = slices {
            return self.poll_write(context, only);
        }
        match self.at_once(|plain| plain.write_vectored(slices)) {
            Some(written) => Poll::Ready(written),
            None => self.announced()?.poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(())) // Nothing is held back.
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.announced()?.poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// Both ends of a connection, the second one as the host has it.
    fn pair() -> (PlainUnix, Socket<UnixStream>) {
        let (peer, own) = PlainUnix::pair().expect("two sockets");
        own.set_nonblocking(true).expect("a socket");
        (peer, Socket::fresh(own))
    }

    #[tokio::test]
    async fn what_needs_no_waiting_is_not_announced() {
        let (mut peer, mut socket) = pair();
        peer.write_all(b"request").expect("a socket");
        let mut request = [0; 16];
        assert_eq!(socket.read(&mut request).await.expect("the request"), 7);
        socket.write_all(b"response").await.expect("a socket");
        assert!(socket.announced.is_none());
    }

    #[tokio::test]
    async fn further_reads_and_waiting_go_through_the_runtime() {
        let (mut peer, mut socket) = pair();
        let mut request = [0; 4];
        peer.write_all(b"one two ").expect("a socket");
        for _ in 0..2 {
            socket.read_exact(&mut request).await.expect("a part");
        }
        assert!(socket.announced.is_some());

        let (mut peer, mut socket) = pair();
        let ((), read) = tokio::join!(async { peer.write_all(b"late").expect("a socket") }, async {
            socket.read_exact(&mut request).await
        });
        assert_eq!((read.expect("a request"), &request), (4, b"late"));
    }

    #[tokio::test]
    async fn more_than_fits_is_written_as_the_peer_reads() {
        let (mut peer, mut socket) = pair();
        let reader = std::thread::spawn(move || std::io::copy(&mut peer, &mut std::io::sink()));
        socket.write_all(&vec![0; 4 << 20]).await.expect("a peer that reads");
        socket.shutdown().await.expect("a socket");
        assert_eq!(reader.join().expect("a reader").expect("a copy"), 4 << 20);
    }
}
