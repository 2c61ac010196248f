//! A machine in the middle that terminates the outer TLS with a certificate of its own, as a proxy
//! (or an attacker that a dialer's network trusts) may: it sees records, and can only end them.

use super::*;
use rcgen::generate_simple_self_signed;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, ServerConfig, SignatureScheme};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// Believes every certificate, as somebody who wants to get through does.
#[derive(Debug)]
struct Credulous(Arc<CryptoProvider>);

type Signed = Result<HandshakeSignatureValid, rustls::Error>;

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Signed {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Signed {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// What the middle read in clear, and from which byte of the dialer's on it changes one.
#[derive(Default)]
struct Middle {
    read: Mutex<Vec<u8>>,
    sent: AtomicUsize,
    /// Where the byte is flipped; 0 is nowhere.
    flip_at: AtomicUsize,
}

impl Middle {
    /// Listens with a certificate of its own and carries everything on to `hub`.
    async fn before(hub: SocketAddr) -> (Arc<Self>, PeerUrl) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap()).parse().unwrap();
        let middle = Arc::new(Self::default());
        let (accept, connect) = (acceptor(), connector());
        let carrying = Arc::clone(&middle);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (accept, connect, middle) =
                    (accept.clone(), connect.clone(), Arc::clone(&carrying));
                tokio::spawn(async move {
                    let near = accept.accept(near).await.unwrap();
                    let far = TcpStream::connect(hub).await.unwrap();
                    let name = ServerName::try_from("127.0.0.1").unwrap();
                    let far = connect.connect(name, far).await.unwrap();
                    let (near_read, near_write) = tokio::io::split(near);
                    let (far_read, far_write) = tokio::io::split(far);
                    let up = middle.carry(near_read, far_write, true);
                    let down = middle.carry(far_read, near_write, false);
                    tokio::select! { () = up => {}, () = down => {} }
                });
            }
        });
        (middle, url)
    }

    async fn carry(
        &self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
        upwards: bool,
    ) {
        let mut bytes = vec![0; 16 * 1024];
        while let Ok(count @ 1..) = from.read(&mut bytes).await {
            let part = &mut bytes[..count];
            self.read.lock().unwrap().extend_from_slice(part);
            if upwards {
                self.meddle(part);
            }
            if to.write_all(part).await.and(to.flush().await).is_err() {
                return;
            }
        }
    }

    fn meddle(&self, part: &mut [u8]) {
        let before = self.sent.fetch_add(part.len(), Ordering::SeqCst);
        let at = self.flip_at.load(Ordering::SeqCst);
        if at > 0 && before <= at && at < before + part.len() {
            // The last byte of what is sent together: inside a record, and not of a frame's header.
            *part.last_mut().unwrap() ^= 1;
        }
    }

    fn has_read(&self, text: &[u8]) -> bool {
        self.read.lock().unwrap().windows(text.len()).any(|seen| seen == text)
    }
}

fn acceptor() -> TlsAcceptor {
    let made = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

fn connector() -> TlsConnector {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Credulous(provider)))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsConnector::from(Arc::new(config))
}

struct Scene {
    hub: Instance,
    nas: Instance,
    middle: Arc<Middle>,
    url: PeerUrl,
    shutdown: Shutdown,
}

async fn scene() -> Scene {
    let (hub, nas) = (instance(2, "the-hub"), instance(1, "the-nas"));
    let shutdown = Shutdown::default();
    let certificates = tempfile::tempdir().unwrap();
    let tls = TlsServer::self_signed(certificates.path(), &["127.0.0.1".to_owned()]).unwrap();
    let address = hub.listen_with(Some(tls), &shutdown).await;
    let (middle, url) = Middle::before(address).await;
    Scene { hub, nas, middle, url, shutdown }
}

#[tokio::test]
async fn mitm_that_terminates_tls_reads_neither_names_nor_the_secret_nor_operations() {
    let Scene { hub, nas, middle, url, shutdown } = scene().await;
    nas.backs_up(3).await;
    let secret = PairingSecret::from_bytes([7; 32]);
    hub.trust.add_token(&token(&secret)).unwrap();
    let instance = hub.name.parse().unwrap();
    let presented = Token { listener: hub.key, instance, secret: secret.clone() };
    let none = Grants::none();
    let paired = nas
        .links
        .present(&url, &presented, (Purpose::Pair, &none), &mut Ladder::default())
        .await
        .unwrap();
    assert!(paired.is_done(), "{:?}", paired.ending);
    nas.knows(&hub, &["read-operations=*"]);
    let (links, key) = (Arc::clone(&nas.links), hub.key);
    let session = tokio::spawn(async move { links.dial(&url, key).await });
    hub.holds(nas.key, 3).await;
    assert!(middle.has_read(b"PRI * HTTP/2.0"), "it did read what is inside its TLS");
    for hidden in ["the-hub", "the-nas", "vault", secret.reveal().expose(), "succeeded"] {
        assert!(!middle.has_read(hidden.as_bytes()), "{hidden} was read in the middle");
    }
    for key in [hub.key, nas.key] {
        assert!(!middle.has_read(key.as_bytes()) && !middle.has_read(key.to_string().as_bytes()));
    }
    assert!(!middle.has_read(&[7; 32]), "the secret's bytes were read in the middle");
    hub.links.close(&nas.key, Code::Shutdown);
    session.await.unwrap().unwrap();
    shutdown.complete().await;
}

#[tokio::test]
async fn c1_mitm_that_changes_one_byte_of_a_running_session_ends_it_and_nothing_of_it_is_taken() {
    let Scene { hub, nas, middle, url, shutdown } = scene().await;
    hub.knows(&nas, &[]);
    nas.knows(&hub, &["read-operations=*"]);
    nas.backs_up(1).await;
    let (links, key) = (Arc::clone(&nas.links), hub.key);
    let session = tokio::spawn(async move { links.dial(&url, key).await });
    hub.holds(nas.key, 1).await;
    middle.flip_at.store(middle.sent.load(Ordering::SeqCst) + 1, Ordering::SeqCst);
    nas.backs_up(2).await;
    let ended = tokio::time::timeout(PATIENCE, session).await.unwrap().unwrap().unwrap();
    assert!(ended.stood);
    hub.holds(nas.key, 1).await;
    shutdown.complete().await;
}
