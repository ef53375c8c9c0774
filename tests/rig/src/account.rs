//! Real users, passwords and PAM services, in the sandbox's own `/etc`.

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use crate::{
    RigError,
    process::{checked, run},
};

/// Makes a user with a home and a shell; the user's id.
pub fn add_user(name: &str) -> Result<u32, RigError> {
    run(Command::new("useradd").args(["--create-home", "--shell", "/bin/sh", "--", name]), "passwd")?;
    user_id(name)
}

/// Sets a user's password.
pub fn set_password(name: &str, password: &str) -> Result<(), RigError> {
    let start = |source| RigError::Start { program: "chpasswd".to_owned(), package: "passwd", source };
    let mut child = Command::new("chpasswd")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(start)?;
    if let Some(mut stdin) = child.stdin.take() {
        let line = format!("{name}:{password}\n");
        stdin.write_all(line.as_bytes()).map_err(RigError::system("hand the password to chpasswd"))?;
    }
    let output = child.wait_with_output().map_err(RigError::system("wait for chpasswd"))?;
    checked("chpasswd", &output).map(drop)
}

/// Writes `/etc/pam.d/NAME`.
pub fn pam_service(name: &str, text: &str) -> Result<(), RigError> {
    let path = Path::new("/etc/pam.d").join(name);
    fs::write(&path, text).map_err(RigError::system(format!("write {}", path.display())))
}

/// Makes a system user without a home and a shell, as a package does for its service; the user's id.
pub fn add_system_user(name: &str) -> Result<u32, RigError> {
    run(Command::new("useradd").args(["--system", "--shell", "/usr/sbin/nologin", "--", name]), "passwd")?;
    user_id(name)
}

/// The id of a user.
pub fn user_id(name: &str) -> Result<u32, RigError> {
    let id = run(Command::new("id").args(["--user", "--", name]), "coreutils")?;
    id.trim().parse().map_err(|_| RigError::Refused { command: format!("id --user {name}"), reply: id })
}
