//! Files that the web server sends itself, because a handler asked for it: `X-Sendfile`, translated.
//!
//! A handler names a file as it sees it; each web server wants it in words of its own. Whatever a handler says in those words
//! is dropped (`response`), because a web server would send any file for them.

use std::{
    ffi::OsStr,
    fmt::Write,
    fs, io,
    os::unix::ffi::OsStrExt,
    path::{Component, Path, PathBuf},
};

use http::{HeaderMap, HeaderName, HeaderValue};
use thiserror::Error;

use crate::capability::Mount;

/// What handlers say: the path of a file, in their own view.
const ORDER: HeaderName = HeaderName::from_static("x-sendfile");

/// How the web server of a listener wants to be told which file to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendFile {
    /// By the URI of an internal location, `X-Accel-Redirect`: this prefix, and the path in the handler's view. nginx.
    XAccelRedirect(String),
    /// By the file's path on the machine, `X-Sendfile`. lighttpd, and Apache with `mod_xsendfile`.
    XSendfile,
}

/// An order that is not passed on.
#[derive(Debug, Error, PartialEq, Eq)]
pub(super) enum SendFileError {
    #[error("x-sendfile {0:?}: not a plain absolute path, in one header")]
    Path(String),
    #[error("x-sendfile {0:?}: in none of the handler's mounts")]
    Outside(String),
    #[error("x-sendfile {path:?}: {reason}")]
    File { path: String, reason: String },
}

impl SendFile {
    /// The header with which the web server is told to send the file that `headers` ask for, if they do. It is a file below
    /// one of the mounts, links followed.
    pub(super) fn order(
        &self,
        headers: &HeaderMap,
        mounts: &[Mount],
    ) -> Result<Option<(HeaderName, HeaderValue)>, SendFileError> {
        let mut orders = headers.get_all(&ORDER).iter();
        let Some(order) = orders.next() else { return Ok(None) };
        let shown = || String::from_utf8_lossy(order.as_bytes()).into_owned();
        let path = Path::new(OsStr::from_bytes(order.as_bytes()));
        if !is_plain(path) || orders.next().is_some() {
            return Err(SendFileError::Path(shown()));
        }
        let inside = mounts.iter().filter(|mount| path.starts_with(&mount.guest));
        let mount = inside.max_by_key(|mount| mount.guest.len());
        let mount = mount.ok_or_else(|| SendFileError::Outside(shown()))?;
        let file = file(mount, path).map_err(|reason| SendFileError::File { path: shown(), reason })?;
        let (name, value) = match self {
            Self::XAccelRedirect(prefix) => {
                ("x-accel-redirect", format!("{prefix}{}", escaped(order.as_bytes())))
            }
            Self::XSendfile => ("x-sendfile", escaped(file.as_os_str().as_bytes())),
        };
        let value = HeaderValue::try_from(value).map_err(|_| SendFileError::Path(shown()))?;
        Ok(Some((HeaderName::from_static(name), value)))
    }
}

/// Whether a path means the same to everybody: absolute, without `.`, `..`, or empty segments.
fn is_plain(path: &Path) -> bool {
    let bytes = path.as_os_str().as_bytes();
    let again: PathBuf = path.components().collect();
    bytes.first() == Some(&b'/')
        && again.as_os_str() == path.as_os_str()
        && !path.components().any(|part| part == Component::ParentDir)
}

/// The file on the machine, with no link left in its path.
fn file(mount: &Mount, path: &Path) -> Result<PathBuf, String> {
    let told = |error: io::Error| error.to_string();
    let rest = path.strip_prefix(&mount.guest).map_err(|error| error.to_string())?;
    let folder = fs::canonicalize(&mount.host).map_err(told)?;
    let file = fs::canonicalize(folder.join(rest)).map_err(told)?;
    if !file.starts_with(&folder) {
        return Err("a link leads out of the mount".into());
    }
    if !fs::metadata(&file).map_err(told)?.is_file() {
        return Err("not a file".into());
    }
    Ok(file)
}

/// A path as a URI has it. The web servers take the escapes back.
fn escaped(path: &[u8]) -> String {
    let mut out = String::with_capacity(path.len());
    for &byte in path {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to memory cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::capability::Access;

    /// A folder with two mounts, one of them inside the other's place.
    fn mounts(folder: &Path) -> Vec<Mount> {
        let mount = |name: &str, guest: &str| {
            let host = folder.join(name);
            fs::create_dir_all(host.join("Web")).expect("a folder");
            fs::write(host.join("Web/a b.png"), name).expect("a file");
            Mount { host, guest: guest.into(), access: Access::Read, hidden: Vec::new() }
        };
        vec![mount("outer", "/pub"), mount("inner", "/pub/inner")]
    }

    fn order(form: &SendFile, paths: &[&str], mounts: &[Mount]) -> Result<Option<String>, SendFileError> {
        let values = paths.iter().map(|path| (ORDER, path.parse().expect("a header value")));
        let order = form.order(&HeaderMap::from_iter(values.collect::<Vec<_>>()), mounts)?;
        Ok(order.map(|(name, value)| format!("{name}: {}", value.to_str().expect("text"))))
    }

    #[test]
    fn orders_are_translated() {
        let folder = tempfile::tempdir().expect("a folder");
        let mounts = mounts(folder.path());
        let at = fs::canonicalize(folder.path()).expect("a path");
        let check = |form: &SendFile, path: &str, expected: String| {
            assert_eq!(order(form, &[path], &mounts), Ok(Some(expected)));
        };
        let (accel, path) = (SendFile::XAccelRedirect("/protected".into()), SendFile::XSendfile);
        check(&accel, "/pub/Web/a b.png", "x-accel-redirect: /protected/pub/Web/a%20b.png".into());
        check(&path, "/pub/Web/a b.png", format!("x-sendfile: {}/outer/Web/a%20b.png", at.display()));
        check(&path, "/pub/inner/Web/a b.png", format!("x-sendfile: {}/inner/Web/a%20b.png", at.display()));
        assert_eq!(order(&path, &[], &mounts), Ok(None));
    }

    #[test]
    fn orders_for_other_files_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let mounts = mounts(folder.path());
        symlink("/etc/passwd", folder.path().join("outer/link")).expect("a link");
        symlink("Web/a b.png", folder.path().join("outer/inside")).expect("a link");
        let check = |paths: &[&str], expected: &str| {
            for form in [SendFile::XAccelRedirect("/p".into()), SendFile::XSendfile] {
                let told = order(&form, paths, &mounts).expect_err(expected).to_string();
                assert!(told.contains(expected), "{paths:?}: {told}");
            }
        };
        let plain = "not a plain absolute path";
        for path in
            ["", "pub/Web/a b.png", "/pub/../etc/passwd", "/pub/./Web", "/pub//Web", "/pub/Web/", "//pub"]
        {
            check(&[path], plain);
        }
        check(&["/pub/inside", "/pub/inside"], plain);
        for path in ["/etc/passwd", "/public/x", "/"] {
            check(&[path], "in none of the handler's mounts");
        }
        check(&["/pub/link"], "a link leads out of the mount");
        check(&["/pub/none"], "No such file");
        for path in ["/pub", "/pub/Web"] {
            check(&[path], "not a file");
        }
        assert!(order(&SendFile::XSendfile, &["/pub/inside"], &mounts).is_ok());
    }
}
