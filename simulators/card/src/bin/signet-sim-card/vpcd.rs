//! The card's side of vpcd's protocol: frames of a length in two bytes, big-endian, and as many bytes.
//! A frame of one byte is a control: 0 power off, 1 power on, 2 reset, 4 asks for the answer to reset.
//! All else is a command APDU. (vsmartcard, virtualsmartcard/src/vpcd/vpcd.h.)

use std::{
    io::{self, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use rustix::net::{RecvFlags, recv, sockopt};

use signet_sim_card::Slot;

use crate::bench::Bench;

/// The time between two attempts to reach vpcd. Nothing tells when a program begins to listen.
const RETRY: Duration = Duration::from_millis(50);

/// Connects to vpcd whenever a card is in, and lets the card answer. Returns when the bench is done.
pub(crate) fn serve(address: SocketAddr, bench: &Bench) -> io::Result<()> {
    while let Some(generation) = bench.wait_for_card() {
        let Ok(stream) = TcpStream::connect(address) else {
            bench.wait(RETRY, generation);
            continue;
        };
        stream.set_nodelay(true)?;
        if !bench.connected(generation, &stream)? {
            continue;
        }
        // A broken connection is a pulled card or a reader that went away; both go on from the top.
        let _ = converse(stream, bench, generation);
        bench.disconnected(generation);
        bench.wait(RETRY, generation);
    }
    Ok(())
}

fn converse(mut stream: TcpStream, bench: &Bench, generation: u64) -> io::Result<()> {
    let mut frames = Frames { stream: stream.try_clone()?, buffer: Vec::new() };
    loop {
        let frame = frames.next()?;
        match *frame {
            [0] => bench.with_slot(Slot::power_off),
            [1 | 2] => bench.with_slot(Slot::power_on),
            [4] => {
                let atr = bench.with_slot(|slot| slot.atr().map(<[u8]>::to_vec)).unwrap_or_default();
                send(&mut stream, &atr)?;
            }
            [] | [_] => {}
            _ => {
                let delivery = bench.transmit(&frame);
                if !delivery.after.is_zero() && !bench.wait(delivery.after, generation) {
                    return Ok(());
                }
                if !delivery.gone || !delivery.answer.is_empty() {
                    send(&mut stream, &delivery.answer)?;
                }
                if delivery.gone {
                    bench.remove();
                    return Ok(());
                }
            }
        }
    }
}

/// Writes length and bytes at once: two writes would wait for an acknowledgement in between.
fn send(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    let length =
        u16::try_from(bytes.len()).map_err(|_| io::Error::other("the answer is too long for vpcd"))?;
    stream.write_all(&[&length.to_be_bytes(), bytes].concat())
}

struct Frames {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Frames {
    fn next(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some((length, rest)) = self.buffer.split_first_chunk::<2>() {
                let length = usize::from(u16::from_be_bytes(*length));
                if let Some((frame, rest)) = rest.split_at_checked(length) {
                    let frame = frame.to_vec();
                    self.buffer = rest.to_vec();
                    return Ok(frame);
                }
            }
            self.receive()?;
        }
    }

    fn receive(&mut self) -> io::Result<()> {
        // vpcd writes length and bytes separately under Nagle's algorithm: without an acknowledgement
        // at once each APDU takes 43 ms. The kernel drops the option again, so it is set every time.
        sockopt::set_tcp_quickack(&self.stream, true)?;
        let mut chunk = [0; 4096];
        let (received, _) = recv(&self.stream, chunk.as_mut_slice(), RecvFlags::empty())?;
        if received == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.buffer.extend_from_slice(chunk.get(..received).unwrap_or_default());
        Ok(())
    }
}
