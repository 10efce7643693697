//! A real registry (Debian's docker-registry), and what its users do: push modules, move tags, sign.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    http,
    http::Reply,
    servers::{Place, WebServer},
};

/// Where Debian has it.
const PROGRAM: &str = "/usr/bin/docker-registry";
const PACKAGE: &str = "docker-registry";

/// Its settings, in its folder.
const SETTINGS: &str = "registry.yml";

/// The type of a layer with WebAssembly.
pub const WASM: &str = "application/wasm";

/// The type of what `cosign` signs.
const SIGNED: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A registry; ended with its story.
#[derive(Debug)]
pub struct Registry {
    server: WebServer,
    /// Where its modules are.
    modules: PathBuf,
    /// Who may push and pull, where not everybody may.
    user: Option<(String, String)>,
}

/// One layer of an artifact.
#[derive(Debug, Clone)]
pub struct Layer<'a> {
    /// Its media type.
    pub kind: &'a str,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Its annotations.
    pub annotations: Value,
}

impl Registry {
    /// A registry for everybody, without TLS.
    pub fn start() -> Self {
        Self::in_folder(Place::new("registry"), "", None)
    }

    /// A registry for one user.
    pub fn for_user(user: &str, password: &str) -> Self {
        let place = Place::new("registry");
        let file = place.passwords_of([(user, password)]);
        let settings = format!("auth:\n  htpasswd:\n    realm: modules\n    path: {}\n", file.display());
        Self::in_folder(place, &settings, Some((user.to_owned(), password.to_owned())))
    }

    fn in_folder(place: Place, more: &str, user: Option<(String, String)>) -> Self {
        let modules = place.folder().join("modules");
        Self::run(place, modules, more, user)
    }

    /// The same modules behind TLS, with a certificate and its key in these files.
    #[must_use]
    pub fn with_tls(&self, certificate: &Path, key: &Path) -> Self {
        let (certificate, key) = (certificate.display(), key.display());
        let tls = format!("  tls:\n    certificate: {certificate}\n    key: {key}\n");
        Self::run(Place::new("registry"), self.modules.clone(), &tls, None)
    }

    /// Runs one with these modules; `more` is of its settings, those of HTTP first.
    fn run(place: Place, modules: PathBuf, more: &str, user: Option<(String, String)>) -> Self {
        let (folder, address) = (modules.display(), place.address());
        let settings = format!(
            "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {folder}\nhttp:\n  addr: {address}\n{more}"
        );
        place.write(SETTINGS, &settings);
        Self { server: place.run(&mut program(), PACKAGE), modules, user }
    }

    /// Ends it; what was pushed stays.
    pub fn end(&mut self) {
        self.server.kill();
    }

    /// Starts it again, at the same place.
    pub fn again(&mut self) {
        self.server.again(&mut program(), PACKAGE);
    }

    /// How often it was asked which digest a tag means.
    pub fn asked(&self) -> usize {
        let log = self.server.log();
        let is_question =
            |line: &&str| line.contains("http.request.method=HEAD") && line.contains("/manifests/");
        log.lines().filter(is_question).filter(|line| line.contains("response completed")).count()
    }

    /// Its address, `HOST:PORT`.
    pub fn address(&self) -> String {
        self.server.address().to_string()
    }

    /// How a module there is named.
    pub fn reference(&self, module: &str) -> String {
        format!("oci://{}/{module}", self.address())
    }

    /// Pushes a component, and has `NAME:TAG` mean it; returns the digest of its manifest.
    pub fn push(&self, module: &str, wasm: &[u8]) -> String {
        self.push_layers(module, &[Layer { kind: WASM, bytes: wasm, annotations: json!({}) }])
    }

    /// Pushes an artifact of these layers.
    pub fn push_layers(&self, module: &str, layers: &[Layer<'_>]) -> String {
        let (name, _) = module.split_once(':').expect("a name and a tag");
        let layers: Vec<_> = layers.iter().map(|layer| self.layer(name, layer)).collect();
        let config =
            Layer { kind: "application/vnd.wasm.config.v0+json", bytes: b"{}", annotations: json!({}) };
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": self.layer(name, &config), "layers": layers,
        });
        self.push_manifest(module, MANIFEST, &manifest)
    }

    /// Has `NAME:TAG` mean an index of what has these digests, each for its architecture.
    pub fn push_index(&self, module: &str, entries: &[(&str, &str)]) -> String {
        let entry = |(digest, architecture): &(&str, &str)| {
            let platform = json!({"architecture": architecture, "os": "wasip2"});
            json!({"mediaType": MANIFEST, "digest": digest, "size": 1, "platform": platform})
        };
        let entries: Vec<_> = entries.iter().map(entry).collect();
        self.push_manifest(
            module,
            INDEX,
            &json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}),
        )
    }

    /// Signs what has that digest, in the form of `cosign sign --key`: `sign` makes a signature, in Base64, of what it is given.
    pub fn sign(&self, name: &str, digest: &str, sign: impl Fn(&[u8]) -> String) {
        let critical = json!({
            "identity": {"docker-reference": format!("{}/{name}", self.address())},
            "image": {"docker-manifest-digest": digest},
            "type": "cosign container image signature",
        });
        let signed = json!({"critical": critical, "optional": null}).to_string();
        let annotations = json!({"dev.cosignproject.cosign/signature": sign(signed.as_bytes())});
        let layer = Layer { kind: SIGNED, bytes: signed.as_bytes(), annotations };
        self.push_layers(&format!("{name}:{}.sig", digest.replace(':', "-")), &[layer]);
    }

    /// Uploads a layer; returns what a manifest says of it.
    fn layer(&self, name: &str, layer: &Layer<'_>) -> Value {
        let Layer { kind, bytes, annotations } = layer;
        let begun = self.send("POST", &format!("/v2/{name}/blobs/uploads/"), "", b"");
        let place = begun.header("location").expect("a place for the upload");
        let place = place.split_once(&self.address()).map_or(place, |(_, path)| path);
        let digest = digest(bytes);
        let uri = format!("{place}&digest={digest}");
        let done = self.send("PUT", &uri, "application/octet-stream", bytes);
        assert_eq!(done.status, 201, "{}", done.text());
        json!({"mediaType": kind, "digest": digest, "size": bytes.len(), "annotations": annotations})
    }

    fn push_manifest(&self, module: &str, kind: &str, manifest: &Value) -> String {
        let (name, tag) = module.split_once(':').expect("a name and a tag");
        let bytes = manifest.to_string();
        let done = self.send("PUT", &format!("/v2/{name}/manifests/{tag}"), kind, bytes.as_bytes());
        assert_eq!(done.status, 201, "{}", done.text());
        digest(bytes.as_bytes())
    }

    fn send(&self, method: &str, uri: &str, kind: &str, body: &[u8]) -> Reply {
        let user = self.user.as_ref().map(|(user, password)| http::basic(user, password));
        let mut headers: Vec<_> = user.iter().map(|user| ("Authorization", user.as_str())).collect();
        headers.extend((!kind.is_empty()).then_some(("Content-Type", kind)));
        http::send(self.server.address(), method, uri, &headers, body)
    }
}

fn program() -> Command {
    let mut program = Command::new(PROGRAM);
    program.args(["serve", SETTINGS]);
    program
}

fn digest(bytes: &[u8]) -> String {
    let mut text = "sha256:".to_owned();
    Sha256::digest(bytes).iter().for_each(|byte| write!(text, "{byte:02x}").expect("a string"));
    text
}
