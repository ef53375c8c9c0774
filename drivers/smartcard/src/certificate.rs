//! Certificates of cards (RFC 5280): when they are valid and who issued them.
//!
//! What is checked of a path, and what not: a path is the card's certificate and one anchor. An
//! intermediate authority is trusted by naming it as an anchor. Neither CRL nor OCSP is asked here.
//! An authority signs with RSA PKCS #1 v1.5 (2048 to 4096 bits) or ECDSA (P-256, P-384), with SHA-256 or
//! longer. Any critical extension that is not looked at refuses the certificate (section 4.2).

use p256::ecdsa::signature::hazmat::PrehashVerifier;
use rsa::{PublicKey as RsaPublicKey, pkcs8::DecodePublicKey, traits::PublicKeyParts};
use sha2::{Digest, Sha256, Sha384, Sha512};
use signet_authn::Failure;
use signet_types::{Timestamp, UserMessage};
use x509_cert::{
    Certificate as X509,
    der::{Decode, Encode, asn1::ObjectIdentifier, oid::AssociatedOid},
    ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage},
};

use crate::{
    Malformed,
    key::{PublicKey, rsa_matches},
    piv::MAX_CERTIFICATE,
    tlv,
};

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

/// Certificate policies (section 4.2.1.4): any policy is taken.
const CERTIFICATE_POLICIES: ObjectIdentifier = oid("2.5.29.32");
/// Uses of a key that allow logging on: any, TLS client, smart card logon, PIV card authentication.
const USES: [ObjectIdentifier; 4] = [
    oid("2.5.29.37.0"),
    oid("1.3.6.1.5.5.7.3.2"),
    oid("1.3.6.1.4.1.311.20.2.2"),
    oid("2.16.840.1.101.3.6.8"),
];

/// A card's certificate whose key Signet can use.
#[derive(Clone, Debug)]
pub struct Certificate {
    der: Vec<u8>,
    parsed: X509,
    spki: Vec<u8>,
    key: PublicKey,
}

/// Why a certificate is not taken now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Its last second is over.
    #[error("the certificate expired on {0}")]
    Expired(Timestamp),
    /// Its first second is to come.
    #[error("the certificate is valid from {0}")]
    NotYetValid(Timestamp),
    /// No anchor issued it, or it may not be used to log on.
    #[error("the certificate does not lead to a trust anchor")]
    Untrusted,
}

/// Why a certificate cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is no certificate.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Its key is of an algorithm that is not supported.
    #[error("the certificate's key is of an algorithm that is not supported")]
    Key,
}

impl From<Unreadable> for Failure {
    fn from(unreadable: Unreadable) -> Self {
        match unreadable {
            Unreadable::Malformed(malformed) => malformed.into(),
            Unreadable::Key => Self::Refused(UserMessage::TokenUnusable),
        }
    }
}

impl From<CertificateError> for UserMessage {
    fn from(error: CertificateError) -> Self {
        match error {
            CertificateError::Expired(at) => Self::CertificateExpired(at),
            CertificateError::NotYetValid(at) => Self::CertificateNotYetValid(at),
            CertificateError::Untrusted => Self::CertificateUntrusted,
        }
    }
}

impl Certificate {
    /// Reads a certificate in DER, at most [`MAX_CERTIFICATE`] bytes, with a key of [`PublicKey`].
    pub fn from_der(der: &[u8]) -> Result<Self, Unreadable> {
        let parsed = parse(der)?;
        let spki = parsed.tbs_certificate().subject_public_key_info().to_der();
        let spki = spki.map_err(|_| Malformed("public key"))?;
        let key = PublicKey::from_spki(&spki).map_err(|_| Unreadable::Key)?;
        Ok(Self { der: der.to_vec(), parsed, spki, key })
    }

    /// The certificate in DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Its key.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// SHA-256 of its `SubjectPublicKeyInfo`: the card's identifier.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        Sha256::digest(&self.spki).into()
    }

    /// Whether both certify the same key.
    #[must_use]
    pub fn same_key(&self, other: &Self) -> bool {
        self.spki == other.spki
    }

    /// Whether it is valid at `now` and, where anchors are given, issued by one of them for use in
    /// authentication (section 6.1, for a path of one certificate).
    pub fn check(&self, now: Timestamp, anchors: &[Vec<u8>]) -> Result<(), CertificateError> {
        valid_at(&self.parsed, now)?;
        if anchors.is_empty() {
            return Ok(());
        }
        if !may_authenticate(&self.parsed) {
            return Err(CertificateError::Untrusted);
        }
        let issued = anchors.iter().any(|anchor| {
            parse(anchor).is_ok_and(|anchor| {
                valid_at(&anchor, now).is_ok()
                    && may_issue(&anchor)
                    && issued_by(&self.parsed, &self.der, &anchor)
            })
        });
        if issued { Ok(()) } else { Err(CertificateError::Untrusted) }
    }
}

fn parse(der: &[u8]) -> Result<X509, Malformed> {
    if der.len() > MAX_CERTIFICATE {
        return Err(Malformed("certificate too long"));
    }
    X509::from_der(der).map_err(|_| Malformed("certificate"))
}

fn valid_at(certificate: &X509, now: Timestamp) -> Result<(), CertificateError> {
    let validity = certificate.tbs_certificate().validity();
    let first = Timestamp::from_secs(validity.not_before.to_unix_duration().as_secs());
    let last = Timestamp::from_secs(validity.not_after.to_unix_duration().as_secs());
    if now < first {
        Err(CertificateError::NotYetValid(first))
    } else if now > last {
        Err(CertificateError::Expired(last))
    } else {
        Ok(())
    }
}

/// Whether every critical extension is one of `known` (section 4.2).
fn knows_all(certificate: &X509, known: &[ObjectIdentifier]) -> bool {
    let extensions = certificate.tbs_certificate().extensions();
    extensions.is_none_or(|all| all.iter().all(|e| !e.critical || known.contains(&e.extn_id)))
}

/// Key usage (4.2.1.3) and extended key usage (4.2.1.12), where they are there, allow authentication.
fn may_authenticate(certificate: &X509) -> bool {
    let known = [KeyUsage::OID, ExtendedKeyUsage::OID, BasicConstraints::OID, CERTIFICATE_POLICIES];
    let tbs = certificate.tbs_certificate();
    let usage = match tbs.get_extension::<KeyUsage>() {
        Ok(usage) => usage.is_none_or(|(_, usage)| usage.digital_signature()),
        Err(_) => false,
    };
    let extended = match tbs.get_extension::<ExtendedKeyUsage>() {
        Ok(uses) => uses.is_none_or(|(_, uses)| uses.0.iter().any(|used| USES.contains(used))),
        Err(_) => false,
    };
    knows_all(certificate, &known) && usage && extended
}

/// The anchor is an authority: basic constraints (4.2.1.9) say so, and key usage does not forbid it.
/// A critical name constraint refuses the anchor, for it would have to be applied.
fn may_issue(anchor: &X509) -> bool {
    let known = [KeyUsage::OID, BasicConstraints::OID, ExtendedKeyUsage::OID, CERTIFICATE_POLICIES];
    let tbs = anchor.tbs_certificate();
    let authority =
        matches!(tbs.get_extension::<BasicConstraints>(), Ok(Some((_, constraints))) if constraints.ca);
    let usage = match tbs.get_extension::<KeyUsage>() {
        Ok(usage) => usage.is_none_or(|(_, usage)| usage.key_cert_sign()),
        Err(_) => false,
    };
    authority && usage && knows_all(anchor, &known)
}

/// Name chaining and signature (6.1.3, a 1 and 4).
fn issued_by(certificate: &X509, der: &[u8], anchor: &X509) -> bool {
    let tbs = certificate.tbs_certificate();
    if tbs.issuer() != anchor.tbs_certificate().subject()
        || tbs.signature() != certificate.signature_algorithm()
    {
        return false;
    }
    let (Some(signed), Some(signature)) = (signed_part(der), certificate.signature().as_bytes()) else {
        return false;
    };
    let Ok(spki) = anchor.tbs_certificate().subject_public_key_info().to_der() else { return false };
    signature_matches(certificate.signature_algorithm().oid, &spki, signed, signature)
}

/// The bytes of `tbsCertificate` as they were signed: the first element of the outer sequence.
fn signed_part(der: &[u8]) -> Option<&[u8]> {
    let outer = tlv::Reader::new(der).only(0x30).ok()?;
    let mut reader = tlv::Reader::new(outer);
    let first = reader.object().ok()??;
    if first.tag == 0x30 { outer.get(..outer.len() - reader.remaining()) } else { None }
}

fn signature_matches(algorithm: ObjectIdentifier, spki: &[u8], signed: &[u8], signature: &[u8]) -> bool {
    if let Ok(key) = RsaPublicKey::from_public_key_der(spki) {
        return (2048..=4096).contains(&key.n().bit_width())
            && match RSA.iter().position(|known| *known == algorithm) {
                Some(0) => rsa_matches::<Sha256>(&key, signed, signature),
                Some(1) => rsa_matches::<Sha384>(&key, signed, signature),
                Some(2) => rsa_matches::<Sha512>(&key, signed, signature),
                _ => false,
            };
    }
    let digest = match ECDSA.iter().position(|known| *known == algorithm) {
        Some(0) => Sha256::digest(signed).to_vec(),
        Some(1) => Sha384::digest(signed).to_vec(),
        Some(2) => Sha512::digest(signed).to_vec(),
        _ => return false,
    };
    if let Ok(key) = p256::ecdsa::VerifyingKey::from_public_key_der(spki) {
        p256::ecdsa::DerSignature::try_from(signature).is_ok_and(|s| key.verify_prehash(&digest, &s).is_ok())
    } else if let Ok(key) = p384::ecdsa::VerifyingKey::from_public_key_der(spki) {
        p384::ecdsa::DerSignature::try_from(signature).is_ok_and(|s| key.verify_prehash(&digest, &s).is_ok())
    } else {
        false
    }
}

/// `sha256WithRSAEncryption`, 384, 512 (RFC 8017, A.2.4).
const RSA: [ObjectIdentifier; 3] =
    [oid("1.2.840.113549.1.1.11"), oid("1.2.840.113549.1.1.12"), oid("1.2.840.113549.1.1.13")];
/// `ecdsa-with-SHA256`, 384, 512 (RFC 5758, 3.2).
const ECDSA: [ObjectIdentifier; 3] =
    [oid("1.2.840.10045.4.3.2"), oid("1.2.840.10045.4.3.3"), oid("1.2.840.10045.4.3.4")];
