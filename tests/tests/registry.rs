//! Modules that come from an OCI registry: by tag or by digest, signed or not, while it is there and while it is not.

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SigningKey};
use serde_json::json;
use tempfile::TempDir;
use tests::{
    Builder, Mark, TestHost, eventually, filled_in, guest,
    http::base64,
    paths,
    registry::{Layer, Registry, WASM},
};

fn component(name: &str) -> Vec<u8> {
    fs::read(paths::component(name)).expect("a component")
}

/// A host for a module there, which asks every second whether its tag has moved.
fn host(registry: &Registry, module: &str) -> Builder {
    let often = ["--registry-interval", "1s"];
    untold(registry, module).args(often).args(["--registry-plain-http", &registry.address()])
}

/// A host that is not told that the registry has no TLS.
fn untold(registry: &Registry, module: &str) -> Builder {
    TestHost::wiki().args(["--module", &registry.reference(module)])
}

fn is_hello(host: &TestHost) -> bool {
    host.get("/").text().starts_with("hello")
}

/// Somebody's key, and the file of its public half.
struct Signer(KeyPair, TempDir);

impl Signer {
    fn new() -> Self {
        let (key, folder) = (KeyPair::generate().expect("a key"), tempfile::tempdir().expect("a folder"));
        fs::write(folder.path().join("key.pub"), key.public_key_pem()).expect("a file");
        Self(key, folder)
    }

    fn file(&self) -> PathBuf {
        self.1.path().join("key.pub")
    }

    fn sign(&self, registry: &Registry, digest: &str) {
        registry.sign("wiki", digest, |text| base64(&self.0.sign(text).expect("a signature")));
    }
}

#[test]
fn a_module_is_pulled() {
    let registry = Registry::start();
    let digest = registry.push("some/wiki:1.0", &component(guest::HELLO));
    let host = host(&registry, "some/wiki:1.0").start();
    assert!(is_hello(&host));
    host.log_line(&digest);
}

#[test]
fn a_fleet_follows_a_tag_without_a_failed_request() {
    let registry = Registry::start();
    registry.push("wiki:stable", &component(guest::BEHAVIOURS));
    let fleet = [(); 2].map(|()| host(&registry, "wiki:stable").start());
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for host in &fleet {
            // Both of them answer any path with success.
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    assert_eq!(host.get("/visits").status(), 200);
                }
            });
        }
        let _done = Mark(&done);
        registry.push("wiki:stable", &component(guest::HELLO));
        for host in &fleet {
            eventually("the tag is followed", || is_hello(host));
        }
    });
    fleet[0].log_line(&format!("moved modules={:?}", registry.reference("wiki:stable")));
}

#[test]
fn a_digest_pins_a_module() {
    let registry = Registry::start();
    let digest = registry.push("wiki:1", &component(guest::HELLO));
    let module = format!("wiki@{digest}");
    let host = host(&registry, &module).start();
    registry.push("wiki:1", &component(guest::BEHAVIOURS));
    host.ok(&["reload"]);
    assert!(is_hello(&host));
}

#[test]
fn what_is_pinned_needs_no_registry_again() {
    let mut registry = Registry::start();
    let module = format!("wiki@{}", registry.push("wiki:1", &component(guest::HELLO)));
    let cache = tempfile::tempdir().expect("a folder");
    host(&registry, &module).cache(cache.path()).start().terminate();
    registry.end();
    let host = host(&registry, &module).cache(cache.path()).start();
    assert!(is_hello(&host) && !host.log().contains("away"));
}

#[test]
fn a_host_starts_while_its_registry_is_away_and_follows_it_later() {
    let mut registry = Registry::start();
    registry.push("wiki:1", &component(guest::BEHAVIOURS));
    let cache = tempfile::tempdir().expect("a folder");
    host(&registry, "wiki:1").cache(cache.path()).start().terminate();
    registry.end();
    let host = host(&registry, "wiki:1").cache(cache.path()).start();
    host.log_line("the registry is away: serving what was pulled before");
    assert_eq!(host.get("/visits").text(), "1\n");
    assert!(host.fails(&["reload"]).contains("what served before serves on"));
    registry.again();
    registry.push("wiki:1", &component(guest::HELLO));
    eventually("the tag is followed", || is_hello(&host));
}

#[test]
fn without_its_registry_nothing_begins() {
    let mut registry = Registry::start();
    registry.end();
    let log = host(&registry, "wiki:1").refused().log;
    let told = format!("module {}: the registry cannot be asked", registry.reference("wiki:1"));
    assert!(log.contains(&told) && log.contains("refused"), "{log}");
}

#[test]
fn what_is_taken_back_stays() {
    let registry = Registry::start();
    registry.push("wiki:1", &component(guest::HELLO));
    let host = host(&registry, "wiki:1").start();
    registry.push("wiki:1", &component(guest::BEHAVIOURS));
    eventually("the tag is followed", || !is_hello(&host));
    host.ok(&["rollback"]);
    assert!(is_hello(&host));
    let before = registry.asked();
    eventually("the registry is asked again", || registry.asked() > before + 1);
    assert!(is_hello(&host) && host.log().matches("moved").count() == 1);
}

#[test]
fn only_signed_modules_are_served_where_keys_are_named() {
    let (registry, ours, others) = (Registry::start(), Signer::new(), Signer::new());
    let digest = registry.push("wiki:1", &component(guest::HELLO));
    let start = || host(&registry, "wiki:1").arg("--registry-key").arg(ours.file());
    assert!(start().refused().log.contains("it is not signed"));
    others.sign(&registry, &digest);
    assert!(start().refused().log.contains("none of its 1 signatures is by one of the keys"));
    ours.sign(&registry, &digest);
    let host = start().start();
    assert!(is_hello(&host));
    // The tag moves to what nobody has signed.
    registry.push("wiki:1", &component(guest::BEHAVIOURS));
    assert!(host.fails(&["reload"]).contains("it is not signed"));
    assert!(is_hello(&host));
}

#[test]
fn a_signature_is_about_one_module_alone() {
    let (registry, ours) = (Registry::start(), Signer::new());
    let (one, other) = (component(guest::HELLO), component(guest::BEHAVIOURS));
    let (good, bad) = (registry.push("wiki:good", &one), registry.push("wiki:bad", &other));
    ours.sign(&registry, &good);
    // The signature of the one in the place of that of the other.
    let signed = |text: &[u8]| {
        let text = String::from_utf8_lossy(text).replace(&bad, &good);
        base64(&ours.0.sign(text.as_bytes()).expect("a signature"))
    };
    registry.sign("wiki", &bad, signed);
    let log = host(&registry, "wiki:bad").arg("--registry-key").arg(ours.file()).refused().log;
    assert!(log.contains("none of its 1 signatures"), "{log}");
}

#[test]
fn registries_ask_for_passwords() {
    let registry = Registry::for_user("fleet", "se:cret");
    registry.push("wiki:1", &component(guest::HELLO));
    assert!(host(&registry, "wiki:1").refused().log.contains("refuses to deliver it to this user"));
    let start = |password: &str| {
        let host = host(&registry, "wiki:1");
        let auth = base64(format!("fleet:{password}").as_bytes());
        let file = host.folder().join("config.json");
        fs::write(&file, json!({"auths": {registry.address(): {"auth": auth}}}).to_string()).expect("a file");
        host.arg("--registry-credentials").arg(file)
    };
    assert!(start("wrong").refused().log.contains("registry.credentials"));
    assert!(is_hello(&start("se:cret").start()));
}

#[test]
fn registries_speak_tls() {
    let (plain, folder) = (Registry::start(), tempfile::tempdir().expect("a folder"));
    plain.push("wiki:1", &component(guest::HELLO));
    let write = |name: &str, text: String| {
        let file = folder.path().join(name);
        fs::write(&file, text).expect("a file");
        file
    };
    let mut params = CertificateParams::new(Vec::new()).expect("names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority =
        CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("a name");
    let certificate = write("cert.pem", params.signed_by(&key, &authority).expect("a certificate").pem());
    let registry = plain.with_tls(&certificate, &write("key.pem", key.serialize_pem()));
    let authorities = write("authorities.pem", authority.pem());
    let believing =
        |file: &str| untold(&registry, "wiki:1").env("SSL_CERT_FILE", file).env("SSL_CERT_DIR", "");
    assert!(is_hello(&believing(&authorities.display().to_string()).start()));
    let other = write("other.pem", {
        let mut params = CertificateParams::new(Vec::new()).expect("names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("an authority").pem()
    });
    let log = believing(&other.display().to_string()).refused().log;
    assert!(log.contains("certificate"), "{log}");
    assert!(untold(&plain, "wiki:1").refused().log.contains("registry.plain-http"));
}

#[test]
fn what_is_no_module_is_refused() {
    let registry = Registry::start();
    let layer = |kind| Layer { kind, bytes: b"bytes", annotations: json!({}) };
    registry.push_layers("image:1", &[layer("application/vnd.oci.image.layer.v1.tar")]);
    registry.push_layers("two:1", &[layer(WASM), layer(WASM)]);
    registry.push_layers("none:1", &[layer(WASM)]);
    for (module, told) in [
        ("image:1", "one of application/wasm is needed"),
        ("two:1", "one of application/wasm is needed"),
        ("none:1", "not a webassembly component"),
        ("nowhere:1", "the registry has no such module"),
        ("image:2", "the registry has no such module"),
    ] {
        let log = host(&registry, module).refused().log;
        assert!(log.contains(told), "{module}: {log}");
    }
}

#[test]
fn an_index_has_a_module_among_images() {
    let registry = Registry::start();
    let module = registry.push("wiki:module", &component(guest::HELLO));
    let other = registry.push("wiki:image", &component(guest::BEHAVIOURS));
    registry.push_index("wiki:1", &[(&other, "amd64"), (&module, "wasm")]);
    let host = host(&registry, "wiki:1").start();
    assert!(is_hello(&host));
    registry.push_index("wiki:1", &[(&other, "wasm")]);
    eventually("the tag is followed", || !is_hello(&host));
}

#[test]
fn a_registry_that_is_new_since_the_start_takes_a_restart() {
    let registry = Registry::start();
    registry.push("wiki:1", &component(guest::HELLO));
    let settings = |module: &str| {
        format!(
            "cache-dir = '$CACHE'\nreload-on-change = false\n[registry]\nplain-http = ['{}']\n[[listen]]\n\
             address = '$SOCKET'\n[[site]]\nname = 'a'\nmodule = '{module}'\n",
            registry.address()
        )
    };
    let host = TestHost::settings(&settings("$GUESTS/behaviours.wasm")).start();
    let text = filled_in(&settings(&registry.reference("wiki:1")), host.socket(), host.folder());
    fs::write(host.folder().join("settings.toml"), text).expect("the settings' place");
    let told = host.fails(&["reload"]);
    assert!(told.contains("restart"), "{told}");
    assert_eq!(host.get("/visits").text(), "1\n");
}

#[test]
fn settings_name_registries() {
    let registry = Registry::start();
    registry.push("wiki:1", &component(guest::HELLO));
    let (address, module) = (registry.address(), registry.reference("wiki:1"));
    let settings = |plain: &str| {
        format!(
            "cache-dir = '$CACHE'\n[registry]\nplain-http = ['{plain}']\n[[listen]]\naddress = '$SOCKET'\n\
             [[site]]\nname = 'a'\nmodule = '{module}'\n"
        )
    };
    assert!(is_hello(&TestHost::settings(&settings(&address)).start()));
    let log = TestHost::settings(&settings("http://x")).refused().log;
    assert!(log.contains("settings.toml:3: `plain-http") && log.contains("write HOST or HOST:PORT"), "{log}");
}
