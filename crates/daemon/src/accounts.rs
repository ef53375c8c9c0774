//! Who is who on this machine: the system's user and group databases, and machine-id(5).

use std::{fs, path::Path};

use nix::unistd::{Gid, Group, Uid, User};
use signet_types::UserName;

/// An account of the system.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) name: UserName,
    pub(crate) uid: u32,
    gid: u32,
}

/// The database could not be asked; this is never the same as "no such user".
#[derive(Debug, thiserror::Error)]
#[error("the system's user database could not be read")]
pub(crate) struct AccountsUnavailable(#[source] nix::Error);

impl AccountsUnavailable {
    /// The look-up itself ended early.
    pub(crate) const fn interrupted() -> Self {
        Self(nix::Error::EINTR)
    }
}

/// The account of this uid, if its name is one that Signet takes.
pub(crate) fn by_uid(uid: u32) -> Result<Option<Account>, AccountsUnavailable> {
    let user = User::from_uid(Uid::from_raw(uid)).map_err(AccountsUnavailable)?;
    Ok(user.as_ref().and_then(account))
}

/// The account of this name.
pub(crate) fn by_name(name: &UserName) -> Result<Option<Account>, AccountsUnavailable> {
    let user = User::from_name(name.as_str()).map_err(AccountsUnavailable)?;
    // A directory may answer to other spellings of a name; only the exact one is the account.
    Ok(user.as_ref().and_then(account).filter(|account| account.name == *name))
}

fn account(user: &User) -> Option<Account> {
    let name = user.name.parse().ok()?;
    Some(Account { name, uid: user.uid.as_raw(), gid: user.gid.as_raw() })
}

/// The names of the groups that the account is in, as far as they are names that policy can use.
pub(crate) fn groups(account: &Account) -> Result<Vec<UserName>, AccountsUnavailable> {
    let name = std::ffi::CString::new(account.name.as_str()).unwrap_or_default();
    let ids = nix::unistd::getgrouplist(&name, Gid::from_raw(account.gid)).map_err(AccountsUnavailable)?;
    let mut names = Vec::with_capacity(ids.len());
    for id in ids {
        let group = Group::from_gid(id).map_err(AccountsUnavailable)?;
        names.extend(group.and_then(|group| group.name.parse().ok()));
    }
    Ok(names)
}

/// The 16 bytes of machine-id(5).
pub(crate) fn machine_id(path: &Path) -> Option<[u8; 16]> {
    let text = fs::read_to_string(path).ok()?;
    let value = u128::from_str_radix(text.trim(), 16).ok()?;
    (value != 0).then(|| value.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_known_by_uid_and_by_name() {
        let root = by_uid(0).unwrap().unwrap();
        assert_eq!(root.name.as_str(), "root");
        assert_eq!(by_name(&root.name).unwrap().unwrap().uid, 0);
        assert!(groups(&root).unwrap().iter().any(|g| g.as_str() == "root"));
        assert!(by_name(&"no-such-user-here".parse().unwrap()).unwrap().is_none());
    }

    #[test]
    fn a_machine_id_is_32_hex_digits_and_not_zero() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("machine-id");
        for (text, good) in
            [("0123456789abcdef0123456789abcdef\n", true), ("0", false), ("x", false), ("", false)]
        {
            fs::write(&path, text).unwrap();
            assert_eq!(machine_id(&path).is_some(), good, "{text:?}");
        }
    }
}
