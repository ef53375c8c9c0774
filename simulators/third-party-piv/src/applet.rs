//! What lies between the wire and the applet: command chaining, GET RESPONSE, and a deselection.

use iso7816::{Command, Status};
use piv_authenticator::{Authenticator, Client};

/// The longest command after chaining, in bytes.
const LONGEST_COMMAND: usize = 4096;
/// The longest answer, in bytes.
const LONGEST_ANSWER: usize = 8192;

pub(crate) struct Applet<C> {
    authenticator: Authenticator<C>,
    chain: Option<Command<LONGEST_COMMAND>>,
    rest: Vec<u8>,
}

impl<C: Client> Applet<C> {
    pub(crate) fn new(authenticator: Authenticator<C>) -> Self {
        Self { authenticator, chain: None, rest: Vec::new() }
    }

    /// One whole command, of any length; data and status word.
    pub(crate) fn call(&mut self, apdu: &[u8]) -> (Vec<u8>, u16) {
        match Command::<LONGEST_COMMAND>::try_from(apdu) {
            Ok(command) => self.respond(&command),
            Err(_) => (Vec::new(), Status::WrongLength.into()),
        }
    }

    fn respond(&mut self, command: &Command<LONGEST_COMMAND>) -> (Vec<u8>, u16) {
        let mut reply = heapless::Vec::<u8, LONGEST_ANSWER>::new();
        match self.authenticator.respond(command.as_view(), &mut reply) {
            Ok(()) => (reply.to_vec(), Status::Success.into()),
            Err(status) => (Vec::new(), status.into()),
        }
    }

    /// The applet's own `deselect` leaves the PIN verified over a reset (0.7.0), so it is told to
    /// forget it (NIST SP 800-73-4 part 2, 3.2.1).
    fn forget(&mut self) {
        self.chain = None;
        self.rest.clear();
        let _ = self.call(&[0x00, 0x20, 0xFF, 0x80]);
    }

    fn chained(&mut self, message: &[u8]) -> (Vec<u8>, u16) {
        let Ok(command) = Command::<LONGEST_COMMAND>::try_from(message) else {
            return (Vec::new(), Status::WrongLength.into());
        };
        let whole = match self.chain.take() {
            Some(mut started) => match started.extend_from_command(&command) {
                Ok(()) => started,
                Err(_) => return (Vec::new(), Status::WrongLength.into()),
            },
            None => command.clone(),
        };
        if command.class().chain().not_the_last() {
            self.chain = Some(whole);
            return (Vec::new(), Status::Success.into());
        }
        self.respond(&whole)
    }
}

impl<C: Client> vpicc::VSmartCard for Applet<C> {
    fn power_on(&mut self) {
        self.forget();
    }

    fn power_off(&mut self) {
        self.forget();
    }

    fn reset(&mut self) {
        self.forget();
    }

    fn execute(&mut self, message: &[u8]) -> Vec<u8> {
        let (mut data, mut status) = if message.starts_with(&[0x00, 0xC0, 0x00, 0x00]) {
            (std::mem::take(&mut self.rest), Status::Success.into())
        } else {
            self.chained(message)
        };
        // A short command takes at most 256 bytes; an extended one has a zero where Lc would be.
        let extended = message.len() > 5 && message.get(4) == Some(&0);
        if !extended && data.len() > 256 {
            self.rest = data.split_off(256);
            status = 0x6100 | u16::from(u8::try_from(self.rest.len()).unwrap_or(0));
        } else {
            self.rest.clear();
        }
        data.extend(status.to_be_bytes());
        data
    }
}
