use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use signet_rig::{CardSimulator, Pcscd, StandInLogind, SystemBus, account, program};

use crate::{E2eError, Signetd, Typed, Typist, io, library, signetctl};

/// How a workstation is set up.
pub struct Setup<'a> {
    /// The cards at the reader; see `signet-sim-card --help`.
    pub cards: &'a [&'a str],
    /// `policy.toml`.
    pub policy: &'a str,
    /// `signet.toml` beside what the rig itself needs: `engine = "sqlite"`.
    pub config: &'a str,
    /// `RUST_LOG` of the daemon.
    pub log_level: &'a str,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self {
            cards: &["alice=piv,alg=p256,pin=471108,cn=alice", "bob=piv,alg=p256,pin=081147,cn=bob"],
            policy: "[session]\nunlock_by_token = true\n",
            config: "",
            log_level: "debug",
        }
    }
}

/// The cards of a reader.
pub type Cards = CardSimulator;

/// The workstation. Two users: `alice` with the password `alice-pw` and `bob` with `bob-pw`.
pub struct Workstation {
    /// The daemon.
    pub signetd: Signetd,
    /// The cards at its reader.
    pub cards: Cards,
    /// pcscd.
    pub pcscd: Pcscd,
    /// logind.
    pub logind: StandInLogind,
    log_level: String,
    _bus: SystemBus,
}

/// The PAM service that tries use: all four management groups are ours.
const SERVICE: &str = "signet-try";

impl Workstation {
    /// Sets everything up and starts it. Only inside a sandbox of the rig.
    pub fn start(setup: &Setup<'_>) -> Result<Self, E2eError> {
        for user in ["alice", "bob"] {
            account::add_user(user)?;
            account::set_password(user, &format!("{user}-pw"))?;
        }
        account::add_system_user("signet-device")?;
        write_files(setup)?;
        let bus = SystemBus::start()?;
        let logind = StandInLogind::start(&bus)?;
        let pcscd = Pcscd::start(1)?;
        let cards = CardSimulator::start(&pcscd, 0, setup.cards)?;
        pcscd.wait_for_card(0, false)?;
        let signetd = Signetd::start(&[], setup.log_level)?;
        Ok(Self { signetd, cards, pcscd, logind, log_level: setup.log_level.into(), _bus: bus })
    }

    /// Starts the daemon again after it was killed.
    pub fn restart_daemon(&mut self) -> Result<(), E2eError> {
        self.signetd.kill();
        self.signetd = Signetd::start(&[], &self.log_level)?;
        Ok(())
    }

    /// Puts a card in and waits until the daemon knows.
    pub fn insert(&self, card: &str) -> Result<(), E2eError> {
        self.cards.insert(card)?;
        self.pcscd.wait_for_card(0, true)?;
        self.await_token(true)
    }

    /// Pulls the card and waits until the daemon knows.
    pub fn remove(&self) -> Result<(), E2eError> {
        self.cards.remove()?;
        self.pcscd.wait_for_card(0, false)?;
        self.await_token(false)
    }

    /// Waits until the daemon tells that a token is, or is not, present.
    pub fn await_token(&self, present: bool) -> Result<(), E2eError> {
        self.until("the token's state in 'signetctl status'", || {
            let status = signetctl(&["--json", "status"])?.output().map_err(io("cannot run signetctl"))?;
            let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap_or_default();
            let devices =
                status.get("devices").and_then(serde_json::Value::as_array).cloned().unwrap_or_default();
            let held = devices.iter().any(|device| device.get("token_present") == Some(&true.into()));
            Ok(held == present && !devices.is_empty())
        })
    }

    /// Asks again until something is so, for ten seconds at most.
    pub fn until(
        &self,
        what: &str,
        mut is_so: impl FnMut() -> Result<bool, E2eError>,
    ) -> Result<(), E2eError> {
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            if is_so()? {
                return Ok(());
            }
            std::thread::park_timeout(Duration::from_millis(5));
        }
        Err(E2eError::Silent {
            program: "the workstation".into(),
            wanted: what.into(),
            said: self.signetd.log(),
        })
    }

    /// Tries to authenticate by PAM, answering prompts.
    pub fn authenticate(&self, user: &str, answers: &[(&str, &str)]) -> Result<Typed, E2eError> {
        Self::pam(SERVICE, user, &["authenticate"], answers)
    }

    /// Runs `pamtester` with these operations.
    pub fn pam(
        service: &str,
        user: &str,
        operations: &[&str],
        answers: &[(&str, &str)],
    ) -> Result<Typed, E2eError> {
        Typist::run(pamtester().args([service, user]).args(operations), answers)
    }

    /// Logs a user on by PAM and opens the logind session `session`, which stays open.
    pub fn log_on(&self, user: &str, session: &str, answers: &[(&str, &str)]) -> Result<Typed, E2eError> {
        let uid = account::user_id(user)?;
        self.logind.local_session(session, user, uid)?;
        let variable = format!("XDG_SESSION_ID={session}");
        Typist::run(
            pamtester().args(["-E", &variable, SERVICE, user]).args([
                "authenticate",
                "acct_mgmt",
                "open_session",
            ]),
            answers,
        )
    }

    /// Runs `signetctl` as root, answering prompts.
    pub fn ctl(&self, arguments: &[&str], answers: &[(&str, &str)]) -> Result<Typed, E2eError> {
        Typist::run(&mut signetctl(arguments)?, answers)
    }

    /// Enrols the card that is in the reader for a user with his password and the card's PIN.
    pub fn enroll(&self, user: &str, pin: &str) -> Result<Typed, E2eError> {
        let password = format!("{user}-pw");
        self.ctl(
            &["--stdin-secrets", "enroll", "smartcard", "--user", user],
            &[("Your password", &password), ("Smart card PIN", pin)],
        )
    }

    /// Puts a policy in force.
    pub fn set_policy(&self, text: &str) -> Result<Typed, E2eError> {
        fs::write("/etc/signet/policy.toml", text).map_err(io("cannot write the policy"))?;
        self.ctl(&["policy", "reload"], &[])
    }

    /// Waits until logind says that the session is (not) locked.
    pub fn await_locked(&self, session: &str, locked: bool) -> Result<(), E2eError> {
        self.until("the session's LockedHint", || Ok(self.logind.is_locked(session)? == locked))
    }
}

/// `pamtester`, line by line as on a terminal: it would hold messages back behind later prompts.
fn pamtester() -> Command {
    let mut command = Command::new("stdbuf");
    command.args(["--output=L", "pamtester"]);
    command
}

fn write_files(setup: &Setup<'_>) -> Result<(), E2eError> {
    let module = library()?;
    let module = module.display();
    let lines = ["auth", "account", "password", "session"];
    account::pam_service(SERVICE, &lines.map(|group| format!("{group} required {module}")).join("\n"))?;
    account::pam_service("signet-password", include_str!("../../../packaging/pam.d/signet-password"))?;
    fs::create_dir_all("/etc/signet").map_err(io("cannot make /etc/signet"))?;
    let config = format!(
        "{}\ndevice_host = '{}'\npassword_check = '{}'\n",
        setup.config,
        program("signet-device-host", "signet-device-host")?.display(),
        program("signet-password-check", "signet-port-pam")?.display(),
    );
    fs::write("/etc/signet/signet.toml", config).map_err(io("cannot write signet.toml"))?;
    fs::write("/etc/signet/policy.toml", setup.policy).map_err(io("cannot write policy.toml"))?;
    if !Path::new("/etc/machine-id").exists() || fs::metadata("/etc/machine-id").is_ok_and(|m| m.len() < 32) {
        let id = "0123456789abcdef0123456789abcdef\n";
        fs::write("/etc/machine-id", id).map_err(io("cannot write machine-id"))?;
    }
    Ok(())
}
