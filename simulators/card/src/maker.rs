use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::{
    Card, CardDescription, CardKey, CardKind, CertificateError, Issuer, KeyAlgorithm, KeyError, KeySlot,
    Validity,
    card::Applet,
    certificate,
    identifier::{self, Identifier},
    piv::{self, KeyEntry, Piv},
};

/// Makes cards whose certificates one authority signs, and keeps both in a directory if there is one.
///
/// The directory has `ca.key`, `ca.der`, `ca.pem` and for each PIV card `NAME/9a.key` (PKCS#8),
/// `NAME/9a.der`, `NAME/9a.pem`, the same for 9e, and `NAME/tries`. What is there is used as it is:
/// a certificate is made again, by the same authority for the same key, when its `.der` is deleted.
pub struct CardMaker {
    issuer: Issuer,
    directory: Option<PathBuf>,
}

/// Why a card could not be made or kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MakeError {
    /// A key could not be made or read.
    #[error("no key for the card")]
    Key(#[from] KeyError),
    /// A certificate could not be made or read.
    #[error("no certificate for the card")]
    Certificate(#[from] CertificateError),
    /// The certificate could not be compressed.
    #[error("the certificate cannot be compressed")]
    Compress(#[source] io::Error),
    /// A file of the state directory could not be read or written.
    #[error("cannot use {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file of the try counter has no number in it.
    #[error("{} has no number of PIN tries in it", .0.display())]
    Tries(PathBuf),
}

impl CardMaker {
    /// Makes cards with a new authority, and keeps nothing.
    pub fn new() -> Result<Self, MakeError> {
        Ok(Self { issuer: Issuer::generate("Signet simulated CA")?, directory: None })
    }

    /// Keeps the authority and the cards in `directory`, and uses those that are there.
    pub fn in_directory(directory: &Path) -> Result<Self, MakeError> {
        make_directory(directory)?;
        let (key, root) = (directory.join("ca.key"), directory.join("ca.der"));
        let issuer = if let (Some(key), Some(root)) = (read(&key)?, read(&root)?) {
            Issuer::from_der(&key, &root)?
        } else {
            let issuer = Issuer::generate("Signet simulated CA")?;
            write(&key, &issuer.key_pkcs8()?)?;
            write(&root, &issuer.root_der()?)?;
            issuer
        };
        write(&directory.join("ca.pem"), issuer.root_pem()?.as_bytes())?;
        Ok(Self { issuer, directory: Some(directory.to_owned()) })
    }

    /// The authority that signs the cards' certificates.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// Makes the card, or takes its keys, certificates and try counter from the directory.
    pub fn make(&self, description: &CardDescription) -> Result<Card, MakeError> {
        let atr = |own: &[u8]| description.atr.clone().unwrap_or_else(|| own.to_vec());
        match &description.kind {
            CardKind::Identifier { uid } => {
                let applet = Applet::Identifier(Identifier { uid: uid.clone() });
                Ok(Card::new(atr(&identifier::ATR), applet))
            }
            CardKind::Piv {
                algorithm,
                card_authentication,
                pin,
                tries,
                common_name,
                gzip,
                not_before,
                not_after,
            } => {
                let usual = Validity::days_from_now(730)?;
                let validity = Validity {
                    not_before: not_before.unwrap_or(usual.not_before),
                    not_after: not_after.unwrap_or(usual.not_after),
                };
                let home = self.directory.as_ref().map(|directory| directory.join(&description.name));
                if let Some(home) = &home {
                    make_directory(home)?;
                }
                let entry =
                    |slot, algorithm| self.entry(home.as_deref(), slot, algorithm, common_name, validity);
                let mut keys = vec![entry(KeySlot::Authentication, *algorithm)?];
                if let Some(algorithm) = card_authentication {
                    keys.push(entry(KeySlot::CardAuthentication, *algorithm)?);
                }
                let piv = Piv::new(pin, *tries, common_name, *gzip, keys)?;
                let mut card = Card::new(atr(&piv::ATR), Applet::Piv(Box::new(piv)));
                if let Some(tries) = home.map(|home| kept_tries(&home)).transpose()?.flatten() {
                    card.set_tries_left(tries);
                }
                Ok(card)
            }
        }
    }

    /// Keeps the card's try counter, if there is a directory.
    pub fn keep_tries(&self, name: &str, card: &Card) -> Result<(), MakeError> {
        match (&self.directory, card.tries_left()) {
            (Some(directory), Some(tries)) => {
                write(&directory.join(name).join("tries"), format!("{tries}\n").as_bytes())
            }
            _ => Ok(()),
        }
    }

    fn entry(
        &self,
        home: Option<&Path>,
        slot: KeySlot,
        algorithm: KeyAlgorithm,
        common_name: &str,
        validity: Validity,
    ) -> Result<KeyEntry, MakeError> {
        let Some(home) = home else {
            let key = CardKey::generate(algorithm)?;
            let certificate = self.issuer.issue(common_name, validity, &key)?;
            return Ok(KeyEntry { slot, key, certificate });
        };
        let file = |ending| home.join(format!("{:02x}.{ending}", slot.reference()));
        let key = if let Some(key) = read(&file("key"))? {
            CardKey::from_pkcs8(algorithm, &key)?
        } else {
            let key = CardKey::generate(algorithm)?;
            write(&file("key"), &key.to_pkcs8()?)?;
            key
        };
        let certificate = if let Some(certificate) = read(&file("der"))? {
            certificate
        } else {
            let certificate = self.issuer.issue(common_name, validity, &key)?;
            write(&file("der"), &certificate)?;
            certificate
        };
        write(&file("pem"), certificate::pem(&certificate)?.as_bytes())?;
        Ok(KeyEntry { slot, key, certificate })
    }
}

fn kept_tries(home: &Path) -> Result<Option<u8>, MakeError> {
    let path = home.join("tries");
    let Some(text) = read(&path)? else { return Ok(None) };
    let tries = str::from_utf8(&text).ok().and_then(|text| text.trim_end().parse().ok());
    tries.map(Some).ok_or(MakeError::Tries(path))
}

fn make_directory(path: &Path) -> Result<(), MakeError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(at(path))
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, MakeError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at(path)(error)),
    }
}

/// Writes a file that only its owner reads.
fn write(path: &Path, bytes: &[u8]) -> Result<(), MakeError> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(bytes))
        .map_err(at(path))
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> MakeError {
    let path = path.to_owned();
    |source| MakeError::File { path, source }
}
