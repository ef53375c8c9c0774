use std::{
    str::FromStr,
    time::{Duration, SystemTime},
};

use getrandom::SysRng;
use getrandom::rand_core::TryRng;
use p256::ecdsa;
use x509_cert::{
    Certificate, SubjectPublicKeyInfo, TbsCertificate,
    builder::{Builder, CertificateBuilder, profile::BuilderProfile},
    der::{DateTime, Decode, Encode, EncodePem, asn1::GeneralizedTime, pem::LineEnding},
    ext::{
        Extension, ToExtension,
        pkix::{
            AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages,
            SubjectKeyIdentifier,
        },
    },
    name::Name,
    serial_number::SerialNumber,
    spki::{ObjectIdentifier, SubjectPublicKeyInfoRef},
    time::Time,
};

use crate::{CardKey, KeyAlgorithm, KeyError};

/// TLS client authentication (RFC 5280, 4.2.1.12).
const CLIENT_AUTHENTICATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");
/// Smart card logon, as Active Directory and SSSD look for it.
const SMART_CARD_LOGON: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.20.2.2");

/// Why a certificate could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// The subject name does not fit a certificate.
    #[error("`{0}` cannot be a certificate's common name: 1 to 64 characters without control characters are")]
    CommonName(String),
    /// The time is outside the years 1970 to 9999.
    #[error("a certificate's dates are between the years 1970 and 9999")]
    Time(#[source] x509_cert::der::Error),
    /// The date text is malformed.
    #[error("`{0}` is no date: write it like 2026-12-31 or 2026-12-31T23:59:59Z")]
    Date(String),
    /// The certificate could not be encoded or signed.
    #[error("the certificate cannot be built")]
    Build(#[from] x509_cert::builder::Error),
    /// The bytes are no certificate.
    #[error("not an X.509 certificate")]
    Format(#[from] x509_cert::der::Error),
    /// The key could not be made, read or encoded.
    #[error("no key for the certificate")]
    Key(#[from] KeyError),
    /// The issuer's key is not on P-256.
    #[error("an issuer's key is on P-256, not {0}")]
    IssuerKey(KeyAlgorithm),
}

/// When a certificate is valid, in seconds of UTC, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first second.
    pub not_before: DateTime,
    /// The last second.
    pub not_after: DateTime,
}

impl Validity {
    /// From a day ago until `days` days from now.
    pub fn days_from_now(days: u32) -> Result<Self, CertificateError> {
        let now = SystemTime::now();
        let day = Duration::from_secs(24 * 60 * 60);
        let date = |time| DateTime::from_system_time(time).map_err(CertificateError::Time);
        Ok(Self { not_before: date(now - day)?, not_after: date(now + day * days)? })
    }

    /// Reads `2026-12-31` (its first second) or `2026-12-31T23:59:59Z`.
    pub fn parse_date(text: &str) -> Result<DateTime, CertificateError> {
        let parsed = if text.len() == 10 {
            DateTime::from_str(&format!("{text}T00:00:00Z"))
        } else {
            DateTime::from_str(text)
        };
        parsed.map_err(|_| CertificateError::Date(text.to_owned()))
    }
}

/// The certificate authority that signs the cards' certificates: a key on P-256 and its root.
pub struct Issuer {
    key: ecdsa::SigningKey,
    root: Certificate,
}

impl Issuer {
    /// Makes a key and a root valid for ten years.
    pub fn generate(common_name: &str) -> Result<Self, CertificateError> {
        Self::self_signed(common_name, CardKey::generate(KeyAlgorithm::P256)?)
    }

    fn self_signed(common_name: &str, key: CardKey) -> Result<Self, CertificateError> {
        let public_key = key.public_key()?;
        let CardKey::P256(key) = key else { return Err(CertificateError::IssuerKey(key.algorithm())) };
        let profile = Root { subject: name(common_name)? };
        let validity = Validity::days_from_now(3650)?;
        let builder = CertificateBuilder::new(profile, serial()?, encoded(validity), public_key)?;
        let root = builder.build::<_, ecdsa::DerSignature>(&key)?;
        Ok(Self { key, root })
    }

    /// Reads what [`Issuer::key_pkcs8`] and [`Issuer::root_der`] gave.
    pub fn from_der(key_pkcs8: &[u8], root: &[u8]) -> Result<Self, CertificateError> {
        match CardKey::from_pkcs8(KeyAlgorithm::P256, key_pkcs8)? {
            CardKey::P256(key) => Ok(Self { key, root: Certificate::from_der(root)? }),
            other => Err(CertificateError::IssuerKey(other.algorithm())),
        }
    }

    /// The authority's private key, PKCS#8 in DER.
    pub fn key_pkcs8(&self) -> Result<Vec<u8>, CertificateError> {
        Ok(CardKey::P256(self.key.clone()).to_pkcs8()?)
    }

    /// The root certificate in DER.
    pub fn root_der(&self) -> Result<Vec<u8>, CertificateError> {
        Ok(self.root.to_der()?)
    }

    /// The root certificate in PEM.
    pub fn root_pem(&self) -> Result<String, CertificateError> {
        Ok(self.root.to_pem(LineEnding::LF)?)
    }

    /// Signs a certificate for a card's key, in DER: digital signature, for client authentication
    /// and smart card logon.
    pub fn issue(
        &self,
        common_name: &str,
        validity: Validity,
        key: &CardKey,
    ) -> Result<Vec<u8>, CertificateError> {
        self.sign(common_name, validity, key.public_key()?)
    }

    /// Like [`Issuer::issue`] for a public key given as `SubjectPublicKeyInfo` in DER.
    pub fn issue_for(
        &self,
        common_name: &str,
        validity: Validity,
        public_key: &[u8],
    ) -> Result<Vec<u8>, CertificateError> {
        self.sign(common_name, validity, SubjectPublicKeyInfo::from_der(public_key)?)
    }

    fn sign(
        &self,
        common_name: &str,
        validity: Validity,
        public_key: SubjectPublicKeyInfo,
    ) -> Result<Vec<u8>, CertificateError> {
        let profile =
            CardHolder { issuer: self.root.tbs_certificate().subject().clone(), subject: name(common_name)? };
        let builder = CertificateBuilder::new(profile, serial()?, encoded(validity), public_key)?;
        Ok(builder.build::<_, ecdsa::DerSignature>(&self.key)?.to_der()?)
    }
}

/// PEM of a certificate in DER.
pub(crate) fn pem(der: &[u8]) -> Result<String, CertificateError> {
    Ok(Certificate::from_der(der)?.to_pem(LineEnding::LF)?)
}

/// The last second of a certificate's validity as `YYYYMMDD`.
pub(crate) fn expiration_date(der: &[u8]) -> Result<String, CertificateError> {
    let certificate = Certificate::from_der(der)?;
    let date = certificate.tbs_certificate().validity().not_after.to_date_time();
    Ok(format!("{:04}{:02}{:02}", date.year(), date.month(), date.day()))
}

fn name(common_name: &str) -> Result<Name, CertificateError> {
    let wrong = || CertificateError::CommonName(common_name.to_owned());
    if common_name.is_empty() || common_name.chars().count() > 64 || common_name.chars().any(char::is_control)
    {
        return Err(wrong());
    }
    // RFC 4514, 2.4: these characters are escaped anywhere, and a space or `#` at an end.
    let mut escaped = String::from("CN=");
    let last = common_name.chars().count() - 1;
    for (i, c) in common_name.chars().enumerate() {
        let at_end = (i == 0 && c == '#') || (c == ' ' && (i == 0 || i == last));
        if at_end || matches!(c, ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    Name::from_str(&escaped).map_err(|_| wrong())
}

/// A random positive serial number of 16 bytes (RFC 5280, 4.1.2.2).
fn serial() -> Result<SerialNumber, CertificateError> {
    let mut bytes = [0; 16];
    SysRng.try_fill_bytes(&mut bytes).map_err(KeyError::Random)?;
    bytes[0] = bytes[0] & 0x3F | 0x40;
    Ok(SerialNumber::new(&bytes)?)
}

fn encoded(validity: Validity) -> x509_cert::time::Validity {
    let time = |date| Time::GeneralTime(GeneralizedTime::from_date_time(date));
    x509_cert::time::Validity::new(time(validity.not_before), time(validity.not_after))
}

struct Root {
    subject: Name,
}

impl BuilderProfile for Root {
    fn get_issuer(&self, subject: &Name) -> Name {
        subject.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        own: SubjectPublicKeyInfoRef<'_>,
        _issuer: SubjectPublicKeyInfoRef<'_>,
        tbs: &TbsCertificate,
    ) -> x509_cert::builder::Result<Vec<Extension>> {
        let mut all = Vec::new();
        let constraints = BasicConstraints { ca: true, path_len_constraint: Some(0) };
        all.push(constraints.to_extension(tbs.subject(), &all)?);
        let usage = KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign);
        all.push(usage.to_extension(tbs.subject(), &all)?);
        all.push(SubjectKeyIdentifier::try_from(own)?.to_extension(tbs.subject(), &all)?);
        Ok(all)
    }
}

struct CardHolder {
    issuer: Name,
    subject: Name,
}

impl BuilderProfile for CardHolder {
    fn get_issuer(&self, _subject: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        own: SubjectPublicKeyInfoRef<'_>,
        issuer: SubjectPublicKeyInfoRef<'_>,
        tbs: &TbsCertificate,
    ) -> x509_cert::builder::Result<Vec<Extension>> {
        let mut all = Vec::new();
        let constraints = BasicConstraints { ca: false, path_len_constraint: None };
        all.push(constraints.to_extension(tbs.subject(), &all)?);
        all.push(KeyUsage(KeyUsages::DigitalSignature.into()).to_extension(tbs.subject(), &all)?);
        let extended = ExtendedKeyUsage(vec![CLIENT_AUTHENTICATION, SMART_CARD_LOGON]);
        all.push(extended.to_extension(tbs.subject(), &all)?);
        all.push(SubjectKeyIdentifier::try_from(own)?.to_extension(tbs.subject(), &all)?);
        all.push(AuthorityKeyIdentifier::try_from(issuer)?.to_extension(tbs.subject(), &all)?);
        Ok(all)
    }
}
