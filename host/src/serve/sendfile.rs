//! Files that the web server sends itself, because a handler asked for it: `X-Sendfile`, translated.
//!
//! A handler names a file as it sees it; each web server wants it in words of its own. Whatever a handler says in those words
//! is dropped (`response`), because a web server would send any file for them.

use std::{
    ffi::OsStr,
    fmt::Write,
    fs::{self, Metadata},
    io,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
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
    /// By the file's path on the machine, `X-Sendfile`, with escapes as in a URI. lighttpd.
    XSendfile,
    /// The same with the path as it is. Apache with `mod_xsendfile` up to 0.12, which knows no escapes.
    XSendfileRaw,
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
        let file =
            file(mount, path, mounts).map_err(|reason| SendFileError::File { path: shown(), reason })?;
        let (name, value) = match self {
            Self::XAccelRedirect(prefix) => {
                ("x-accel-redirect", format!("{prefix}{}", escaped(order.as_bytes())).into_bytes())
            }
            Self::XSendfile => ("x-sendfile", escaped(file.as_os_str().as_bytes()).into_bytes()),
            Self::XSendfileRaw => ("x-sendfile", raw(&file).ok_or_else(|| SendFileError::Path(shown()))?),
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

/// The file on the machine, with no link left in its path; one that any of `mounts` hides is not there.
fn file(mount: &Mount, path: &Path, mounts: &[Mount]) -> Result<PathBuf, String> {
    let told = |error: io::Error| error.to_string();
    let rest = path.strip_prefix(&mount.guest).map_err(|error| error.to_string())?;
    let folder = fs::canonicalize(&mount.host).map_err(told)?;
    let file = fs::canonicalize(folder.join(rest)).map_err(told)?;
    if !file.starts_with(&folder) {
        return Err("a link leads out of the mount".into());
    }
    let found = fs::metadata(&file).map_err(told)?;
    if mounts.iter().any(|mount| hides(mount, &file, &found)) {
        return Err(told(io::ErrorKind::NotFound.into()));
    }
    if !found.is_file() {
        return Err("not a file".into());
    }
    Ok(file)
}

/// Whether a file has a hidden name of a mount, or is what a hidden name leads to at this moment.
fn hides(mount: &Mount, file: &Path, found: &Metadata) -> bool {
    let is_it = |name: &String| {
        let same = |there: Metadata| (there.dev(), there.ino()) == (found.dev(), found.ino());
        fs::metadata(mount.host.join(name)).is_ok_and(same) || has_name(&mount.host, file, name)
    };
    mount.hidden.iter().any(is_it)
}

/// Whether a path without links is that of `name` in a folder.
fn has_name(folder: &Path, file: &Path, name: &str) -> bool {
    let named =
        file.file_name().is_some_and(|other| other.to_string_lossy().to_lowercase() == name.to_lowercase());
    named && fs::canonicalize(folder).is_ok_and(|folder| file.parent() == Some(&folder))
}

/// A path that a header's value can hold as it is: white space at its end would be lost (RFC 9110 §5.5).
fn raw(file: &Path) -> Option<Vec<u8>> {
    let path = file.as_os_str().as_bytes();
    path.last().is_some_and(|last| !matches!(last, b' ' | b'\t')).then(|| path.to_vec())
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
        let raw = SendFile::XSendfileRaw;
        check(&raw, "/pub/Web/a b.png", format!("x-sendfile: {}/outer/Web/a b.png", at.display()));
        symlink("Web/a b.png", folder.path().join("outer/short")).expect("a link");
        check(&raw, "/pub/short", format!("x-sendfile: {}/outer/Web/a b.png", at.display()));
        fs::write(folder.path().join("outer/Web/white "), "").expect("a file");
        symlink("Web/white ", folder.path().join("outer/white")).expect("a link");
        assert!(matches!(order(&raw, &["/pub/white"], &mounts), Err(SendFileError::Path(_))));
        assert_eq!(order(&path, &[], &mounts), Ok(None));
    }

    #[test]
    fn hidden_files_are_not_sent() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut mounts = mounts(folder.path());
        let whole = Mount { host: folder.path().into(), guest: "/all".into(), ..mounts[0].clone() };
        mounts.push(whole);
        mounts[0].hidden.push(".htpasswd".into());
        fs::write(folder.path().join("outer/.htpasswd"), "secret").expect("a file");
        symlink(".htpasswd", folder.path().join("outer/link")).expect("a link");
        fs::hard_link(folder.path().join("outer/.htpasswd"), folder.path().join("inner/again"))
            .expect("a link");
        for path in
            ["/pub/.htpasswd", "/pub/link", "/pub/inner/again", "/all/outer/.htpasswd", "/all/outer/link"]
        {
            let told = order(&SendFile::XSendfile, &[path], &mounts).expect_err(path).to_string();
            assert!(told.contains("not found"), "{told}");
        }
        assert!(order(&SendFile::XSendfile, &["/all/outer/Web/a b.png"], &mounts).is_ok());
    }

    #[test]
    fn orders_for_other_files_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let mounts = mounts(folder.path());
        symlink("/etc/passwd", folder.path().join("outer/link")).expect("a link");
        symlink("Web/a b.png", folder.path().join("outer/inside")).expect("a link");
        let check = |paths: &[&str], expected: &str| {
            for form in [SendFile::XAccelRedirect("/p".into()), SendFile::XSendfile, SendFile::XSendfileRaw] {
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
