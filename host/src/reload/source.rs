//! Where the settings come from, and what the files were like that they were read from.

use super::Stamps;
use crate::config::{Config, ConfigErrors, Start, Written};

/// Where the settings come from.
#[derive(Debug, Clone)]
pub struct Source {
    /// As they were given to the program.
    pub written: Written,
    /// Who started it.
    pub start: Start,
}

/// Settings, and what the files were like that they come from and that they name, just before these are read.
pub struct Read {
    /// The settings.
    pub config: Config,
    pub(super) seen: Stamps,
}

impl Source {
    /// Reads the settings.
    pub fn read(&self) -> Result<Read, ConfigErrors> {
        let mut seen = Stamps::of(self.written.config.clone());
        let config = Config::check(self.written.clone(), self.start)?;
        seen.extend(Stamps::of(config.watched()));
        Ok(Read { config, seen })
    }

    /// What their own file is like, if there is one.
    pub(super) fn seen(&self) -> Stamps {
        Stamps::of(self.written.config.clone())
    }
}
