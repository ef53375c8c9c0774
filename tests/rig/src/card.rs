use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Child, CommandSocket, Pcscd, RigError, process::program};

/// The card simulator behind one of pcscd's readers.
pub struct CardSimulator {
    _process: Child,
    socket: CommandSocket,
}

impl CardSimulator {
    /// Starts `signet-sim-card` with these cards (see its `--help`) at the reader of this index. No
    /// card is in the reader.
    pub fn start(pcscd: &Pcscd, reader: u16, cards: &[&str]) -> Result<Self, RigError> {
        Self::start_in(pcscd, reader, cards, None)
    }

    /// Like [`CardSimulator::start`], with a directory that keeps keys, certificates and try counters.
    pub fn start_in(
        pcscd: &Pcscd,
        reader: u16,
        cards: &[&str],
        state: Option<&Path>,
    ) -> Result<Self, RigError> {
        let socket = CommandSocket::new(format!("/run/signet-rig/card-{reader}"));
        let mut command = Command::new(program("signet-sim-card", "signet-sim-card")?);
        command.arg("--vpcd").arg(format!("127.0.0.1:{}", pcscd.port(reader)?));
        command.arg("--socket").arg(socket.path());
        for card in cards {
            command.args(["--card", card]);
        }
        if let Some(directory) = state {
            command.arg("--state").arg(directory);
        }
        let (process, _) = Child::start_ready(&mut command, "signet-sim-card")?;
        Ok(Self { _process: process, socket })
    }

    /// Where its command socket is.
    #[must_use]
    pub fn socket(&self) -> &Path {
        self.socket.path()
    }

    /// Puts the card in; returns when vpcd has it. pcscd shows it up to 0.4 s later.
    pub fn insert(&self, name: &str) -> Result<(), RigError> {
        self.send(&format!("insert {name}")).map(drop)
    }

    /// Pulls the card. pcscd shows it up to 0.4 s later.
    pub fn remove(&self) -> Result<(), RigError> {
        self.send("remove").map(drop)
    }

    /// Lets the card vanish in the middle of the `at`-th following APDU, 1 for the next.
    pub fn yank_mid_apdu(&self, at: u32) -> Result<(), RigError> {
        self.send(&format!("yank-mid-apdu {at}")).map(drop)
    }

    /// The PIN tries that the card has left.
    pub fn tries(&self, name: &str) -> Result<u8, RigError> {
        let reply = self.send(&format!("tries {name}"))?;
        reply.parse().map_err(|_| RigError::Refused { command: "tries".to_owned(), reply })
    }

    /// Sends any command: `garble`, `stall 500`, `status 6F00`, `swap berta`, ... (`help` lists them).
    pub fn send(&self, command: &str) -> Result<String, RigError> {
        self.socket.send(command)
    }
}

/// The third-party PIV card behind one of pcscd's readers, from its start until this is dropped. Its
/// PIN is 123456.
pub struct ThirdPartyCard {
    _process: Child,
    authority: PathBuf,
}

impl ThirdPartyCard {
    /// Puts a card with a key of this algorithm (`rsa2048`, `p256`, `p384`) into the reader.
    ///
    /// The program is not built with the workspace: the environment variable
    /// `SIGNET_THIRD_PARTY_PIV` names it, or it lies beside the workspace's programs.
    pub fn start(pcscd: &Pcscd, reader: u16, algorithm: &str, common_name: &str) -> Result<Self, RigError> {
        let program = match env::var_os("SIGNET_THIRD_PARTY_PIV") {
            Some(path) => PathBuf::from(path),
            None => third_party_program()?,
        };
        let mut command = Command::new(program);
        command.arg("--vpcd").arg(format!("127.0.0.1:{}", pcscd.port(reader)?));
        let authority = PathBuf::from("/run/signet-rig/third-party-ca.pem");
        command.args(["--alg", algorithm, "--cn", common_name]).arg("--ca").arg(&authority);
        let (process, _) = Child::start_ready(&mut command, "signet-sim-third-party-piv")?;
        Ok(Self { _process: process, authority })
    }

    /// The file of the authority's certificate, PEM.
    #[must_use]
    pub fn authority(&self) -> &Path {
        &self.authority
    }
}

fn third_party_program() -> Result<PathBuf, RigError> {
    program("signet-sim-third-party-piv", "signet-sim-third-party-piv").map_err(|error| match error {
        RigError::NotBuilt { path, .. } => RigError::NotBuilt {
            path,
            build: "cargo build --manifest-path simulators/third-party-piv/Cargo.toml --target-dir target"
                .to_owned(),
        },
        other => other,
    })
}
