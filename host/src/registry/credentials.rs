//! Users and passwords of registries, in the file that `docker login` writes and clusters mount.

use std::{collections::HashMap, fs, io, path::Path};

use base64::{Engine, prelude::BASE64_STANDARD};
use oci_client::secrets::RegistryAuth;
use serde::Deserialize;

use super::{Reference, error::Reason};

/// What the file is for.
const WHAT: &str = "the file of credentials";

/// As far as it is about registries with passwords. Programs that would be run to get them (`credHelpers`) are not.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Credentials {
    #[serde(default)]
    auths: HashMap<String, Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    /// `USER:PASSWORD` in Base64.
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
}

impl Credentials {
    /// None: everybody is anonymous.
    pub(super) fn read(file: Option<&Path>) -> Result<Self, Reason> {
        let Some(file) = file else { return Ok(Self::default()) };
        let failed = |error| Reason::file(WHAT, file, error);
        let text = fs::read_to_string(file).map_err(failed)?;
        let read: Self = serde_json::from_str(&text).map_err(|error| failed(io::Error::from(error)))?;
        let unreadable = read.auths.iter().find(|(_, entry)| entry.read().is_none());
        match unreadable {
            Some((registry, _)) => {
                let told =
                    format!("what stands for {registry} has neither `auth` nor `username` and `password`");
                Err(failed(io::Error::new(io::ErrorKind::InvalidData, told)))
            }
            None => Ok(read),
        }
    }

    /// What the registry of a module is told.
    pub(super) fn of(&self, reference: &Reference) -> RegistryAuth {
        let entry = self.auths.get(reference.registry()).and_then(Entry::read);
        entry.map_or(RegistryAuth::Anonymous, |(user, password)| RegistryAuth::Basic(user, password))
    }
}

impl Entry {
    fn read(&self) -> Option<(String, String)> {
        if let (Some(user), Some(password)) = (&self.username, &self.password) {
            return Some((user.clone(), password.clone()));
        }
        let text = String::from_utf8(BASE64_STANDARD.decode(self.auth.as_ref()?).ok()?).ok()?;
        let (user, password) = text.split_once(':')?;
        Some((user.to_owned(), password.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Credentials, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("config.json");
        fs::write(&file, text).expect("a file");
        Credentials::read(Some(&file)).map_err(|error| error.to_string())
    }

    #[test]
    fn each_registry_has_its_own() {
        // user:pass:word, in Base64
        let text = r#"{"auths": {"one.example:5000": {"auth": "dXNlcjpwYXNzOndvcmQ="},
            "two.example": {"username": "u", "password": "p"}}, "credsStore": "desktop"}"#;
        let credentials = read(text).expect("credentials");
        let check = |module: &str, expected| {
            assert_eq!(credentials.of(&module.parse().expect("a reference")), expected);
        };
        check("one.example:5000/wiki:1", RegistryAuth::Basic("user".into(), "pass:word".into()));
        check("two.example/wiki:1", RegistryAuth::Basic("u".into(), "p".into()));
        check("three.example/wiki:1", RegistryAuth::Anonymous);
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        for text in
            ["", "7", r#"{"auths": {"x.example": {}}}"#, r#"{"auths": {"x.example": {"auth": "***"}}}"#]
        {
            let told = read(text).expect_err(text);
            assert!(told.contains("the file of credentials") && told.contains("config.json"), "{told}");
        }
        assert!(read("{}").is_ok());
    }
}
