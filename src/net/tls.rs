//! The outer TLS: the listener's certificate, and a dialer that takes any and notes what it saw.
//!
//! It hides traffic from onlookers. It does not authenticate: the channel does.

use super::link::{Certificate, TlsSeen};
use crate::config::Tls;
use arc_swap::ArcSwap;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, CommonState, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme,
};
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use thiserror::Error;

/// Why there is no TLS.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file of the configuration.
    #[error("cannot read {path}: {source}. Set tls.cert and tls.key to readable PEM files")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rustls::pki_types::pem::Error,
    },
    /// The self-signed certificate could not be kept.
    #[error("cannot keep the self-signed certificate in {path}: {source}")]
    Keep {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The self-signed certificate could not be made.
    #[error("cannot make a self-signed certificate for {name:?}: {source}")]
    SelfSigned {
        /// The names it was to carry.
        name: Vec<String>,
        /// Why.
        source: rcgen::Error,
    },
    /// Certificate and key do not go together, or the like.
    #[error("certificate and key cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
}

fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(aws_lc_rs::default_provider())))
}

/// The listener's side. Clones share one certificate, replaced when it is renewed.
#[derive(Clone)]
pub struct TlsServer {
    config: Arc<ArcSwap<ServerConfig>>,
}

impl std::fmt::Debug for TlsServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsServer")
    }
}

impl TlsServer {
    /// As the configuration says; `names` and `dir` are for a self-signed certificate.
    pub fn configured(tls: &Tls, names: &[String], dir: &Path) -> Result<Option<Self>, TlsError> {
        match tls {
            Tls::Off => Ok(None),
            Tls::SelfSigned => Self::self_signed(dir, names).map(Some),
            Tls::Files { cert, key } => Self::from_files(cert, key).map(Some),
        }
    }

    /// With the certificate chain and key of two PEM files.
    pub fn from_files(cert: &Path, key: &Path) -> Result<Self, TlsError> {
        let file = |path: &Path, source| TlsError::File { path: path.to_owned(), source };
        let chain = CertificateDer::pem_file_iter(cert)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|source| file(cert, source))?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(|source| file(key, source))?;
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.max_early_data_size = 0;
        Ok(Self { config: Arc::new(ArcSwap::from_pointee(config)) })
    }

    /// With a self-signed certificate for `names`, made once and kept in `dir`.
    pub fn self_signed(dir: &Path, names: &[String]) -> Result<Self, TlsError> {
        let (cert, key) = (dir.join("tls.cert.pem"), dir.join("tls.key.pem"));
        if !(cert.exists() && key.exists()) {
            keep_self_signed(&cert, &key, names)?;
        }
        Self::from_files(&cert, &key)
    }

    /// From the next handshake on, shows what `renewed` shows.
    pub fn replace(&self, renewed: &Self) {
        self.config.store(renewed.config());
    }

    pub(super) fn config(&self) -> Arc<ServerConfig> {
        self.config.load_full()
    }
}

fn keep_self_signed(cert: &Path, key: &Path, names: &[String]) -> Result<(), TlsError> {
    let made = rcgen::generate_simple_self_signed(names)
        .map_err(|source| TlsError::SelfSigned { name: names.to_vec(), source })?;
    keep(key, &made.signing_key.serialize_pem())?;
    keep(cert, &made.cert.pem())
}

fn keep(path: &Path, pem: &str) -> Result<(), TlsError> {
    let write = || {
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.write_all(pem.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|source| TlsError::Keep { path: path.to_owned(), source })
}

/// What both ends can say of a finished handshake.
pub(super) fn seen(state: &CommonState, certificate: Certificate) -> TlsSeen {
    let version = state.protocol_version().and_then(|version| version.as_str());
    let group = state.negotiated_key_exchange_group().map(|group| format!("{:?}", group.name()));
    TlsSeen::Tls {
        version: version.unwrap_or("unknown").replace('_', "."),
        group: group.unwrap_or_else(|| "unknown".to_owned()),
        certificate,
    }
}

/// The dialer's side for one connection: its configuration, and where the verdict on the
/// certificate will be.
pub(super) fn client() -> Result<(ClientConfig, Arc<OnceLock<Certificate>>), TlsError> {
    let verdict = Arc::new(OnceLock::new());
    let noting = Noting { roots: machine_roots(), verdict: Arc::clone(&verdict) };
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(noting))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    // A resumed session shows no certificate, and there would be nothing to note.
    config.resumption = rustls::client::Resumption::disabled();
    Ok((config, verdict))
}

/// The machine's own roots, read once; `None` where it has none.
fn machine_roots() -> Option<Arc<WebPkiServerVerifier>> {
    static ROOTS: OnceLock<Option<Arc<WebPkiServerVerifier>>> = OnceLock::new();
    ROOTS
        .get_or_init(|| {
            let mut store = RootCertStore::empty();
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider()).build().ok()
        })
        .clone()
}

/// Takes every certificate and notes whether this machine's roots vouch for it.
#[derive(Debug)]
struct Noting {
    roots: Option<Arc<WebPkiServerVerifier>>,
    verdict: Arc<OnceLock<Certificate>>,
}

impl ServerCertVerifier for Noting {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verdict = match &self.roots {
            None => Certificate::Untrusted("this machine has no root certificates".to_owned()),
            Some(roots) => {
                match roots.verify_server_cert(end_entity, intermediates, name, ocsp, now) {
                    Ok(_) => Certificate::Trusted,
                    Err(error) => Certificate::Untrusted(error.to_string()),
                }
            }
        };
        // Called once per handshake: the slot is empty.
        let _ = self.verdict.set(verdict);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = provider().signature_verification_algorithms;
        verify_tls12_signature(message, cert, signature, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = provider().signature_verification_algorithms;
        verify_tls13_signature(message, cert, signature, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_self_signed_certificate_is_made_once_and_its_key_is_private() {
        let dir = tempfile::tempdir().unwrap();
        TlsServer::self_signed(dir.path(), &["hub.example".to_owned()]).unwrap();
        let first = fs::read(dir.path().join("tls.cert.pem")).unwrap();
        TlsServer::self_signed(dir.path(), &["hub.example".to_owned()]).unwrap();
        assert_eq!(fs::read(dir.path().join("tls.cert.pem")).unwrap(), first);
        let mode = fs::metadata(dir.path().join("tls.key.pem")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_missing_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("absent.pem");
        let error = TlsServer::from_files(&missing, &missing).unwrap_err().to_string();
        assert!(error.contains("absent.pem"), "{error}");
    }
}
