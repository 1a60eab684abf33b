//! Variables of turns at rest: sealed with a key of the installation, which is a file next to the database. Whoever gets a
//! copy of the database alone cannot read them.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use tempfile::NamedTempFile;

use super::StoreError;
use crate::domain::TurnId;

/// The key's file, in the directory of the database.
const FILE: &str = "variables.key";

const KEY_BYTES: usize = 32;

/// The key. Cheap to clone; all clones are one key.
#[derive(Clone)]
pub(super) struct Seal(Arc<RandomizedNonceKey>);

/// Why the key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// Its file cannot be read or made.
    #[error("`{}` cannot be used", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its file holds something else.
    #[error("`{}` does not hold a key of {KEY_BYTES} bytes: restore it from the backup the database is from", .0.display())]
    NoKey(PathBuf),
}

impl Seal {
    /// Opens the key of the database at `database`, and makes it if there is none.
    pub(super) fn open(database: &Path) -> Result<Self, SealError> {
        let path = database.with_file_name(FILE);
        let failed = |source| SealError::File { path: path.clone(), source };
        let bytes = match std::fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make(&path).map_err(failed)?;
                std::fs::read(&path).map_err(failed)?
            }
            read => read.map_err(failed)?,
        };
        let key = (bytes.len() == KEY_BYTES).then(|| RandomizedNonceKey::new(&AES_256_GCM, &bytes).ok()).flatten();
        key.map(|key| Self(Arc::new(key))).ok_or(SealError::NoKey(path))
    }

    /// Seals the variables of a turn; `None` when it has none.
    pub(super) fn seal(&self, turn: TurnId, env: &BTreeMap<String, String>) -> Option<String> {
        if env.is_empty() {
            return None;
        }
        let mut bytes = serde_json::to_vec(env).expect("texts have a JSON form");
        let nonce = self.0.seal_in_place_append_tag(Aad::from(turn.to_string()), &mut bytes);
        let nonce = nonce.expect("the variables of a request are far shorter than what can be sealed");
        Some(STANDARD_NO_PAD.encode([nonce.as_ref().as_slice(), &bytes].concat()))
    }

    /// Opens the variables of a turn.
    pub(super) fn unseal(&self, turn: TurnId, sealed: &str) -> Result<BTreeMap<String, String>, StoreError> {
        self.opened(turn, sealed).ok_or(StoreError::Corrupt { column: "sealed_env" })
    }

    fn opened(&self, turn: TurnId, sealed: &str) -> Option<BTreeMap<String, String>> {
        let mut bytes = STANDARD_NO_PAD.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let plain = self.0.open_in_place(nonce, Aad::from(turn.to_string()), sealed).ok()?;
        serde_json::from_slice(plain).ok()
    }
}

/// Writes a key, unless somebody else was quicker.
fn make(path: &Path) -> io::Result<()> {
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut file = NamedTempFile::new_in(directory)?;
    file.as_file().set_permissions(Permissions::from_mode(0o600))?;
    if rustix::process::geteuid().is_root() {
        // A command that root runs before the server makes it for the server, whose directory it is.
        let owner = directory.metadata()?;
        fchown(file.as_file(), Some(owner.uid()), Some(owner.gid()))?;
    }
    file.write_all(&key)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => Err(error.error),
        Ok(_) | Err(_) => Ok(()),
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Seal")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_for_its_turn_and_its_key_alone() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let seal = Seal::open(&here.path().join("db")).unwrap();
        let env = BTreeMap::from([("TOKEN".to_owned(), "a secret value".to_owned())]);
        let (turn, other) = (TurnId::generate(), TurnId::generate());
        let sealed = seal.seal(turn, &env).unwrap();
        assert!(!sealed.contains("secret"));
        assert_ne!(seal.seal(turn, &env).unwrap(), sealed, "a nonce was used twice");
        assert_eq!(Seal::open(&here.path().join("db")).unwrap().unseal(turn, &sealed).unwrap(), env);
        assert!(seal.unseal(other, &sealed).is_err());
        assert!(Seal::open(&there.path().join("db")).unwrap().unseal(turn, &sealed).is_err());
        for wrong in ["", "AAAA", &sealed[..sealed.len() - 4]] {
            assert!(seal.unseal(turn, wrong).is_err());
        }
        assert_eq!(seal.seal(turn, &BTreeMap::new()), None);
        let mode = here.path().join(FILE).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(here.path().join(FILE), "short").unwrap();
        assert!(Seal::open(&here.path().join("db")).unwrap_err().to_string().contains("variables.key"));
    }
}
