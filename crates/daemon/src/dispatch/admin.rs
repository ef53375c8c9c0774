//! `io.signet.Admin`: the daemon itself.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Component, Path, PathBuf},
    rc::Rc,
};

use signet_authn::DeviceKind;
use signet_device_link::Health;
use signet_protocol::{Method as Call, Refusal, wire::admin as wire};
use signet_store::{Records, verify_export};
use signet_types::Secret;

use crate::{
    access::{self, Subject},
    daemon::Daemon,
    peer::Peer,
};

/// Most audit entries in one reply; a reply is bounded like every message.
const MAX_ENTRIES: u32 = 100;

pub(super) async fn status(daemon: &Daemon, peer: Peer) -> Result<wire::DaemonStatus, Refusal> {
    access::check(peer, &Subject::Nobody, Call::Status)?;
    let counted = daemon.stored(|records| {
        let users = records.users()?;
        let mut credentials = 0;
        for user in &users {
            credentials += records.credentials(user)?.len();
        }
        Ok((users.len(), credentials))
    });
    let (users, credentials) = counted.await.map_err(|error| store_fault(&error))?;
    let devices = daemon.devices.known().into_iter().map(|(device, known)| wire::Device {
        device,
        kind: kind_word(known.kind).into(),
        token_present: known.token,
    });
    Ok(wire::DaemonStatus {
        version: env!("CARGO_PKG_VERSION").into(),
        started_at: daemon.started_at.to_string(),
        engine: daemon.records.engine().to_string(),
        key_source: "file".into(),
        users: number(users),
        credentials: number(credentials),
        conversations: number(daemon.arbiter.len()),
        policy_in_force_since: daemon.policy_since.get().to_string(),
        devices: devices.collect(),
    })
}

const fn kind_word(kind: DeviceKind) -> &'static str {
    match kind {
        DeviceKind::Pcsc => "pcsc",
        DeviceKind::Nfc => "nfc",
        DeviceKind::Hid => "hid",
        DeviceKind::Fprint => "fprint",
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

impl Daemon {
    /// What is missing for devices of this kind, and what to do, in one line (MET-02).
    pub(crate) fn device_problem(&self, kind: DeviceKind) -> Option<String> {
        match self.devices.health(kind) {
            None => Some(format!(
                "the device host does not run: see the log of signetd, and whether {} exists",
                self.config.device_host.display()
            )),
            Some(Health::Ready) if self.devices.has_reader(kind) => None,
            Some(Health::Ready) => Some("no reader is connected: connect one".into()),
            Some(health) => Some(health.to_string()),
        }
    }
}

pub(super) async fn doctor(daemon: &Rc<Daemon>, peer: Peer) -> Result<wire::Diagnosis, Refusal> {
    access::check(peer, &Subject::Nobody, Call::Doctor)?;
    let mut checks = vec![check_store(daemon).await, check_policy(daemon), check_key()];
    checks.extend(daemon.drivers.iter().filter_map(|driver| driver.about().device).map(|kind| {
        let part = format!("devices: {}", kind_word(kind));
        match daemon.device_problem(kind) {
            None => good(&part, "ready"),
            Some(problem) => warning(&part, "not ready", &problem),
        }
    }));
    checks.push(match daemon.logind.check().await {
        Ok(()) => good("logind", "answers"),
        Err(error) => warning(
            "logind",
            &error.to_string(),
            "sessions cannot be locked: start systemd-logind and the system bus",
        ),
    });
    checks.push(check_program("password check", &daemon.config.password_check));
    checks.push(check_pam_service());
    Ok(wire::Diagnosis { checks })
}

async fn check_store(daemon: &Daemon) -> wire::Check {
    match daemon.stored(Records::users).await {
        Ok(users) => good("store", &format!("{}, {} user(s)", daemon.records.engine(), users.len())),
        Err(error) => bad("store", &error.to_string(), "see SECURITY.md, \"When the store is refused\""),
    }
}

fn check_policy(daemon: &Daemon) -> wire::Check {
    match daemon.policy.borrow().last_error().first() {
        None => good("policy", "in force"),
        Some(finding) => {
            warning("policy", &finding.to_string(), "mend the file, then run 'signetctl policy reload'")
        }
    }
}

fn check_key() -> wire::Check {
    warning(
        "store key",
        "is a file that root can read",
        "encrypt the disk: whoever reads the disk reads the store",
    )
}

fn check_program(part: &str, path: &Path) -> wire::Check {
    if path.is_file() {
        good(part, &path.display().to_string())
    } else {
        bad(part, &format!("{} is missing", path.display()), "install it, or name it in signet.toml")
    }
}

fn check_pam_service() -> wire::Check {
    let path = Path::new("/etc/pam.d/signet-password");
    if path.is_file() {
        good("PAM service signet-password", "is set up")
    } else {
        warning(
            "PAM service signet-password",
            "is missing: the system password cannot be checked",
            "install packaging/pam.d/signet-password as /etc/pam.d/signet-password",
        )
    }
}

fn good(part: &str, text: &str) -> wire::Check {
    check(part, wire::Health::Good, text, "")
}

fn warning(part: &str, text: &str, advice: &str) -> wire::Check {
    check(part, wire::Health::Warning, text, advice)
}

fn bad(part: &str, text: &str, advice: &str) -> wire::Check {
    check(part, wire::Health::Bad, text, advice)
}

fn check(part: &str, state: wire::Health, text: &str, advice: &str) -> wire::Check {
    wire::Check { part: part.into(), state, text: text.into(), advice: advice.into() }
}

pub(super) async fn export(
    daemon: &Daemon,
    peer: Peer,
    call: wire::Export,
) -> Result<wire::Exported, Refusal> {
    access::check(peer, &Subject::Nobody, Call::Export)?;
    let path = export_path(&call.path)?;
    let passphrase = call.passphrase.into_secret().map_err(|error| bad_path(&error.to_string()))?;
    let written = daemon.stored(move |records| Ok(write_export(records, &path, &passphrase))).await;
    match written.map_err(|error| store_fault(&error))? {
        Ok(records) => Ok(wire::Exported { records }),
        Err(error) => Err(bad_path(&error.to_string())),
    }
}

fn export_path(text: &str) -> Result<PathBuf, Refusal> {
    let path = PathBuf::from(text);
    let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    if path.is_absolute() && plain && path.file_name().is_some() {
        Ok(path)
    } else {
        Err(bad_path("it must be absolute and without '..'"))
    }
}

/// Writes to a new file that only root reads, syncs it, and reads it back before it counts.
fn write_export(records: &Records, path: &Path, passphrase: &Secret) -> io::Result<u32> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let summary = records.export(&mut file, passphrase).map_err(io::Error::other)?;
    file.flush()?;
    file.sync_all()?;
    let read_back = verify_export(&mut std::fs::File::open(path)?, passphrase).map_err(io::Error::other)?;
    if read_back == summary {
        Ok(u32::try_from(summary.total()).unwrap_or(u32::MAX))
    } else {
        Err(io::Error::other("the export does not read back"))
    }
}

pub(super) async fn audit(
    daemon: &Daemon,
    peer: Peer,
    call: wire::Audit,
) -> Result<wire::AuditEntries, Refusal> {
    access::check(peer, &Subject::Nobody, Call::Audit)?;
    let audit = std::sync::Arc::clone(&daemon.audit);
    let count = call.count.min(MAX_ENTRIES) as usize;
    let read = tokio::task::spawn_blocking(move || audit.newest(count)).await;
    match read {
        Ok(Ok(entries)) => Ok(wire::AuditEntries { entries }),
        Ok(Err(error)) => Err(wire::Error::StoreFault { reason: error.to_string() }.into()),
        Err(_) => Err(wire::Error::StoreFault { reason: "see the log of signetd".into() }.into()),
    }
}

fn bad_path(reason: &str) -> Refusal {
    wire::Error::BadPath { reason: reason.into() }.into()
}

fn store_fault(error: &signet_store::StoreError) -> Refusal {
    tracing::error!(%error, "the store failed");
    wire::Error::StoreFault { reason: "see the log of signetd".into() }.into()
}
