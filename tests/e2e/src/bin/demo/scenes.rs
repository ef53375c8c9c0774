//! What happens in the demo.

use std::time::Instant;

use signet_e2e::{E2eError, Workstation};

use crate::report::{Report, Wanted};

/// Plays all scenes; an error means that the stage itself broke.
pub(crate) fn play(station: &Workstation, report: &mut Report) -> Result<(), E2eError> {
    enrol(station, report)?;
    log_on_and_lock(station, report)?;
    unlock(station, report)?;
    refusals(station, report)
}

fn enrol(station: &Workstation, report: &mut Report) -> Result<(), E2eError> {
    for (user, pin) in [("alice", "471108"), ("bob", "081147")] {
        station.insert(user)?;
        let typed = station.enroll(user, pin)?;
        report.tried(
            &format!("{user} enrols a card: password first, then the card's PIN"),
            Wanted::Granted,
            "",
            &typed,
        );
        station.remove()?;
    }
    let typed = station.ctl(&["list", "--user", "alice"], &[])?;
    report.tried("what alice has enrolled", Wanted::Granted, "PIV", &typed);
    Ok(())
}

fn log_on_and_lock(station: &Workstation, report: &mut Report) -> Result<(), E2eError> {
    station.insert("alice")?;
    let typed = station.log_on("alice", "c1", &[("PIN", "471108")])?;
    report.tried("alice's card is in: she logs on with its PIN (PAM)", Wanted::Granted, "", &typed);
    let pulled = Instant::now();
    station.cards.remove()?;
    let locked = station.await_locked("c1", true).map(|()| pulled.elapsed());
    report.came("she takes the card: the session locks (logind's LockedHint)", locked);
    station.await_token(false)
}

fn unlock(station: &Workstation, report: &mut Report) -> Result<(), E2eError> {
    let unlock = ["--stdin-secrets", "session", "unlock", "c1"];
    station.insert("bob")?;
    let typed = station.ctl(&unlock, &[])?;
    report.tried("bob's card does not unlock it", Wanted::Refused, "", &typed);
    station.remove()?;
    station.insert("alice")?;
    let typed = station.ctl(&unlock, &[("PIN", "471108")])?;
    report.tried("alice's card and PIN do", Wanted::Granted, "", &typed);
    let asked = Instant::now();
    report.came("the session is unlocked", station.await_locked("c1", false).map(|()| asked.elapsed()));
    Ok(())
}

fn refusals(station: &Workstation, report: &mut Report) -> Result<(), E2eError> {
    let answers = [("PIN", "000000"), ("Spend one", "yes"), ("PIN", "471108")];
    let typed = station.authenticate("alice", &answers)?;
    report.tried(
        "a wrong PIN is told; the last tries are spent only if she says so",
        Wanted::Granted,
        "Wrong PIN",
        &typed,
    );
    let typed = station.set_policy("[method.smartcard]\nenabled = false\n")?;
    report.tried("the administrator disables smart cards", Wanted::Granted, "", &typed);
    let typed = station.ctl(&["verify", "smartcard", "--user", "alice"], &[])?;
    report.tried("alice's card opens nothing now, and she is told why", Wanted::Refused, "disabled", &typed);
    let typed = station.set_policy("[method.smartcard]\nenable = true\n")?;
    report.tried(
        "a policy with a misspelt key is refused; the last one stays",
        Wanted::Refused,
        "enabled",
        &typed,
    );
    let typed = station.set_policy("[session]\nunlock_by_token = true\n")?;
    report.tried("smart cards are enabled again", Wanted::Granted, "", &typed);
    let typed = station.authenticate("alice", &[("PIN", "471108")])?;
    report.tried("alice logs on again", Wanted::Granted, "", &typed);
    Ok(())
}
