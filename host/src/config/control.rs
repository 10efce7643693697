//! Where the host takes commands.

use std::{
    env,
    path::{Path, PathBuf},
};

use clap::Args;

use super::{
    ConfigErrors, Written,
    document::Document,
    listen::{self, MAX_SOCKET_PATH},
    read,
    setting::Errors,
};
use crate::serve::{Address, Peers};

/// How it is written that it takes none.
const NONE: &str = "none";

/// The name of the socket in the folder of a service.
const IN_SERVICE: &str = "control.sock";

/// What stands behind the path of a listener for the path of its host's control socket.
const BESIDE: &str = ".control";

/// The path of the socket, where commands are taken; relative ones are below `base`.
pub(super) fn socket(document: &Document, base: &Path, errors: &mut Errors) -> Option<PathBuf> {
    let Some(written) = &document.control else {
        return beside_listener(document).or_else(in_service);
    };
    let check = |path: &String| match path.as_str() {
        "" => Err("the path of the socket is missing".to_owned()),
        NONE => Ok(None),
        path if base.join(path).as_os_str().len() > MAX_SOCKET_PATH => {
            Err(format!("longer than the {MAX_SOCKET_PATH} bytes that a socket's path can have"))
        }
        path => Ok(Some(base.join(path))),
    };
    errors.check(written, check).flatten()
}

/// Which host, told by what it was started with.
#[derive(Debug, Clone, Args)]
pub struct Whose {
    /// Its control socket
    #[arg(long, value_name = "PATH")]
    pub control: Option<String>,

    /// Its settings file
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Its first socket for a web server
    #[arg(short, long, value_name = "ADDRESS")]
    pub listen: Option<String>,
}

/// The control socket of a host, by its settings as far as they can be read: they may have become wrong since it was started.
pub fn control(Whose { control, config, listen }: Whose) -> Result<PathBuf, ConfigErrors> {
    let config = config.filter(|_| control.is_none());
    let first = listen.as_deref().and_then(|listen| listen.split_whitespace().next());
    let listen = first.map(str::to_owned).into_iter().collect();
    let (document, base, _) = read(Written { config, listen, control, ..Written::default() })?;
    let mut errors = Errors::default();
    let socket = socket(&document, &base, &mut errors);
    let told = errors.told();
    match socket {
        Some(socket) => Ok(socket),
        None if told.is_empty() => Err(ConfigErrors(vec![
            "no control socket: name it with --control PATH (RUNTIME_DIRECTORY/control.sock of a service without a socket path), \
             or the host's settings with --config FILE or --listen SOCKET"
                .into(),
        ])),
        None => Err(ConfigErrors(told)),
    }
}

/// The folder that systemd makes for a service.
fn in_service() -> Option<PathBuf> {
    let folder = env::var_os("RUNTIME_DIRECTORY").filter(|folder| !folder.is_empty())?;
    // Of several, the first one.
    let first = folder.to_str()?.split(':').next()?;
    Some(Path::new(first).join(IN_SERVICE))
}

/// Beside the first listener, if that has a path which leaves room for it.
fn beside_listener(document: &Document) -> Option<PathBuf> {
    let first = document.listen.first()?.address.as_ref()?.value()?;
    let Ok(Address::Unix(path)) = listen::address(first, &Peers::default()) else { return None };
    let mut path = path.into_os_string();
    path.push(BESIDE);
    (path.len() <= MAX_SOCKET_PATH).then(|| path.into())
}
