//! Requests of handlers to servers over TLS: whose word is believed, and what becomes of servers that have none.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::Arc,
    thread,
};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use tempfile::TempDir;
use tests::{Builder, Request, Response, TestHost};
use tokio_rustls::rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

/// Somebody who vouches for servers.
type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).expect("names");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate")
}

/// The years of a certificate.
type Years = (i32, i32);

const NOW: Years = (2000, 3000);

fn certificate(issuer: &Authority, name: &str, (from, to): Years) -> (Certificate, KeyPair) {
    let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
    (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
    let key = KeyPair::generate().expect("a key");
    (params.signed_by(&key, issuer).expect("a certificate"), key)
}

/// What each connection of a server is answered with, for as long as the test runs.
fn server(answer: impl Fn(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    thread::spawn(move || listener.incoming().flatten().for_each(answer));
    address
}

/// A server that answers every request with 204.
fn secure((certificate, key): (Certificate, KeyPair)) -> SocketAddr {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![certificate.der().clone()], key).expect("a certificate");
    let config = Arc::new(config);
    server(move |stream| {
        let connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
        let mut stream = StreamOwned::new(connection, stream);
        // Who does not believe the certificate sends no request.
        if stream.read(&mut [0; 1024]).is_ok_and(|length| length > 0) {
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n");
        }
    })
}

/// A host that believes this authority alone, with a route that may ask a server under this name.
struct Scene {
    host: TestHost,
    asked: String,
    _folder: TempDir,
}

/// A host that takes its authorities from that file alone.
fn believing(settings: &str, authorities: &Path) -> Builder {
    let authorities = authorities.display().to_string();
    TestHost::settings(settings).env("SSL_CERT_FILE", &authorities).env("SSL_CERT_DIR", "")
}

impl Scene {
    fn new(believed: &str, name: &str, server: SocketAddr) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("authorities.pem");
        fs::write(&file, believed).expect("a file");
        let to = format!("{name}:{}", server.port());
        let settings = format!(
            "cache-dir = \"$CACHE\"\n[[listen]]\naddress = \"$SOCKET\"\n\
             [[site]]\nname = \"a\"\nmodule = \"$GUESTS/network.wasm\"\noutbound = [\"https://{to}\"]\n\
             outbound-private = true\nlimits = {{ deadline = \"1s\" }}\n\
             [[site]]\nname = \"b\"\nhosts = [\"b.example\"]\nmodule = \"$GUESTS/behaviours.wasm\"\n"
        );
        let host = believing(&settings, &file).start();
        Self { host, asked: format!("/https?to={to}"), _folder: folder }
    }

    fn ask(&self) -> Response {
        self.host.get(&self.asked)
    }

    /// Asks, and expects a refusal with that in the log.
    fn is_refused(&self, code: &str, told: &str) {
        let response = self.ask();
        assert!(response.status() == 502 && response.text().contains(code), "{}", response.text());
        let line = self.host.log_line("request of a handler failed");
        assert!(line.contains(told) && line.contains("target=https://"), "{line}");
    }
}

#[test]
fn a_server_that_an_authority_vouches_for_answers() {
    let authority = authority("Believed");
    for name in ["localhost", "127.0.0.1"] {
        let server = secure(certificate(&authority, name, NOW));
        assert_eq!(Scene::new(&authority.pem(), name, server).ask().text(), "204");
    }
}

#[test]
fn a_server_that_nobody_vouches_for_is_not_asked() {
    let (believed, other) = (authority("Believed"), authority("Other"));
    let check = |issuer: &Authority, name: &str, years: Years, told: &str| {
        let server = secure(certificate(issuer, name, years));
        Scene::new(&believed.pem(), "localhost", server).is_refused("TlsCertificateError", told);
    };
    check(&other, "localhost", NOW, "UnknownIssuer");
    check(&believed, "other.example", NOW, "not valid for name");
    check(&believed, "127.0.0.1", NOW, "not valid for name");
    check(&believed, "localhost", (2000, 2001), "certificate expired");
    check(&believed, "localhost", (2999, 3000), "certificate not valid yet");
}

#[test]
fn a_server_that_speaks_no_tls_is_not_asked() {
    let plain = |mut stream: TcpStream| drop(stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n"));
    let silent = |stream: TcpStream| drop(stream);
    for server in [server(plain), server(silent)] {
        let scene = Scene::new(&authority("Believed").pem(), "localhost", server);
        scene.is_refused("TlsProtocolError", "no TLS with the server");
    }
}

#[test]
fn a_server_that_stalls_in_the_handshake_ends_with_the_request() {
    let stalled = TcpListener::bind("127.0.0.1:0").expect("a port");
    let scene =
        Scene::new(&authority("Believed").pem(), "localhost", stalled.local_addr().expect("its address"));
    // Nothing, and the beginning of a record that never ends.
    for beginning in [&b""[..], &[22, 3, 3, 1, 0, 2]] {
        let running = scene.host.begin(scene.asked.as_str());
        let (mut stream, _) = stalled.accept().expect("a connection");
        stream.write_all(beginning).expect("a host that reads");
        let other = scene.host.send(Request::get("/visits").variable("HTTP_HOST", "b.example"));
        assert_eq!(other.text(), "1\n");
        assert_eq!(running.finish().status(), 504);
        let mut sent = Vec::new();
        stream.read_to_end(&mut sent).expect("its end");
        assert_eq!(sent[..2], [22, 3], "no greeting");
    }
    scene.host.log_lines("did not finish within its deadline of 1s", 2);
}

#[test]
fn a_host_that_believes_nobody_does_not_start() {
    let settings = "cache-dir = \"$CACHE\"\n[[listen]]\naddress = \"$SOCKET\"\n[[site]]\nname = \"a\"\n\
                    module = \"$GUESTS/network.wasm\"\noutbound = [\"https://a.example\"]\n";
    let nobody = tempfile::NamedTempFile::new().expect("a file");
    let log = believing(settings, nobody.path()).refused().log;
    assert!(log.contains("no certificates of authorities for https"), "{log}");
}
