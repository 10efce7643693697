//! The settings as an operator writes them.

use std::{net::SocketAddr, path::PathBuf};

use bytesize::ByteSize;
use clap::Args;

/// What to serve, and where.
#[derive(Debug, Clone, Args)]
pub struct Written {
    /// Socket for the web server: a path, HOST:PORT, [V6]:PORT or fd:0; may be repeated
    ///
    /// fd:0 is the socket that a web server passes to a host that it starts.
    /// Options follow the address, each after a comma:
    ///   allow=NETWORK    connections over TCP come from there; may be repeated
    ///   allow-uid=USER   connections to a Unix socket are that user's; may be repeated
    ///   trust=user       the web server is believed who the client is
    ///   trust=forwarded  it is believed what other proxies say about the client
    ///   distrust=https   it is not believed that the client came over TLS
    ///   sendfile=x-sendfile, sendfile=x-accel-redirect:/PREFIX
    ///                    handlers may have it send files below their mounts
    #[arg(short, long, value_name = "ADDRESS[,OPTION…]", verbatim_doc_comment)]
    pub listen: Vec<String>,

    /// Addresses of web servers, with commas between them: connections from elsewhere are closed, those over Unix
    /// sockets too unless allow-uid names their user
    #[arg(long, value_name = "ADDRESS,…", env = "FCGI_WEB_SERVER_ADDRS")]
    pub web_server_addrs: Option<String>,

    /// Permission bits of Unix sockets, octal
    #[arg(long, value_name = "MODE", default_value = "0660")]
    pub socket_mode: String,

    /// Owner of Unix sockets, by name or number
    #[arg(long, value_name = "USER[:GROUP]")]
    pub socket_owner: Option<String>,

    /// Also answer HTTP here, for development: a gateway to the first socket
    #[arg(long, value_name = "HOST:PORT")]
    pub http: Option<SocketAddr>,

    /// Component that answers requests [default: the built-in wiki]
    #[arg(long, value_name = "FILE")]
    pub module: Option<PathBuf>,

    /// Argument for a component that is a program; may be repeated
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub arg: Vec<String>,

    /// Wiki folder: its data, pub, templates and working are mounted read-only at /data, /pub, …
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,

    /// Folder that the handler sees, read-only unless it says :rw; may be repeated
    #[arg(long, value_name = "HOST:GUEST[:ro|:rw]")]
    pub mount: Vec<String>,

    /// How requests are run.
    #[command(flatten)]
    pub execution: WrittenExecution,
}

/// How requests are run.
#[derive(Debug, Clone, Args)]
pub struct WrittenExecution {
    /// Requests that run at once [default: 64; 8 where a web server starts the host]
    #[arg(short = 'n', long, visible_alias = "nproc", value_name = "N")]
    pub instances: Option<usize>,

    /// Requests that may wait for their turn
    #[arg(long, value_name = "N", default_value_t = 1024)]
    pub queue: usize,

    /// How long each waits before it is answered with 503
    #[arg(long, value_name = "TIME", default_value = "10s")]
    pub queue_wait: humantime::Duration,

    /// How long a handler may take, not counting its waits for the client
    #[arg(long, value_name = "TIME", default_value = "30s")]
    pub deadline: humantime::Duration,

    /// How long the web server may take for the head of a request, which it sends in one write
    #[arg(long, value_name = "TIME", default_value = "30s")]
    pub head_timeout: humantime::Duration,

    /// How long the web server may leave a body half sent, or a response unread, without any progress
    #[arg(long, value_name = "TIME", default_value = "1m")]
    pub stall_timeout: humantime::Duration,

    /// How much a handler may send in one response
    #[arg(long, value_name = "SIZE", default_value = "1GiB")]
    pub max_response: ByteSize,

    /// Memory of one instance
    #[arg(long, value_name = "SIZE", default_value = "64MiB")]
    pub memory: ByteSize,

    /// How long a stopping host waits for requests that run
    #[arg(long, value_name = "TIME", default_value = "30s")]
    pub drain_timeout: humantime::Duration,

    /// Folder for compiled components, the host's own [default: the service's or the user's own]
    #[arg(long, value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,
}
