//! Carries out what a conversation asks for.

use std::{rc::Rc, time::Duration};

use futures_util::{FutureExt, future::Abortable};
use signet_authn::{Frame, TokenIdentifier, Work};
use signet_session::{CeremonyId, Charge, Input, Output, StoreRefusal, Timer};
use signet_types::{DeviceId, UserName};

use super::{Done, Talk};

impl Talk {
    pub(super) fn carry_out(&mut self, output: Output) {
        match output {
            Output::Tell(message) => self.tell(&message),
            Output::Ask(id, prompt) => self.ask(id, prompt),
            Output::Withdraw(id) => self.withdraw(id),
            Output::Open(ceremony, device) => self.open(ceremony, device),
            Output::Exchange(ceremony, device, frame) => self.exchange(ceremony, &device, frame),
            Output::Close(ceremony, device) => self.close(ceremony, &device),
            Output::Work(ceremony, work) => self.work_for(ceremony, work),
            Output::End(ceremony) => self.end(ceremony),
            Output::LoadUser(user) => self.load_user(user),
            Output::Lookup(identifier) => self.look_up(&identifier),
            Output::Charge(charge) => self.charge(charge),
            Output::Store(change) => self.store(change),
            Output::SetTimer(timer, after) => self.set_timer(timer, after),
            Output::Finish(conclusion) => self.finish(*conclusion),
        }
    }

    /// Waits for something; what comes of it is fed to the conversation.
    pub(super) fn wait_for(&mut self, work: impl Future<Output = Done> + 'static) {
        self.work.push(work.map(Ok).boxed_local());
    }

    /// Waits for something that ends with its ceremony.
    fn wait_in(&mut self, ceremony: CeremonyId, work: impl Future<Output = Done> + 'static) {
        let (abort, registration) = futures_util::future::AbortHandle::new_pair();
        self.running.entry(ceremony).or_default().aborts.push(abort);
        self.work.push(Abortable::new(work, registration).boxed_local());
    }

    fn open(&mut self, ceremony: CeremonyId, device: DeviceId) {
        let devices = Rc::clone(&self.daemon.devices);
        self.wait_in(ceremony, async move {
            let opened = devices.open(device.clone()).await;
            Done::Opened(ceremony, device, opened)
        });
    }

    fn exchange(&mut self, ceremony: CeremonyId, device: &DeviceId, frame: Frame) {
        let lease = self.running.get(&ceremony).and_then(|running| running.leases.get(device)).cloned();
        self.wait_in(ceremony, async move {
            let reply = match lease {
                Some(lease) => lease.exchange(frame).await,
                None => Err(signet_authn::DeviceError::ReaderGone),
            };
            Done::Fed(Input::Reply(ceremony, reply))
        });
    }

    fn close(&mut self, ceremony: CeremonyId, device: &DeviceId) {
        // Dropping the lease gives the device back, reset; the next use of it queues behind that.
        if let Some(running) = self.running.get_mut(&ceremony) {
            running.leases.remove(device);
        }
        self.wait_for(async move { Done::Fed(Input::Closed(ceremony)) });
    }

    fn work_for(&mut self, ceremony: CeremonyId, work: Work) {
        let (daemon, uid) = (Rc::clone(&self.daemon), self.peer.uid);
        self.wait_in(ceremony, async move {
            Done::Fed(Input::Worked(ceremony, daemon.work.run(uid, work).await))
        });
    }

    fn end(&mut self, ceremony: CeremonyId) {
        if let Some(running) = self.running.remove(&ceremony) {
            running.aborts.iter().for_each(futures_util::future::AbortHandle::abort);
        }
    }

    fn load_user(&mut self, user: UserName) {
        let daemon = Rc::clone(&self.daemon);
        let (service, origin) = {
            let conversation = self.conversation.borrow();
            (conversation.request().service.clone(), conversation.request().origin)
        };
        self.wait_for(async move {
            let profile = match daemon.profile(&user, &service, origin).await {
                Ok(profile) => Some(Box::new(profile)),
                Err(error) => {
                    tracing::error!(%user, %error, "the user's profile cannot be loaded");
                    None
                }
            };
            Done::Fed(Input::Profile(profile))
        });
    }

    fn look_up(&mut self, identifier: &TokenIdentifier) {
        let daemon = Rc::clone(&self.daemon);
        let hash = daemon.records.identifier_hash(identifier.as_bytes());
        self.wait_for(async move {
            let owner = daemon.stored(move |records| records.owner_of(&hash)).await;
            let owner = owner.map(|owner| owner.map(|(user, _)| user)).map_err(|error| {
                tracing::error!(%error, "a token's owner cannot be looked up");
                StoreRefusal::Fault
            });
            Done::Fed(Input::Owner(owner))
        });
    }

    fn charge(&mut self, charge: Charge) {
        let daemon = Rc::clone(&self.daemon);
        let rule = self.lockout;
        self.wait_for(async move {
            let charged = daemon.charge(&charge, rule).await;
            Done::Fed(Input::Charged(charged))
        });
    }

    fn set_timer(&mut self, timer: Timer, after: Duration) {
        self.wait_for(async move {
            tokio::time::sleep(after).await;
            Done::Fed(Input::Timer(timer))
        });
    }
}
