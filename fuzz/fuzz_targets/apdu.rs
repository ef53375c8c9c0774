//! A command's exchange with a card that answers anything: it ends, within its bounds.

#![no_main]

use libfuzzer_sys::fuzz_target;
use signet_smartcard::{
    apdu::{Command, Exchange, Progress},
    piv::{self, PinReference},
};

fn command(choice: u8) -> Command {
    match choice % 4 {
        0 => piv::select(),
        1 => piv::get_tries(PinReference::Application),
        2 => Command::ask(0x87, 0x07, 0x9A, vec![0xAB; 600]),
        _ => piv::get_uid(),
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((&choice, mut rest)) = data.split_first() else { return };
    let Ok((mut exchange, _)) = Exchange::begin(command(choice)) else { return };
    for _ in 0..100 {
        // Each reply has its length in front, up to 510 bytes; after the last one the same goes on for ever.
        let reply = match rest.split_first() {
            Some((&length, tail)) => {
                let (reply, tail) = tail.split_at((usize::from(length) * 2).min(tail.len()));
                rest = tail;
                reply
            }
            None => &[0x5A, 0x61, 0x01],
        };
        match exchange.take(reply) {
            Ok(Progress::Send(frame)) => assert!((4..=261).contains(&frame.expose().len())),
            Ok(Progress::Done(response)) => {
                assert!(response.data.len() <= 16 * 1024);
                return;
            }
            Err(_) => return,
        }
    }
    panic!("the exchange does not end");
});
