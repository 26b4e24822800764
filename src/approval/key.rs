//! Keys of persons: Ed25519 (RFC 8032), at rest under a passphrase by Argon2id (RFC 9106) and XChaCha20-Poly1305.
//!
//! The file says everything but the secret in the open, and all of that is authenticated with it: a person's name
//! that was changed there does not open.

use argon2::{Algorithm, Argon2, Params, Version};
use cellwright_model::approval::PublicKey;
use cellwright_model::canonical;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Counts up when the form of the file changes.
const FORMAT: u32 = 1;
/// Shorter ones are guessed.
pub const PASSPHRASE_CHARS_MIN: usize = 10;
/// A passphrase that is longer is a wrong file.
pub const PASSPHRASE_BYTES_MAX: usize = 1024;
/// What a file may ask of this machine, so that a strange one does not fill it: 1 GiB, 16 passes.
const MEMORY_KIB_MAX: u32 = 1 << 20;
const PASSES_MAX: u32 = 16;
const KDF: &str = "argon2id";
const CIPHER: &str = "xchacha20-poly1305";

/// How dear one guess at the passphrase is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    pub memory_kib: u32,
    pub passes: u32,
}

impl Cost {
    /// 64 MiB, three passes: the second choice of RFC 9106, section 4, on one lane.
    pub const USUAL: Cost = Cost { memory_kib: 64 << 10, passes: 3 };
}

/// Why a key cannot be made or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error(
        "a passphrase has at least {PASSPHRASE_CHARS_MIN} characters, and at most {PASSPHRASE_BYTES_MAX} bytes"
    )]
    Passphrase,
    #[error("it is no key file of this program: {0}")]
    NotAKey(String),
    #[error("the passphrase is wrong, or the key file was changed")]
    Locked,
}

/// The random bytes that one key takes.
pub struct Entropy {
    pub seed: Zeroizing<[u8; 32]>,
    pub salt: [u8; 16],
    pub nonce: [u8; 24],
}

/// A secret key, open.
pub struct Signer(SigningKey);

impl core::fmt::Debug for Signer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Signer({})", self.public())
    }
}

impl Signer {
    /// The key of a seed (RFC 8032, 5.1.5).
    pub fn from_seed(seed: &[u8; 32]) -> Signer {
        Signer(SigningKey::from_bytes(seed))
    }

    /// What others know of it.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

/// Whether `signature` is one over `message` by `key`; weak keys and malleable signatures are none.
pub(crate) fn verify(key: PublicKey, message: &[u8], signature: &[u8; 64]) -> bool {
    let signature = Signature::from_bytes(signature);
    VerifyingKey::from_bytes(&key.0).is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
}

/// The same of what stands in files: hexadecimal, in the one spelling that is written.
pub(crate) fn verify_text(key: &str, message: &[u8], signature: &str) -> bool {
    let mut bytes = [0; 64];
    let read = hex::decode_to_slice(signature, &mut bytes).is_ok() && hex::encode(bytes) == signature;
    read && PublicKey::parse(key).is_some_and(|key| verify(key, message, &bytes))
}

/// A key file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedKey {
    format: u32,
    /// Whose it is, as `users.yaml` names them.
    pub person: String,
    /// Public key.
    pub public: String,
    kdf: String,
    cost: Cost,
    salt: String,
    cipher: String,
    nonce: String,
    sealed: String,
}

impl SealedKey {
    /// Closes a new key.
    ///
    /// # Errors
    /// The passphrase is too short.
    pub fn seal(
        person: &str,
        passphrase: &str,
        entropy: &Entropy,
        cost: Cost,
    ) -> Result<SealedKey, KeyError> {
        let long = passphrase.chars().count() >= PASSPHRASE_CHARS_MIN;
        if !long || passphrase.len() > PASSPHRASE_BYTES_MAX {
            return Err(KeyError::Passphrase);
        }
        let mut key = SealedKey {
            format: FORMAT,
            person: person.to_owned(),
            public: Signer::from_seed(&entropy.seed).public().to_string(),
            kdf: KDF.to_owned(),
            cost,
            salt: hex::encode(entropy.salt),
            cipher: CIPHER.to_owned(),
            nonce: hex::encode(entropy.nonce),
            sealed: String::new(),
        };
        let header = key.header()?;
        let payload = Payload { msg: entropy.seed.as_slice(), aad: &header };
        let cipher = cipher(passphrase, &entropy.salt, cost)?;
        let sealed = cipher.encrypt(&XNonce::from(entropy.nonce), payload).map_err(|_| KeyError::Locked)?;
        key.sealed = hex::encode(sealed);
        Ok(key)
    }

    /// Reads a key file, still closed.
    ///
    /// # Errors
    /// It is none, or asks for more memory or time than a key does.
    pub fn read(bytes: &[u8]) -> Result<SealedKey, KeyError> {
        let key: SealedKey = serde_json::from_slice(bytes).map_err(|e| KeyError::NotAKey(e.to_string()))?;
        let refuse = |what: &str| Err(KeyError::NotAKey(what.to_owned()));
        if (key.format, key.kdf.as_str(), key.cipher.as_str()) != (FORMAT, KDF, CIPHER) {
            return refuse("another format");
        }
        if key.cost.memory_kib > MEMORY_KIB_MAX || key.cost.passes > PASSES_MAX {
            return refuse("it would take more than 1 GiB or 16 passes to open");
        }
        Ok(key)
    }

    /// The file.
    ///
    /// # Errors
    /// It has no canonical form.
    pub fn to_bytes(&self) -> Result<Vec<u8>, canonical::CanonicalError> {
        canonical::to_string(self).map(|text| format!("{text}\n").into_bytes())
    }

    /// Opens it.
    ///
    /// # Errors
    /// The passphrase is not the one, or a byte of the file is not.
    pub fn open(&self, passphrase: &str) -> Result<Signer, KeyError> {
        let (mut salt, mut nonce) = ([0; 16], [0; 24]);
        let wrong = |_| KeyError::NotAKey("`salt`, `nonce` or `sealed` is not hexadecimal".to_owned());
        hex::decode_to_slice(&self.salt, &mut salt).map_err(wrong)?;
        hex::decode_to_slice(&self.nonce, &mut nonce).map_err(wrong)?;
        let sealed = hex::decode(&self.sealed).map_err(wrong)?;
        let header = self.header()?;
        let cipher = cipher(passphrase, &salt, self.cost)?;
        let payload = Payload { msg: sealed.as_slice(), aad: &header };
        let opened = cipher.decrypt(&XNonce::from(nonce), payload).map_err(|_| KeyError::Locked)?;
        let opened = Zeroizing::new(opened);
        let seed: Zeroizing<[u8; 32]> =
            Zeroizing::new(opened.as_slice().try_into().map_err(|_| KeyError::Locked)?);
        Ok(Signer::from_seed(&seed))
    }

    /// Everything but the secret.
    fn header(&self) -> Result<Vec<u8>, KeyError> {
        let open = SealedKey { sealed: String::new(), ..self.clone() };
        open.to_bytes().map_err(|e| KeyError::NotAKey(e.to_string()))
    }
}

fn cipher(passphrase: &str, salt: &[u8; 16], cost: Cost) -> Result<XChaCha20Poly1305, KeyError> {
    let params = Params::new(cost.memory_kib, cost.passes, 1, Some(32));
    let params = params.map_err(|e| KeyError::NotAKey(e.to_string()))?;
    let mut key = Zeroizing::new([0u8; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, key.as_mut_slice())
        .map_err(|e| KeyError::NotAKey(e.to_string()))?;
    Ok(XChaCha20Poly1305::new(&Key::from(*key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cheapest there is: tests are no place to be slow in.
    const CHEAP: Cost = Cost { memory_kib: 8, passes: 1 };

    fn entropy() -> Entropy {
        Entropy { seed: Zeroizing::new([7; 32]), salt: [1; 16], nonce: [2; 24] }
    }

    /// RFC 8032, 7.1, TEST 2.
    #[test]
    fn signatures_are_those_of_the_standard() {
        let hex32 = |s: &str| <[u8; 32]>::try_from(hex::decode(s).unwrap()).unwrap();
        let signer =
            Signer::from_seed(&hex32("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"));
        assert_eq!(
            signer.public().to_string(),
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
        );
        let signature = signer.sign(&[0x72]);
        assert_eq!(
            hex::encode(signature),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        );
        assert!(verify(signer.public(), &[0x72], &signature));
        assert!(!verify(signer.public(), &[0x73], &signature));
        // Of small order: whatever is signed holds under it, so nothing does.
        assert!(!verify(PublicKey([0; 32]), &[0x72], &[0; 64]));
    }

    #[test]
    fn a_key_opens_with_its_passphrase_only() {
        let key = SealedKey::seal("maria", "correct horse", &entropy(), CHEAP).expect("sealed");
        let read = SealedKey::read(&key.to_bytes().expect("bytes")).expect("a key file");
        let signer = read.open("correct horse").expect("the passphrase");
        assert_eq!(signer.public().to_string(), read.public);
        assert_eq!(read.open("correct horsf").err(), Some(KeyError::Locked));
        assert!(!String::from_utf8_lossy(&key.to_bytes().unwrap()).contains(&hex::encode([7u8; 32])));
        assert_eq!(SealedKey::seal("m", "short", &entropy(), CHEAP).err(), Some(KeyError::Passphrase));
    }

    #[test]
    fn a_key_file_with_any_byte_changed_does_not_open() {
        let bytes = SealedKey::seal("maria", "correct horse", &entropy(), CHEAP).unwrap().to_bytes().unwrap();
        for at in 0..bytes.len() - 1 {
            let mut other = bytes.clone();
            other[at] ^= 1;
            // A higher cost than the cheapest is refused or slow, never right.
            let opened = SealedKey::read(&other).and_then(|k| match k.cost.memory_kib <= 8_192 {
                true => k.open("correct horse").map(|s| s.public()),
                false => Err(KeyError::Locked),
            });
            assert!(opened.is_err(), "byte {at}: {}", String::from_utf8_lossy(&other));
        }
    }

    #[test]
    fn a_file_that_would_fill_the_machine_is_refused() {
        let key = SealedKey::seal("maria", "correct horse", &entropy(), CHEAP).unwrap();
        let text = String::from_utf8(key.to_bytes().unwrap()).unwrap();
        let greedy = text.replace("\"memory_kib\":8", "\"memory_kib\":4194304");
        assert!(matches!(SealedKey::read(greedy.as_bytes()), Err(KeyError::NotAKey(_))));
    }
}
