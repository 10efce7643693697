//! Signatures of modules, in the form of `cosign sign --key`: somebody with the key has signed a small document that names the
//! digest of the module's manifest.
//!
//! It says that the module is theirs, not that it is their newest: where that matters, pin digests.

use std::{fs, io, path::PathBuf};

use base64::{Engine, prelude::BASE64_STANDARD};
use ring::signature::{ECDSA_P256_SHA256_ASN1, ED25519, UnparsedPublicKey, VerificationAlgorithm};
use serde::Deserialize;
use tokio_rustls::rustls::pki_types::{SubjectPublicKeyInfoDer, pem::PemObject};

use super::{
    error::Reason,
    store::{Record, Signature},
};

/// What stands before the point of a key on the curve P-256, in DER (RFC 5480).
const P256: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// What stands before a key of Ed25519, in DER (RFC 8410).
const CURVE_25519: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// What a signed document is about.
const KIND: &str = "cosign container image signature";

/// What the files are for.
const WHAT: &str = "the public key";

/// Keys, one of which must have signed.
pub(super) struct Keys(Vec<Key>);

struct Key {
    algorithm: &'static dyn VerificationAlgorithm,
    bytes: Vec<u8>,
}

/// What is signed, as far as it counts.
#[derive(Deserialize)]
struct Document {
    critical: Critical,
}

#[derive(Deserialize)]
struct Critical {
    #[serde(rename = "type")]
    kind: String,
    image: Image,
}

#[derive(Deserialize)]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    digest: String,
}

impl Keys {
    /// None where there are no files: then nothing need be signed.
    pub(super) fn read(files: &[PathBuf]) -> Result<Option<Self>, Reason> {
        let keys: Result<Vec<_>, _> = files.iter().map(Key::read).collect();
        Ok(Some(keys?).filter(|keys| !keys.is_empty()).map(Self))
    }

    /// Whether one of them has signed what the record is of.
    pub(super) fn check(&self, record: &Record) -> Result<(), Reason> {
        let count = record.signatures.len();
        let mut signed = record.signatures.iter().filter(|one| self.0.iter().any(|key| key.has_signed(one)));
        if signed.any(|one| is_about(&one.signed, &record.digest)) {
            return Ok(());
        }
        let told = match count {
            0 => "it is not signed".to_owned(),
            _ => format!("none of its {count} signatures is by one of the keys and about {}", record.digest),
        };
        Err(Reason::Signature(told))
    }
}

impl Key {
    fn read(file: &PathBuf) -> Result<Self, Reason> {
        let text = fs::read(file).map_err(|error| Reason::file(WHAT, file, error))?;
        Self::parse(&text)
            .map_err(|told| Reason::file(WHAT, file, io::Error::new(io::ErrorKind::InvalidData, told)))
    }

    fn parse(text: &[u8]) -> Result<Self, String> {
        let read = SubjectPublicKeyInfoDer::from_pem_slice(text);
        let der =
            read.map_err(|error| format!("no public key in PEM ({error}); `cosign public-key` writes one"))?;
        let known: [(&[u8], &'static dyn VerificationAlgorithm, usize); 2] =
            [(P256, &ECDSA_P256_SHA256_ASN1, 65), (CURVE_25519, &ED25519, 32)];
        let mut found = known.into_iter().filter_map(|(prefix, algorithm, length)| {
            let bytes = der.strip_prefix(prefix).filter(|bytes| bytes.len() == length)?;
            Some(Self { algorithm, bytes: bytes.to_owned() })
        });
        found
            .next()
            .ok_or_else(|| "it is neither of ECDSA on P-256, cosign's own kind, nor of Ed25519".into())
    }

    fn has_signed(&self, one: &Signature) -> bool {
        let Ok(signature) = BASE64_STANDARD.decode(one.signature.trim()) else { return false };
        let key = UnparsedPublicKey::new(self.algorithm, &self.bytes);
        key.verify(one.signed.as_bytes(), &signature).is_ok()
    }
}

/// Whether a document says that what has this digest is signed.
fn is_about(signed: &str, digest: &str) -> bool {
    serde_json::from_str(signed).is_ok_and(|Document { critical: Critical { kind, image } }: Document| {
        kind == KIND && image.digest == digest
    })
}

#[cfg(test)]
mod tests {
    use base64::prelude::BASE64_STANDARD;
    use ring::{
        rand::SystemRandom,
        signature::{Ed25519KeyPair, KeyPair},
    };

    use super::*;

    fn pair() -> (Ed25519KeyPair, Keys) {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).expect("a key");
        let der = [CURVE_25519, pair.public_key().as_ref()].concat();
        let lines = BASE64_STANDARD.encode(der);
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n");
        (pair, Keys(vec![Key::parse(pem.as_bytes()).expect("a key")]))
    }

    fn document(kind: &str, digest: &str) -> String {
        format!(
            r#"{{"critical":{{"identity":{{"docker-reference":"r"}},"image":{{"docker-manifest-digest":"{digest}"}},"type":"{kind}"}},"optional":null}}"#
        )
    }

    fn record(digest: &str, signed: Vec<(String, String)>) -> Record {
        let signatures = signed.into_iter().map(|(signed, signature)| Signature { signed, signature });
        Record { digest: digest.into(), module: "sha256:m".into(), signatures: signatures.collect() }
    }

    #[test]
    fn a_signature_is_somebodys_and_about_something() {
        let ((pair, keys), (other, _)) = (pair(), pair());
        let sign = |by: &Ed25519KeyPair, text: &str| {
            (text.to_owned(), BASE64_STANDARD.encode(by.sign(text.as_bytes())))
        };
        let good = document(KIND, "sha256:a");
        let check = |signed: Vec<(String, String)>, expected: bool| {
            assert_eq!(keys.check(&record("sha256:a", signed.clone())).is_ok(), expected, "{signed:?}");
        };
        check(vec![sign(&pair, &good)], true);
        check(vec![sign(&other, &good), sign(&pair, &good)], true);
        check(vec![], false);
        check(vec![sign(&other, &good)], false);
        check(vec![sign(&pair, &document(KIND, "sha256:b"))], false);
        check(vec![sign(&pair, &document("another kind", "sha256:a"))], false);
        check(vec![(good.clone(), sign(&pair, &document(KIND, "sha256:b")).1)], false);
        check(vec![(good, "no Base64".into())], false);
    }

    #[test]
    fn keys_are_of_two_kinds() {
        let check = |text: &str, expected: &str| {
            let told = Key::parse(text.as_bytes()).map(|_| ()).expect_err(expected);
            assert!(told.contains(expected), "{told}");
        };
        check("", "no public key in PEM");
        check("-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n", "neither of ECDSA on P-256");
    }
}
