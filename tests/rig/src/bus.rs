use std::{fs, process::Command, time::Duration};

use crate::{Child, CommandSocket, RigError, process::program};

/// Where every client looks for the system bus.
const SOCKET: &str = "/run/dbus/system_bus_socket";

/// A private system bus: the real `dbus-daemon`, where anyone may own and call anything.
pub struct SystemBus {
    _process: Child,
}

impl SystemBus {
    /// Starts it at its usual socket inside the sandbox.
    pub fn start() -> Result<Self, RigError> {
        let configuration = format!(
            r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={SOCKET}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
  </policy>
</busconfig>
"#
        );
        let path = "/run/signet-rig/bus.conf";
        fs::write(path, configuration).map_err(RigError::system(format!("write {path}")))?;
        let mut command = Command::new("dbus-daemon");
        command.arg(format!("--config-file={path}")).args(["--nofork", "--nopidfile", "--print-address=1"]);
        let (process, _) = Child::start_ready(&mut command, "dbus-daemon")?;
        Ok(Self { _process: process })
    }

    /// The address of the bus.
    #[must_use]
    pub fn address(&self) -> String {
        format!("unix:path={SOCKET}")
    }
}

/// The stand-in for logind on the private bus.
pub struct StandInLogind {
    _process: Child,
    socket: CommandSocket,
}

impl StandInLogind {
    /// Starts it; it owns `org.freedesktop.login1` when this returns. Its screen lockers obey at once.
    pub fn start(bus: &SystemBus) -> Result<Self, RigError> {
        let socket = CommandSocket::new("/run/signet-rig/logind");
        let mut command = Command::new(program("signet-sim-logind", "signet-sim-logind")?);
        command.arg("--bus").arg(bus.address()).arg("--socket").arg(socket.path());
        let (process, _) = Child::start_ready(&mut command, "signet-sim-logind")?;
        Ok(Self { _process: process, socket })
    }

    /// Makes a session on `seat0` at `tty2`.
    pub fn local_session(&self, id: &str, user: &str, uid: u32) -> Result<(), RigError> {
        self.send(&format!("session {id} {user} {uid} seat0 tty2")).map(drop)
    }

    /// Makes a session as sshd does: no seat, remote.
    pub fn remote_session(&self, id: &str, user: &str, uid: u32) -> Result<(), RigError> {
        self.send(&format!("session {id} {user} {uid} - pts/0 remote service=sshd")).map(drop)
    }

    /// The session's `LockedHint`.
    pub fn is_locked(&self, id: &str) -> Result<bool, RigError> {
        self.send(&format!("locked {id}")).map(|reply| reply == "yes")
    }

    /// The ids of the sessions there are.
    pub fn sessions(&self) -> Result<Vec<String>, RigError> {
        self.send("list").map(|reply| reply.split_ascii_whitespace().map(str::to_owned).collect())
    }

    /// The screen lockers lock this long after the signal; `None`: never.
    pub fn set_locker(&self, delay: Option<Duration>) -> Result<(), RigError> {
        match delay {
            Some(delay) => self.send(&format!("locker {}", delay.as_millis())),
            None => self.send("locker never"),
        }
        .map(drop)
    }

    /// The calls that lock, unlock or terminate so far, each with its `CLOCK_MONOTONIC` time:
    /// `LockSession 3`.
    pub fn calls(&self) -> Result<Vec<(Duration, String)>, RigError> {
        let reply = self.send("calls")?;
        let parsed = reply.split("; ").filter(|text| !text.is_empty()).map(|text| {
            let (time, call) = text.split_once(' ')?;
            let (seconds, micros) = time.split_once('.')?;
            let time =
                Duration::from_secs(seconds.parse().ok()?) + Duration::from_micros(micros.parse().ok()?);
            Some((time, call.to_owned()))
        });
        let parsed: Option<Vec<_>> = parsed.collect();
        parsed.ok_or(RigError::Refused { command: "calls".to_owned(), reply })
    }

    /// Sends any command (`help` lists them).
    pub fn send(&self, command: &str) -> Result<String, RigError> {
        self.socket.send(command)
    }
}
