//! The queue for slow work: key derivations, and the system's password service.
//!
//! Argon2id with 64 MiB takes 154 ms of one core; a thousand at once would take 64 GB. So at most
//! two run at the same time, and one uid cannot push another back: each uid has one place in the
//! line (security.md, R16).

use std::{io, path::PathBuf, process::Stdio, time::Duration};

use argon2::{
    Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version,
    password_hash::{self as hashing, phc::PasswordHash},
};
use signet_authn::{Matched, Verifier, Work, WorkResult};
use signet_device_link::password::{self, Reply, Request};
use signet_types::Secret;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::Command,
    sync::Semaphore,
};

use crate::lanes::Lanes;

/// The longest that the system's password service may take; Kerberos and SSSD ask a network.
const PASSWORD_DEADLINE: Duration = Duration::from_secs(30);
/// Memory of one derivation in KiB, passes, lanes: RFC 9106, section 4, second recommendation.
const ARGON2: (u32, u32, u32) = (64 * 1024, 3, 1);
/// Derivations at once.
const AT_ONCE: usize = 2;

/// Carries out [`Work`], fairly and within bounds.
pub(crate) struct WorkQueue {
    slots: Semaphore,
    lanes: Lanes<u32>,
    password_check: PathBuf,
}

impl WorkQueue {
    /// A queue whose password checks run `password_check`.
    pub(crate) fn new(password_check: PathBuf) -> Self {
        Self { slots: Semaphore::new(AT_ONCE), lanes: Lanes::default(), password_check }
    }

    /// Waits for its turn among the work of `uid` and then among all, and does the work.
    /// Dropping the future gives the place back; a derivation that runs is finished unseen.
    pub(crate) async fn run(&self, uid: u32, work: Work) -> WorkResult {
        self.lanes.run(uid, self.run_in_turn(work)).await
    }

    async fn run_in_turn(&self, work: Work) -> WorkResult {
        match work {
            Work::SystemPassword(user, password) => self.ask_system(&Request::Check { user, password }).await,
            Work::ChangeSystemPassword(user, old, new) => {
                self.ask_system(&Request::Change { user, old, new }).await
            }
            Work::Hash(secret) => self.derive(move || hash(&secret)).await,
            Work::Compare(secret, verifier) => self.derive(move || compare(&secret, &verifier)).await,
        }
    }

    async fn derive(&self, job: impl FnOnce() -> WorkResult + Send + 'static) -> WorkResult {
        let Ok(slot) = self.slots.acquire().await else { return WorkResult::Failed };
        let result = tokio::task::spawn_blocking(job).await.unwrap_or(WorkResult::Failed);
        drop(slot);
        result
    }

    /// Runs the password helper for one question and ends it at the deadline.
    async fn ask_system(&self, request: &Request) -> WorkResult {
        let reply = match tokio::time::timeout(PASSWORD_DEADLINE, self.ask_helper(request)).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(error)) => {
                tracing::error!(%error, helper = %self.password_check.display(), "password check failed");
                Reply::Failed
            }
            Err(_) => {
                tracing::error!("the password service did not answer in {PASSWORD_DEADLINE:?}");
                Reply::Failed
            }
        };
        reply.outcome().map_or(WorkResult::Failed, WorkResult::Password)
    }

    async fn ask_helper(&self, request: &Request) -> io::Result<Reply> {
        let mut helper = Command::new(&self.password_check)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()?;
        let (Some(mut input), Some(output)) = (helper.stdin.take(), helper.stdout.take()) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        input.write_all(&password::encode(request).map_err(io::Error::other)?).await?;
        drop(input);
        let mut answer = Vec::new();
        output.take(2).read_to_end(&mut answer).await?;
        helper.wait().await?;
        Ok(Reply::from_output(&answer))
    }
}

fn argon2() -> Option<Argon2<'static>> {
    let (memory, passes, lanes) = ARGON2;
    let params = Params::new(memory, passes, lanes, None).ok()?;
    Some(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(secret: &Secret) -> WorkResult {
    let mut salt = [0; 16];
    let hashed = argon2().filter(|_| getrandom::fill(&mut salt).is_ok()).map(|argon2| {
        let hash: hashing::Result<PasswordHash> = argon2.hash_password_with_salt(secret.expose(), &salt);
        hash
    });
    match hashed {
        Some(Ok(hash)) => WorkResult::Hashed(Verifier::new(hash.to_string())),
        _ => WorkResult::Failed,
    }
}

fn compare(secret: &Secret, verifier: &Verifier) -> WorkResult {
    let (Some(argon2), Ok(hash)) = (argon2(), PasswordHash::new(verifier.as_str())) else {
        return WorkResult::Failed;
    };
    match argon2.verify_password(secret.expose(), &hash) {
        Ok(()) => WorkResult::Compared(Matched::Yes),
        Err(hashing::Error::PasswordInvalid) => WorkResult::Compared(Matched::No),
        Err(_) => WorkResult::Failed,
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, rc::Rc};

    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::try_from(text.to_owned()).unwrap()
    }

    fn queue() -> WorkQueue {
        WorkQueue::new("/nonexistent".into())
    }

    /// Runs on a current-thread runtime, as the daemon does.
    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    #[test]
    fn a_verifier_matches_its_secret_only() {
        run(async {
            let WorkResult::Hashed(verifier) = queue().run(0, Work::Hash(secret("4711"))).await else {
                panic!()
            };
            assert!(verifier.as_str().starts_with("$argon2id$v=19$m=65536,t=3,p=1$"));
            for (text, wanted) in [("4711", Matched::Yes), ("4712", Matched::No), ("", Matched::No)] {
                let result = queue().run(0, Work::Compare(secret(text), verifier.clone())).await;
                assert!(matches!(result, WorkResult::Compared(matched) if matched == wanted), "{text}");
            }
        });
    }

    #[test]
    fn what_cannot_be_done_is_a_failure_never_an_answer() {
        run(async {
            let broken = Work::Compare(secret("x"), Verifier::new("$argon2id$broken".into()));
            assert!(matches!(queue().run(0, broken).await, WorkResult::Failed));
            let no_helper = Work::SystemPassword("alice".parse().unwrap(), secret("x"));
            assert!(matches!(queue().run(0, no_helper).await, WorkResult::Failed));
        });
    }

    /// One uid has queued many derivations; another one's waits for the running ones at most.
    #[test]
    fn one_uid_cannot_push_another_back() {
        run(async {
            let queue = Rc::new(queue());
            let finished = Rc::new(RefCell::new(Vec::new()));
            let local = tokio::task::LocalSet::new();
            for uid in [1, 1, 1, 1, 1, 1, 2] {
                let (queue, finished) = (Rc::clone(&queue), Rc::clone(&finished));
                local.spawn_local(async move {
                    let _ = queue.run(uid, Work::Hash(secret("x"))).await;
                    finished.borrow_mut().push(uid);
                });
            }
            local.await;
            let place = finished.borrow().iter().position(|uid| *uid == 2).unwrap();
            // In one line for all it would be the last or the last but one of seven. Its own turn comes
            // at once; which of two running derivations ends first is the scheduler's choice.
            assert!(place <= 3, "{:?}", finished.borrow());
            assert_eq!(queue.lanes.len(), 0, "no lane is kept for a uid that has gone");
        });
    }
}
