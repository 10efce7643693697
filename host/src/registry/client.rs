//! Asking a registry, within bounds.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use oci_client::{
    client::{ClientConfig, ClientProtocol},
    errors::OciDistributionError,
    manifest::{ImageIndexEntry, OciDescriptor},
    secrets::RegistryAuth,
};
use tokio::{
    io::AsyncWrite,
    runtime::{Builder, Runtime},
    time::timeout,
};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};

use super::{
    Reference, Settings,
    credentials::Credentials,
    error::Reason,
    store::{Record, Signature, Store},
};

/// How long a registry may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// How long it may send nothing.
const READ: Duration = Duration::from_secs(30);

/// How long all of a module may take: the largest over a line of 5 Mbit/s.
const TIME: Duration = Duration::from_mins(10);

/// Bytes of a module; interpreters with their libraries have some ten million.
const MAX_MODULE: u64 = 256 << 20;

/// Signatures of one module that are looked at.
const MAX_SIGNATURES: usize = 16;

/// Bytes of what is signed, which `cosign` writes in some hundred.
const MAX_SIGNED: u64 = 64 << 10;

/// The types of layers with WebAssembly: today's, and those of tools from before there was one.
const WASM: [&str; 3] = [
    "application/wasm",
    "application/vnd.wasm.content.layer.v1+wasm",
    "application/vnd.module.wasm.content.layer.v1+wasm",
];

/// The type of what `cosign` signs.
const SIGNED: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

/// Where its signature stands.
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";

/// How an index names modules among images for other machines.
const ARCHITECTURE: &str = "wasm";

/// A client that asks one question and waits for its answer.
pub(super) struct Client {
    inner: oci_client::Client,
    credentials: Credentials,
    runtime: Runtime,
}

impl Client {
    pub(super) fn new(settings: &Settings) -> Result<Self, Reason> {
        if CryptoProvider::get_default().is_none() {
            // It fails where another thread has just done the same.
            let _ = ring::default_provider().install_default();
        }
        // Without any, the library's client would panic.
        let authorities = rustls_native_certs::load_native_certs();
        if authorities.certs.is_empty() {
            let reasons: Vec<_> = authorities.errors.iter().map(ToString::to_string).collect();
            return Err(Reason::Certificates(reasons.join("; ")));
        }
        let config = ClientConfig {
            protocol: ClientProtocol::HttpsExcept(settings.plain_http.clone()),
            platform_resolver: Some(Box::new(module_among)),
            read_timeout: Some(READ),
            connect_timeout: Some(CONNECT),
            user_agent: concat!("fcgi-wasm-host/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        };
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Reason::from(OciDistributionError::from(error)))?;
        let credentials = Credentials::read(settings.credentials.as_deref())?;
        // Within the runtime, for what it leaves there.
        let inner = {
            let _inside = runtime.enter();
            oci_client::Client::try_from(config)?
        };
        Ok(Self { inner, credentials, runtime })
    }

    /// What a reference stands for.
    pub(super) fn digest(self, reference: &Reference) -> Result<String, Reason> {
        let auth = self.credentials.of(reference);
        self.wait(async |client| Ok(client.fetch_manifest_digest(reference.written(), &auth).await?))
    }

    /// The module that a reference stands for, out of the store or brought there, and what there is to know of it: with its
    /// signatures, where they are asked for.
    pub(super) fn fetch(
        self,
        reference: &Reference,
        signed: bool,
        store: &Store,
    ) -> Result<(Record, Vec<u8>), Reason> {
        let auth = self.credentials.of(reference);
        self.wait(async |client| {
            let written = reference.written();
            let (manifest, own, list) = client.pull_image_manifest_and_list_digest(written, &auth).await?;
            let digest = list.unwrap_or(own);
            let layer = module(&manifest.layers)?;
            let wasm = if let Ok(wasm) = store.module(&layer.digest) {
                wasm
            } else {
                let wasm = blob(client, written, layer, MAX_MODULE).await?;
                store.keep_module(&layer.digest, &wasm)?;
                wasm
            };
            let signatures =
                if signed { signatures(client, (reference, &digest), &auth).await? } else { Vec::new() };
            Ok((Record { digest, module: layer.digest.clone(), signatures }, wasm))
        })
    }

    /// Waits, in a runtime of its own, for nobody else.
    fn wait<T>(self, ask: impl AsyncFnOnce(&oci_client::Client) -> Result<T, Reason>) -> Result<T, Reason> {
        let Self { inner, credentials: _, runtime } = self;
        let done = runtime.block_on(async { timeout(TIME, ask(&inner)).await });
        // A name server that does not answer is not waited for.
        runtime.shutdown_background();
        done.map_err(|_| Reason::Time(TIME.as_secs()))?
    }
}

/// The module in an index.
fn module_among(entries: &[ImageIndexEntry]) -> Option<String> {
    let is_module = |entry: &&ImageIndexEntry| {
        entry.platform.as_ref().is_some_and(|platform| platform.architecture.to_string() == ARCHITECTURE)
    };
    entries.iter().find(is_module).map(|entry| entry.digest.clone())
}

/// The only layer with WebAssembly.
fn module(layers: &[OciDescriptor]) -> Result<&OciDescriptor, Reason> {
    let mut modules = layers.iter().filter(|layer| WASM.contains(&layer.media_type.as_str()));
    match (modules.next(), modules.next()) {
        (Some(module), None) => Ok(module),
        _ => Err(Reason::Layers(layers.iter().map(|layer| layer.media_type.clone()).collect())),
    }
}

async fn signatures(
    client: &oci_client::Client,
    (reference, digest): (&Reference, &str),
    auth: &RegistryAuth,
) -> Result<Vec<Signature>, Reason> {
    let place = reference.signatures(digest);
    let (manifest, _) =
        client.pull_image_manifest(&place, auth).await.map_err(|error| match Reason::from(error) {
            error if error.is_outage() => error,
            error => Reason::Signature(format!("it is not signed ({error}: {})", place.whole())),
        })?;
    let mut signatures = Vec::new();
    for layer in manifest.layers.iter().filter(|layer| layer.media_type == SIGNED).take(MAX_SIGNATURES) {
        let written = layer.annotations.as_ref().and_then(|all| all.get(SIGNATURE));
        if let Some(signature) = written {
            let signed = blob(client, &place, layer, MAX_SIGNED).await?;
            let signed = String::from_utf8_lossy(&signed).into_owned();
            signatures.push(Signature { signed, signature: signature.clone() });
        }
    }
    Ok(signatures)
}

/// The bytes of a layer, which have its digest.
async fn blob(
    client: &oci_client::Client,
    place: &oci_client::Reference,
    layer: &OciDescriptor,
    most: u64,
) -> Result<Vec<u8>, Reason> {
    let length = u64::try_from(layer.size).unwrap_or(u64::MAX);
    if length > most {
        return Err(Reason::Large(length, most));
    }
    let mut bytes = Bounded { bytes: Vec::new(), most: usize::try_from(length).unwrap_or(usize::MAX) };
    client.pull_blob(place, layer, &mut bytes).await?;
    Ok(bytes.bytes)
}

/// Takes so many bytes, and not one more.
struct Bounded {
    bytes: Vec<u8>,
    most: usize,
}

impl AsyncWrite for Bounded {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, more: &[u8]) -> Poll<io::Result<usize>> {
        if more.len() > self.most - self.bytes.len() {
            let told = format!("there are more than the {} bytes that the manifest says", self.most);
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, told)));
        }
        self.bytes.extend_from_slice(more);
        Poll::Ready(Ok(more.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers(types: &[&str]) -> Vec<OciDescriptor> {
        let layer = |one: &&str| OciDescriptor { media_type: (*one).to_owned(), ..OciDescriptor::default() };
        types.iter().map(layer).collect()
    }

    #[test]
    fn a_module_is_the_only_layer_of_its_kind() {
        let check = |types: &[&str], expected: Option<&str>| {
            let layers = layers(types);
            assert_eq!(module(&layers).ok().map(|layer| layer.media_type.as_str()), expected, "{types:?}");
        };
        check(&["application/wasm"], Some("application/wasm"));
        check(&["text/plain", WASM[1]], Some(WASM[1]));
        check(&["application/wasm", "application/wasm"], None);
        check(&["application/vnd.oci.image.layer.v1.tar+gzip"], None);
        check(&[], None);
    }

    #[test]
    fn no_more_is_taken_than_was_announced() {
        let mut bytes = Bounded { bytes: Vec::new(), most: 3 };
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut write = |more: &[u8]| match Pin::new(&mut bytes).poll_write(&mut context, more) {
            Poll::Ready(done) => done.ok(),
            Poll::Pending => None,
        };
        assert_eq!(write(b"ab"), Some(2));
        assert_eq!(write(b"cd"), None);
        assert_eq!(write(b"c"), Some(1));
        assert_eq!(write(b"d"), None);
    }
}
