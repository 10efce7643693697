//! Why a module does not come from its registry.

use std::{io, iter::successors, path::PathBuf};

use oci_client::errors::{OciDistributionError, OciErrorCode};
use thiserror::Error;
use tokio_rustls::rustls::Error as TlsError;

/// A module cannot be had from its registry.
#[derive(Debug, Error)]
#[error("module {module}: {reason}")]
pub struct RegistryError {
    /// The module, as it is written.
    pub module: String,
    /// What is wrong.
    pub reason: Reason,
}

/// What is wrong.
#[derive(Debug, Error)]
pub enum Reason {
    /// The registry does not answer, or not as a registry does.
    #[error("{}", told(.0))]
    Registry(Box<OciDistributionError>),
    /// It takes too long.
    #[error("the registry did not deliver it within {0} s")]
    Time(u64),
    /// Nobody could be believed to be the registry.
    #[error(
        "no certificates of authorities for https can be read ({0}); install ca-certificates, or restart the host, if it had \
         no module from a registry when it started"
    )]
    Certificates(String),
    /// It is not a module.
    #[error(
        "it is no WebAssembly module: its layers are of type {0:?}, and one of application/wasm is needed"
    )]
    Layers(Vec<String>),
    /// It is too large.
    #[error("it has {0} bytes, and at most {1} are taken from a registry")]
    Large(u64, u64),
    /// Its digest is of a kind that is not used here.
    #[error("its digest {0:?} is none of sha256")]
    Digest(String),
    /// Nobody has signed it whose signature counts.
    #[error("{0}; sign it with `cosign sign --key`, or take away the keys (registry.keys) to do without")]
    Signature(String),
    /// A file cannot be used.
    #[error("{what} {}: {error}", file.display())]
    File {
        /// What it is for.
        what: &'static str,
        /// The file.
        file: PathBuf,
        /// The reason.
        error: io::Error,
    },
}

impl Reason {
    pub(super) fn file(what: &'static str, file: impl Into<PathBuf>, error: impl Into<io::Error>) -> Self {
        Self::File { what, file: file.into(), error: error.into() }
    }

    /// Whether the registry is not there, and may come back.
    pub(super) fn is_outage(&self) -> bool {
        match self {
            Self::Time(_) => true,
            Self::Registry(error) => match &**error {
                OciDistributionError::RequestError(error) => !error.is_decode() && secure(error).is_none(),
                OciDistributionError::ServerError { code, .. } => *code >= 500,
                _ => false,
            },
            _ => false,
        }
    }
}

impl From<OciDistributionError> for Reason {
    fn from(error: OciDistributionError) -> Self {
        Self::Registry(Box::new(error))
    }
}

/// An error's causes, the next one first.
fn causes<'a>(
    error: &'a dyn std::error::Error,
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    successors(error.source(), |cause: &&'a (dyn std::error::Error + 'static)| (*cause).source())
}

/// What TLS has against a server, where that is the cause.
fn secure(error: &dyn std::error::Error) -> Option<&TlsError> {
    causes(error).find_map(inmost)
}

/// What is inside of an error of input and output, which names what is behind that as its cause.
fn inmost<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a TlsError> {
    match error.downcast_ref::<io::Error>() {
        Some(outer) => inmost(outer.get_ref()?),
        None => error.downcast_ref(),
    }
}

/// Whether that is what the wall says, or another one.
fn is_denied(cause: &(dyn std::error::Error + 'static)) -> bool {
    cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

/// In words for those who can do something about it.
fn told(error: &OciDistributionError) -> String {
    match error {
        OciDistributionError::UnauthorizedError { .. } | OciDistributionError::AuthenticationFailure(_) => {
            "the registry refuses to deliver it to this user (registry.credentials)".into()
        }
        OciDistributionError::ImageManifestNotFoundError(_) => "the registry has no such module".into(),
        OciDistributionError::RegistryError { envelope, .. } => {
            let unknown = |code: &OciErrorCode| {
                matches!(
                    code,
                    OciErrorCode::ManifestUnknown | OciErrorCode::NameUnknown | OciErrorCode::NotFound
                )
            };
            if envelope.errors.iter().any(|error| unknown(&error.code)) {
                return "the registry has no such module".into();
            }
            let said: Vec<_> =
                envelope.errors.iter().map(|error| format!("{:?} {}", error.code, error.message)).collect();
            format!("the registry says: {}", said.join("; "))
        }
        OciDistributionError::RequestError(error) => {
            // The last of the causes is the one that helps.
            let cause = causes(error).last().map_or_else(|| error.to_string(), ToString::to_string);
            let hint = match secure(error) {
                Some(TlsError::InvalidCertificate(_)) => {
                    "; authorities are those of this machine, or of SSL_CERT_FILE"
                }
                Some(_) => "; a registry without TLS is named in registry.plain-http",
                None if causes(error).any(is_denied) => {
                    "; a registry at a port that is new since the start takes a restart"
                }
                None => "",
            };
            format!("the registry cannot be asked: {cause}{hint}")
        }
        other => other.to_string(),
    }
}
