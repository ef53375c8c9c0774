use std::{env, fs};

use signet_types::UserName;

/// The name of the user who runs the program, by the uid: from `/etc/passwd`, else, for users of
/// a directory, from `LOGNAME` or `USER`. The daemon trusts the uid only, never this name: a wrong one
/// is refused.
pub(super) fn own_name() -> Option<UserName> {
    let uid = rustix::process::getuid().as_raw();
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let listed = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    let named = || env::var("LOGNAME").or_else(|_| env::var("USER")).ok();
    listed.or_else(named)?.parse().ok()
}

/// Whether root runs the program.
pub(super) fn is_root() -> bool {
    rustix::process::getuid().is_root()
}
