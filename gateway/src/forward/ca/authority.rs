//! [`CertificateAuthority`]: signs a certificate for every host that is asked for.
//!
//! 1. A file has a private key and a certificate in PEM, in any order, as wsgiprox, OpenSSL and mitmproxy write it.
//!    What else is in it is not read.
//! 2. It is refused if the two do not belong together, if the certificate is no authority's, or if it is not valid
//!    now: every handshake would fail, and only then.
//! 3. The private key is in no `Debug`, no error and no answer. Whoever has it can pose as every host to whoever trusts
//!    the certificate.

use std::{
    fmt::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::digest::{SHA256, digest};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};

use super::{
    certificate::{self, BACKDATED, DAY, Issuer, Validity, key_identifier},
    file::{self, Exposure},
    key::{IssuerKey, LeafKey, generate},
    pkcs12,
    read::read,
};
use crate::{
    common::{
        error::ConfigError,
        failure::{Failure, FailureKind},
    },
    forward::host::Host,
};

/// How long a new authority is valid: ten years, as mitmproxy's. Nobody likes to trust a new one.
const LIFE: u64 = 3650;
/// The name of a new authority.
const NAME: &str = "proxyfix forward proxy CA";

/// A certificate authority of the forward proxy. A clone is the same one.
///
/// **Whoever has its file can pose as every website** to each client that trusts it. Keep the file where only the
/// server can read it, and trust the certificate only in clients that use the proxy.
///
/// ```
/// use proxyfix_gateway::CertificateAuthority;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("ca/proxyfix-ca.pem");
/// // Made if it is not there, readable by this user alone.
/// let authority = CertificateAuthority::open(&path)?;
/// assert!(authority.certificate_pem().starts_with("-----BEGIN CERTIFICATE-----"));
///
/// // The same one at the next start.
/// let again = CertificateAuthority::open(&path)?;
/// assert_eq!(authority.fingerprint(), again.fingerprint());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct CertificateAuthority {
    inner: Arc<Inner>,
}

struct Inner {
    key: IssuerKey,
    leaf_key: LeafKey,
    certificate: CertificateDer<'static>,
    pem: String,
    pkcs12: Vec<u8>,
    subject: Vec<u8>,
    key_identifier: Vec<u8>,
    validity: Validity,
    path: Option<PathBuf>,
    exposure: Option<Exposure>,
}

/// What a new authority is called, and how long it is valid.
///
/// ```
/// use proxyfix_gateway::AuthorityOptions;
///
/// let authority = AuthorityOptions::new().name("Tests of example.com").days(30).in_memory()?;
/// # Ok::<(), proxyfix_gateway::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct AuthorityOptions {
    name: String,
    days: u64,
}

impl Default for AuthorityOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl AuthorityOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self { name: NAME.to_owned(), days: LIFE }
    }

    /// The common name of a new authority, 64 characters at most. Default: `proxyfix forward proxy CA`.
    pub fn name(self, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..self }
    }

    /// How many days a new authority is valid. Default: 3650.
    pub fn days(self, days: u64) -> Self {
        Self { days, ..self }
    }

    /// Reads the authority of a file. If there is no file, makes a new authority and writes the file, readable by this user
    /// alone. If many processes do so at once, all get the same one.
    ///
    /// # Errors
    /// [`ConfigError::Authority`] if the file cannot be read or written, or has no valid authority.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<CertificateAuthority, ConfigError> {
        let path = path.as_ref();
        let refused = |reason: String| ConfigError::authority(Some(path), reason);
        let file = file::read_or_create(path, || self.generate()).map_err(refused)?;
        let mut inner = Inner::load(&file.text).map_err(|reason| refused(reason.to_owned()))?;
        inner.exposure = file.exposure;
        inner.path = Some(path.to_owned());
        #[cfg(feature = "tracing")]
        if let Some(exposure) = &file.exposure {
            tracing::warn!(path = %path.display(), "{exposure}: who reads it can pose as every website");
        }
        Ok(CertificateAuthority { inner: Arc::new(inner) })
    }

    /// A new authority that is in no file. Each start has another one.
    ///
    /// # Errors
    /// [`ConfigError::Authority`] for a name or a number of days that no certificate may have.
    pub fn in_memory(&self) -> Result<CertificateAuthority, ConfigError> {
        CertificateAuthority::from_pem(&self.new_pem()?)
    }

    /// The text of a new file, for those who keep it somewhere else than in a file. **It has the private key.** Read
    /// it back with [`CertificateAuthority::from_pem`].
    ///
    /// # Errors
    /// [`ConfigError::Authority`] for a name or a number of days that no certificate may have.
    pub fn new_pem(&self) -> Result<String, ConfigError> {
        self.generate().map_err(|reason| ConfigError::authority(None, reason))
    }

    fn generate(&self) -> Result<String, String> {
        const NO_RANDOM: &str = "the system has no random numbers";
        let length = self.name.chars().count();
        if !(1..=64).contains(&length) || self.name.chars().any(char::is_control) {
            return Err(format!(
                "the name {:?} has no characters, more than 64, or one that is not printable",
                self.name
            ));
        }
        let days = i64::try_from(self.days).ok().filter(|days| (1..=36_500).contains(days));
        let days = days.ok_or("an authority is valid for 1 to 36500 days")?;
        let begin = now().saturating_sub(BACKDATED);
        let validity = Validity { begin, end: now().saturating_add(days.saturating_mul(DAY)) };
        let secret = generate().ok_or(NO_RANDOM)?;
        let text = pem("PRIVATE KEY", secret.secret_pkcs8_der());
        let key = IssuerKey::load(&PrivateKeyDer::Pkcs8(secret))?;
        let der = certificate::authority(&key, &self.name, validity).ok_or(NO_RANDOM)?;
        Ok(text + &pem("CERTIFICATE", &der))
    }
}

impl CertificateAuthority {
    /// Reads the authority of a file, or makes it, with the default options:
    /// [`AuthorityOptions::open`].
    ///
    /// # Errors
    /// [`ConfigError::Authority`] if the file cannot be read or written, or has no valid authority: the certificate of a
    /// website, one that is expired, the key of another one, or a key under a password.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        AuthorityOptions::new().open(path)
    }

    /// Reads an authority: a private key (PKCS #8, PKCS #1 or SEC 1, RSA or ECDSA) and a certificate in PEM.
    ///
    /// # Errors
    /// [`ConfigError::Authority`], as [`open`](Self::open).
    pub fn from_pem(text: &str) -> Result<Self, ConfigError> {
        let inner =
            Inner::load(text).map_err(|reason| ConfigError::authority(None, reason.to_owned()))?;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// What a new authority is called, and how long it is valid.
    pub fn options() -> AuthorityOptions {
        AuthorityOptions::new()
    }

    /// The certificate in PEM, as clients import it. It has no private key.
    pub fn certificate_pem(&self) -> &str {
        &self.inner.pem
    }

    /// The certificate in DER.
    pub fn certificate_der(&self) -> &[u8] {
        &self.inner.certificate
    }

    /// The certificate as a PKCS #12 file under the empty password. It has no private key.
    pub fn certificate_pkcs12(&self) -> &[u8] {
        &self.inner.pkcs12
    }

    /// The SHA-256 of the certificate, as systems show it: `AB:CD:…`.
    pub fn fingerprint(&self) -> String {
        let mut text = String::new();
        for byte in digest(&SHA256, &self.inner.certificate).as_ref() {
            let colon = if text.is_empty() { "" } else { ":" };
            // A string takes every text.
            let _ = write!(text, "{colon}{byte:02X}");
        }
        text
    }

    /// The file, if it came from one.
    pub fn path(&self) -> Option<&Path> {
        self.inner.path.as_deref()
    }

    /// Whether others than this user and root may read the file, and so pose as every website, and what to do.
    pub fn exposure(&self) -> Option<Exposure> {
        self.inner.exposure
    }

    /// Until when clients believe it.
    pub fn not_after(&self) -> SystemTime {
        let seconds = u64::try_from(self.inner.validity.end).unwrap_or_default();
        let end = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
        end.unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// Signs a leaf. This computes; never call it where others wait.
    pub(super) fn mint(&self, host: &Host) -> Result<Minted, Failure> {
        let Inner { key, leaf_key, certificate, subject, key_identifier, validity, .. } =
            &*self.inner;
        let issuer = Issuer { key, subject, key_identifier };
        let validity = Validity::of_leaf(now(), *validity);
        let leaf = issuer.leaf(host, &leaf_key.public, validity).ok_or_else(|| {
            Failure::new(FailureKind::Internal, "the system has no random numbers")
        })?;
        Ok(Minted {
            chain: vec![leaf.into(), certificate.clone()],
            key: leaf_key.clone(),
            end: validity.end,
        })
    }
}

/// A leaf and what it is used with.
pub(super) struct Minted {
    /// The leaf and the authority. Chromium's `--ignore-certificate-errors-spki-list` looks for the second.
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: LeafKey,
    /// When it ends, in seconds since 1970.
    pub(super) end: i64,
}

impl Inner {
    /// Rules 1 and 2.
    fn load(text: &str) -> Result<Self, &'static str> {
        if text.contains("BEGIN ENCRYPTED") || text.contains(",ENCRYPTED") {
            return Err("the private key has a password; write it without one (openssl pkey)");
        }
        let secret = PrivateKeyDer::from_pem_slice(text.as_bytes())
            .map_err(|_| "there is no private key in PEM")?;
        let certificate = CertificateDer::from_pem_slice(text.as_bytes())
            .map_err(|_| "there is no certificate in PEM")?;
        let key = IssuerKey::load(&secret)?;
        let read = read(&certificate).ok_or("the certificate is malformed")?;
        if read.public != key.public {
            return Err("the private key and the certificate do not belong together");
        }
        if !read.is_authority || !read.may_sign {
            return Err("the certificate is no authority's: it may not sign others");
        }
        if now() < read.validity.begin {
            return Err("the certificate is not valid yet");
        }
        if now() >= read.validity.end {
            return Err("the certificate is expired; remove the file to get a new one");
        }
        let no_random = "the system has no random numbers";
        let pem = pem("CERTIFICATE", &certificate);
        let pkcs12 = pkcs12::with_certificate(&certificate, NAME).ok_or(no_random)?;
        let key_identifier = read.key_identifier.unwrap_or_else(|| key_identifier(&read.public));
        Ok(Self {
            leaf_key: LeafKey::generate().ok_or(no_random)?,
            key,
            certificate,
            pem,
            pkcs12,
            subject: read.subject,
            key_identifier,
            validity: read.validity,
            path: None,
            exposure: None,
        })
    }
}

impl fmt::Debug for CertificateAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateAuthority")
            .field("path", &self.inner.path)
            .field("fingerprint", &self.fingerprint())
            .finish_non_exhaustive()
    }
}

/// The time, in seconds since 1970.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// PEM (RFC 7468 §2).
fn pem(label: &str, der: &[u8]) -> String {
    let encoded = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at_checked(64).unwrap_or((rest, ""));
        text.extend([line, "\n"]);
        rest = after;
    }
    text.extend(["-----END ", label, "-----\n"]);
    text
}
