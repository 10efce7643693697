//! Why nothing was changed.

use thiserror::Error;

use crate::{
    config::ConfigErrors,
    load::LoadError,
    serve::{ListenError, Unanswered},
};

/// Nothing was changed: what served before serves on.
#[derive(Debug, Error)]
pub enum ReloadError {
    /// The settings are wrong.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// They cannot be put into force.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A new listener cannot be opened.
    #[error("{0}; what the wall keeps out of reach takes a restart")]
    Listen(#[from] ListenError),
    /// They need more memory for an instance than the pool was made for.
    #[error(
        "memory: an instance with {new} bytes does not fit into the pool, which was made for {old}; restart the host"
    )]
    Memory {
        /// What the largest instance may have now, in bytes.
        new: usize,
        /// What it could have at the start.
        old: usize,
    },
    /// A page that was asked for before the swap was not what it should have been.
    #[error("probe of site {site}: {page} is answered with {status}, and was to be with {expected}")]
    Unhealthy {
        /// The site.
        site: String,
        /// The page.
        page: String,
        /// The status that it had.
        status: u16,
        /// The status that it should have had.
        expected: u16,
    },
    /// It was not answered.
    #[error("probe of site {site}: {error}")]
    Unanswered {
        /// The site.
        site: String,
        /// What happened.
        error: Unanswered,
    },
    /// Nobody is there to answer it.
    #[error("probe of site {0}: its module has no pages, it is no responder")]
    NoPages(String),
    /// There is nothing to take back.
    #[error("nothing was served before this generation, so there is nothing to go back to")]
    NothingBefore,
    /// There is nothing to let answer all requests.
    #[error("nothing is on trial; `reload --weight PERCENT` begins one")]
    NoTrial,
}
