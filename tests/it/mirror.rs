//! A mirror of packages on loopback, over HTTPS: an npm registry, a Python index, a cargo registry and a git repository.
//! All are files; only the certificate authority is made up for the test.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use axum::Router;
use axum::extract::Path as Captured;
use axum::response::Redirect;
use axum::routing::get;
use axum::serve::Listener;
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use serde_json::json;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower_http::services::ServeDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// The names the mirror has a certificate for.
pub(crate) const NAMES: &str = "*.test.example";

/// What every package of it is called.
pub(crate) const PACKAGE: &str = "inn-hello";

/// A running mirror.
pub(crate) struct Mirror {
    /// Its port on loopback.
    pub(crate) port: u16,
    /// Its certificate authority.
    pub(crate) authority: String,
    files: TempDir,
}

/// A listener that answers once TLS is agreed on.
struct Secured {
    accepted: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    address: SocketAddr,
}

impl Mirror {
    /// A mirror with one package of each kind.
    pub(crate) async fn start() -> Self {
        let (authority, acceptor) = certificates();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mirror = Self { port: address.port(), authority, files: tempfile::tempdir().unwrap() };
        mirror.npm();
        mirror.python();
        mirror.cargo();
        mirror.git();
        let (sender, accepted) = mpsc::channel(64);
        let app = Router::new()
            .route("/redirect/{*to}", get(|Captured(to): Captured<String>| async move { Redirect::to(&to) }))
            .fallback_service(ServeDir::new(mirror.files.path()));
        #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
        {
            tokio::spawn(secure(listener, acceptor, sender));
            tokio::spawn(async move { axum::serve(Secured { accepted, address }, app).await });
        }
        mirror
    }

    /// The address of one of its names.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("https://{name}.test.example:{}", self.port)
    }

    /// One of its names, with the port.
    pub(crate) fn host(&self, name: &str) -> String {
        format!("{name}.test.example:{}", self.port)
    }

    fn write(&self, path: &str, contents: impl AsRef<[u8]>) {
        let path = self.files.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, contents).unwrap();
    }

    fn npm(&self) {
        let manifest = json!({"name": PACKAGE, "version": "1.0.0", "main": "index.js"});
        let files = [("package.json", manifest.to_string()), ("index.js", "module.exports = 'hello npm'\n".to_owned())];
        let tarball = tarball("package", &files);
        self.write("npm/tarballs/inn-hello-1.0.0.tgz", tarball);
        let tarball = format!("{}/npm/tarballs/inn-hello-1.0.0.tgz", self.url("npm"));
        let version = json!({"name": PACKAGE, "version": "1.0.0", "dist": {"tarball": tarball}});
        let package = json!({"name": PACKAGE, "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}});
        self.write("npm/inn-hello", package.to_string());
    }

    fn python(&self) {
        let wheel = "inn_hello-1.0.0-py3-none-any.whl";
        let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, contents) in [
            ("inn_hello.py", "WORDS = 'hello pip'\n"),
            ("inn_hello-1.0.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: inn-hello\nVersion: 1.0.0\n"),
            (
                "inn_hello-1.0.0.dist-info/WHEEL",
                "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            ),
            (
                "inn_hello-1.0.0.dist-info/RECORD",
                "inn_hello.py,,\ninn_hello-1.0.0.dist-info/METADATA,,\ninn_hello-1.0.0.dist-info/WHEEL,,\n\
                 inn_hello-1.0.0.dist-info/RECORD,,\n",
            ),
        ] {
            let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
            zip.start_file(name, stored).unwrap();
            zip.write_all(contents.as_bytes()).unwrap();
        }
        self.write(&format!("python/wheels/{wheel}"), zip.finish().unwrap().into_inner());
        let page = format!("<!DOCTYPE html><html><body><a href=\"/python/wheels/{wheel}\">{wheel}</a></body></html>");
        self.write("python/simple/inn-hello/index.html", page);
    }

    fn cargo(&self) {
        let manifest = "[package]\nname = \"inn-hello\"\nversion = \"1.0.0\"\nedition = \"2021\"\n".to_owned();
        let files = [("Cargo.toml", manifest), ("src/lib.rs", "//! Hello cargo.\n".to_owned())];
        let package = tarball("inn-hello-1.0.0", &files);
        let mut sum = String::new();
        for byte in digest(&SHA256, &package).as_ref() {
            write!(sum, "{byte:02x}").unwrap();
        }
        self.write("cargo/crates/inn-hello-1.0.0.crate", package);
        let download = format!("{}/cargo/crates/{{crate}}-{{version}}.crate", self.url("crates"));
        self.write("cargo/index/config.json", json!({"dl": download}).to_string());
        let entry =
            json!({"name": PACKAGE, "vers": "1.0.0", "deps": [], "cksum": sum, "features": {}, "yanked": false});
        self.write("cargo/index/in/n-/inn-hello", format!("{entry}\n"));
    }

    fn git(&self) {
        let (root, scratch) = (self.files.path(), tempfile::tempdir().unwrap());
        let work = scratch.path();
        std::fs::write(work.join("README"), "hello git\n").unwrap();
        let who = ["-c", "user.name=Tests", "-c", "user.email=tests@test.example"];
        let repository = root.join("hello.git");
        for arguments in
            [&["init", "--quiet"][..], &["add", "README"], &["commit", "--quiet", "--message", "Say hello"]]
        {
            run(Command::new("git").args(who).args(arguments).current_dir(work));
        }
        run(Command::new("git").args(["clone", "--quiet", "--bare"]).arg(work).arg(&repository));
        run(Command::new("git").arg("update-server-info").current_dir(&repository));
    }
}

/// A compressed archive with `files` in the directory `top`.
fn tarball(top: &str, files: &[(&str, String)]) -> Vec<u8> {
    let scratch = tempfile::tempdir().unwrap();
    for (name, contents) in files {
        let path = scratch.path().join(top).join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, contents).unwrap();
    }
    let archive = scratch.path().join("archive.tgz");
    run(Command::new("tar").arg("-C").arg(scratch.path()).arg("-czf").arg(&archive).arg(top));
    std::fs::read(archive).unwrap()
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A certificate authority, as PEM, and what a server with a certificate of it accepts connections with.
fn certificates() -> (String, TlsAcceptor) {
    let mut authority = CertificateParams::new([]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority.distinguished_name = named("The tests' authority");
    let authority_key = KeyPair::generate().unwrap();
    let pem = authority.self_signed(&authority_key).unwrap().pem();
    let mut server = CertificateParams::new([NAMES.to_owned()]).unwrap();
    server.distinguished_name = named("The tests' mirror");
    server.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate().unwrap();
    let certificate = server.signed_by(&key, &Issuer::new(authority, authority_key)).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap();
    (pem, TlsAcceptor::from(Arc::new(config)))
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

/// Agrees on TLS with whoever connects, each by itself, so that one that says nothing holds up nobody.
async fn secure(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    accepted: mpsc::Sender<(TlsStream<TcpStream>, SocketAddr)>,
) -> std::io::Result<Infallible> {
    loop {
        let (stream, peer) = listener.accept().await?;
        let (acceptor, accepted) = (acceptor.clone(), accepted.clone());
        #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
        tokio::spawn(async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                let _ = accepted.send((stream, peer)).await;
            }
        });
    }
}

impl Listener for Secured {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.accepted.recv().await {
            Some(accepted) => accepted,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        Ok(self.address)
    }
}

/// Puts this machine's cargo and rustc at `at`, as links where that is possible, because the sandbox image has none.
pub(crate) fn place_cargo(at: &Path) {
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output().unwrap().stdout;
    let sysroot = Path::new(std::str::from_utf8(&sysroot).unwrap().trim()).to_owned();
    let libraries = std::fs::read_dir(sysroot.join("lib")).unwrap().map(|entry| entry.unwrap().file_name());
    let libraries =
        libraries.filter(|name| name.to_string_lossy().contains(".so")).map(|name| Path::new("lib").join(name));
    for file in ["bin/cargo", "bin/rustc"].into_iter().map(Into::into).chain(libraries) {
        let (from, to) = (sysroot.join(&file), at.join(&file));
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        if std::fs::hard_link(&from, &to).is_err() {
            std::fs::copy(from, to).unwrap();
        }
    }
}
