use std::time::{Duration, Instant};

use signet_e2e::{E2eError, Typed, Workstation};

/// What was shown, step by step, and whether each had its right result.
#[derive(Default)]
pub(crate) struct Report {
    steps: u32,
    wrong: u32,
}

/// What a step must come to.
#[derive(Clone, Copy)]
pub(crate) enum Wanted {
    /// Yes.
    Granted,
    /// No.
    Refused,
}

impl Report {
    /// Prepares something, and tells how long that took.
    pub(crate) fn set_up<T>(
        &mut self,
        what: &str,
        prepare: impl FnOnce() -> Result<T, E2eError>,
    ) -> Result<T, E2eError> {
        let started = Instant::now();
        let made = prepare()?;
        self.line(what, true, started.elapsed());
        Ok(made)
    }

    /// A try that must come to `wanted`; its last words are shown, and must hold `says`.
    pub(crate) fn tried(&mut self, what: &str, wanted: Wanted, says: &str, typed: &Typed) {
        let as_wanted = typed.granted() == matches!(wanted, Wanted::Granted) && typed.said.contains(says);
        self.line(what, as_wanted, typed.took);
        for line in typed.said.lines().filter(|line| !line.trim().is_empty()) {
            println!("       | {line}");
        }
    }

    /// Something that must have become so.
    pub(crate) fn came(&mut self, what: &str, seen: Result<Duration, E2eError>) {
        match seen {
            Ok(took) => self.line(what, true, took),
            Err(error) => {
                self.line(what, false, Duration::ZERO);
                println!("       | {error}");
            }
        }
    }

    fn line(&mut self, what: &str, right: bool, took: Duration) {
        self.steps += 1;
        self.wrong += u32::from(!right);
        let verdict = if right { "ok" } else { "WRONG" };
        println!("{:>4}  {what:<74} {verdict:>5} {:>6} ms", self.steps, took.as_millis());
    }

    /// Shows what the daemon has recorded.
    pub(crate) fn close(&self, station: &Workstation) -> Result<(), E2eError> {
        println!("\nWhat signetd recorded (signetctl audit):");
        for line in station.ctl(&["audit", "-n", "40"], &[])?.said.lines() {
            println!("       | {line}");
        }
        println!("\n{} steps, {} with a wrong result", self.steps, self.wrong);
        Ok(())
    }

    /// Whether every step had its right result.
    pub(crate) fn is_good(&self) -> bool {
        self.wrong == 0
    }
}
