//! Where components come from.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use super::site::Site;
use crate::registry::{Reference, SCHEME};

/// Where a component comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ModuleSource {
    /// The wiki inside this program.
    BuiltIn,
    /// A file.
    File(PathBuf),
    /// An artifact in an OCI registry.
    Registry(Reference),
}

impl ModuleSource {
    /// Reads a path, which is below `base`, or a reference to a registry.
    pub fn read(written: &Path, base: &Path) -> Result<Self, String> {
        match written.to_str().and_then(|text| text.strip_prefix(SCHEME)) {
            Some(reference) => reference.parse().map(Self::Registry),
            None => Ok(Self::File(base.join(written))),
        }
    }
}

impl fmt::Display for ModuleSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => formatter.write_str("the built-in wiki"),
            Self::File(file) => file.display().fmt(formatter),
            Self::Registry(reference) => reference.fmt(formatter),
        }
    }
}

/// The modules of these sites that come from registries.
pub(super) fn references(sites: &[Site]) -> impl Iterator<Item = &Reference> {
    sites.iter().flat_map(|site| &site.routes).filter_map(|route| match &route.module {
        ModuleSource::Registry(reference) => Some(reference),
        ModuleSource::BuiltIn | ModuleSource::File(_) => None,
    })
}
