//! What was pulled, on disk, beside the compiled code and within the same bound.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    time::SystemTime,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Reference, error::Reason};
use crate::wasm::{MODULE, REFERENCE, UNFINISHED};

/// What the files are for.
const WHAT: &str = "the cache of pulled modules";

/// The only kind of digest that names files.
const ALGORITHM: &str = "sha256:";

/// Hexadecimal digits of such a digest.
const DIGITS: usize = 64;

/// What a reference stood for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    /// The digest of the manifest.
    pub(super) digest: String,
    /// The digest of the module.
    pub(super) module: String,
    /// The signatures of the manifest, where they were asked for.
    pub(super) signatures: Vec<Signature>,
}

/// What was signed, and the signature in Base64.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Signature {
    pub(super) signed: String,
    pub(super) signature: String,
}

/// A folder with modules under their digests, and with what references stood for.
pub(super) struct Store {
    folder: PathBuf,
}

impl Store {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// What a reference stood for when it was pulled last, if that is known.
    pub(super) fn record(&self, reference: &Reference) -> Option<Record> {
        serde_json::from_slice(&fs::read(self.record_file(reference)).ok()?).ok()
    }

    pub(super) fn keep_record(&self, reference: &Reference, record: &Record) -> Result<(), Reason> {
        let file = self.record_file(reference);
        let written = serde_json::to_vec(record).map_err(io::Error::from);
        written.and_then(|bytes| self.keep(&file, &bytes)).map_err(|error| Reason::file(WHAT, file, error))
    }

    /// The module of that digest, if it is here and whole.
    pub(super) fn module(&self, digest: &str) -> Result<Vec<u8>, Reason> {
        let path = self.module_file(digest)?;
        let read = fs::read(&path).and_then(|bytes| {
            if digest_of(&bytes) == digest {
                Ok(bytes)
            } else {
                Err(io::Error::new(io::ErrorKind::InvalidData, "it is damaged: its digest does not fit"))
            }
        });
        // When it was used last decides what goes first when the cache is full.
        let _ = File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        read.map_err(|error| Reason::file(WHAT, path, error))
    }

    pub(super) fn keep_module(&self, digest: &str, wasm: &[u8]) -> Result<(), Reason> {
        let file = self.module_file(digest)?;
        self.keep(&file, wasm).map_err(|error| Reason::file(WHAT, file, error))
    }

    /// Writes beside the place and renames, so that a file is whole or not there.
    fn keep(&self, file: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut beside = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(&self.folder)?;
        beside.write_all(bytes)?;
        beside.as_file().sync_all()?;
        beside.persist(file)?;
        File::open(&self.folder)?.sync_all()
    }

    fn record_file(&self, reference: &Reference) -> PathBuf {
        let digest = digest_of(reference.to_string().as_bytes());
        self.folder.join(format!("{}{REFERENCE}", &digest[ALGORITHM.len()..]))
    }

    /// What comes from a registry is no path before it was looked at.
    fn module_file(&self, digest: &str) -> Result<PathBuf, Reason> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let digits = digest.strip_prefix(ALGORITHM).filter(|digits| digits.len() == DIGITS);
        let digits = digits.filter(|digits| digits.bytes().all(is_digit));
        let digits = digits.ok_or_else(|| Reason::Digest(digest.to_owned()))?;
        Ok(self.folder.join(format!("{digits}{MODULE}")))
    }
}

fn digest_of(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    let mut text = ALGORITHM.to_owned();
    // Writing to a string does not fail.
    Sha256::digest(bytes).iter().for_each(|byte| _ = write!(text, "{byte:02x}"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_whole_or_not_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::new(folder.path());
        let digest = digest_of(b"module");
        assert!(store.module(&digest).is_err());
        store.keep_module(&digest, b"module").expect("kept");
        assert_eq!(store.module(&digest).expect("kept"), b"module");
        let file = store.module_file(&digest).expect("a digest");
        fs::write(file, "damaged").expect("a file");
        assert!(store.module(&digest).is_err_and(|error| error.to_string().contains("damaged")));
    }

    #[test]
    fn digests_are_no_paths() {
        let store = Store::new(Path::new("/"));
        let upper = format!("sha256:{}", "A".repeat(DIGITS));
        for digest in ["", "sha256:", "sha256:../../etc/passwd", "sha512:00", &upper] {
            assert!(matches!(store.module(digest), Err(Reason::Digest(_))), "{digest}");
        }
    }

    #[test]
    fn references_are_remembered() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::new(folder.path());
        let reference = |text: &str| -> Reference { text.parse().expect("a reference") };
        let record = Record { digest: "sha256:a".into(), module: "sha256:b".into(), signatures: Vec::new() };
        store.keep_record(&reference("r.example/wiki:1"), &record).expect("kept");
        let known = |text: &str| store.record(&reference(text)).map(|record| record.digest);
        assert_eq!(known("r.example/wiki:1"), Some("sha256:a".into()));
        assert_eq!(known("r.example/wiki:2"), None);
    }
}
