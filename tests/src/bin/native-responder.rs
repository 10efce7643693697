//! The limit that the host is measured against: a native responder on the same codec and the same runtime, with one
//! task per connection like the host's, that answers each request as the `hello` component does.

use std::{io, net::SocketAddr, path::PathBuf, process::ExitCode};

use bytes::Bytes;
use fcgi::{Connection, Event, Limits, ProtocolStatus};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, UnixListener},
};

/// What the host sends for the `hello` component, byte by byte.
const RESPONSE: &[u8] = b"Status: 200 OK\r\ncontent-type: text/plain\r\n\r\nhello\n";

/// Read at once; a request without a body fits, as it does in the host.
const READ: usize = 8 << 10;

fn main() -> ExitCode {
    let Some(address) = std::env::args().nth(1) else {
        eprintln!("usage: native-responder ADDRESS, the path of a Unix socket or IP:PORT");
        return ExitCode::FAILURE;
    };
    // The host's settings.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime.and_then(|runtime| runtime.block_on(listen(&address))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("native-responder: {address}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Answers until the process is ended.
async fn listen(address: &str) -> io::Result<()> {
    if let Ok(address) = address.parse::<SocketAddr>() {
        let listener = TcpListener::bind(address).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(serve(stream));
        }
    }
    let listener = UnixListener::bind(PathBuf::from(address))?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve(stream));
    }
}

/// Serves a connection to its end, of which nobody needs to be told.
async fn serve<S>(mut socket: S)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut connection = Connection::new(Limits::default());
    while answer(&mut connection) {
        if socket.write_all_buf(connection.output()).await.is_err() {
            return;
        }
        // Requests are answered when they have arrived whole, so there is nothing left to read before closing.
        if connection.wants_close() {
            return;
        }
        connection.buffer().reserve(READ);
        if !matches!(socket.read_buf(connection.buffer()).await, Ok(1..)) {
            return;
        }
    }
}

/// Answers the requests that have arrived whole. Returns false when the peer broke the protocol.
fn answer(connection: &mut Connection) -> bool {
    loop {
        match connection.poll() {
            Ok(Some(Event::StdinEnd { id })) => {
                connection.stdout(id, Bytes::from_static(RESPONSE));
                connection.end(id, 0, ProtocolStatus::RequestComplete);
            }
            Ok(Some(Event::Abort { id })) => {
                connection.end(id, 0, ProtocolStatus::RequestComplete);
            }
            Ok(Some(_)) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}
