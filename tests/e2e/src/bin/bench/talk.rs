//! The daemon's own part of a conversation: no device, no key derivation. A client connects, starts,
//! gets the first prompt and cancels; the daemon loads the user, decides what to ask, and records the
//! end durably. The peer is the same number of calls that need nothing.

use std::{
    path::Path,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use signet_protocol::{
    Bounds, Client, Conversation, ServerIdentity,
    wire::{Event, authentication::Start, service::GetInfo},
};

use crate::{
    Fault,
    table::{Row, Sample, Statistic, Target},
};

const ONE_BY_ONE: usize = 500;
const AT_ONCE: usize = 1000;
const ROUNDS: usize = 5;
/// A thread of a client needs little.
const STACK: usize = 128 * 1024;

pub(crate) fn measure() -> Result<Vec<Row>, Fault> {
    let (mut own, mut peer) = (Vec::new(), Vec::new());
    for _ in 0..ONE_BY_ONE {
        own.push(timed(conversation)?);
        peer.push(timed(pings)?);
    }
    let (many_peers, many) = (rounds(pings)?, rounds(conversation)?);
    Ok(vec![
        Row {
            figure: "conversation without device and KDF: connect, start, prompt, cancel".into(),
            statistic: Statistic::Median,
            own: Sample::of_times(&own),
            peer: ("connect, 2 x GetInfo".into(), Sample::of_times(&peer)),
            target: Target::Below(2.0),
        },
        Row {
            figure: "1,000 of them begun at one instant, from there to each one's end: p99 of a round".into(),
            statistic: Statistic::Median,
            own: many,
            peer: ("connect, 2 x GetInfo, 1,000 at once".into(), many_peers),
            target: Target::Below(250.0),
        },
    ])
}

fn timed(work: fn() -> Result<(), Fault>) -> Result<Duration, Fault> {
    let started = Instant::now();
    work()?;
    Ok(started.elapsed())
}

/// The 99th percentile of each round; the first round, in which threads are made, does not count.
fn rounds(work: fn() -> Result<(), Fault>) -> Result<Sample, Fault> {
    at_once(work)?;
    let mut tails = Vec::new();
    for _ in 0..ROUNDS {
        tails.push(Sample::of_times(&at_once(work)?).percentile(99));
    }
    Ok(Sample::of_milliseconds(tails))
}

/// All begin at one instant, and each time counts from there: waiting for a turn is part of it.
fn at_once(work: fn() -> Result<(), Fault>) -> Result<Vec<Duration>, Fault> {
    let barrier = Barrier::new(AT_ONCE + 1);
    thread::scope(|scope| {
        let mut clients = Vec::new();
        for _ in 0..AT_ONCE {
            let client = || {
                barrier.wait();
                work().map(|()| Instant::now())
            };
            clients.push(thread::Builder::new().stack_size(STACK).spawn_scoped(scope, client)?);
        }
        let begin = Instant::now();
        barrier.wait();
        let ends = clients.into_iter().map(|client| client.join().map_err(|_| "a client failed")?);
        ends.map(|end| Ok(end?.duration_since(begin))).collect()
    })
}

fn connect() -> Result<Client, Fault> {
    let path = Path::new("/run/signet/io.signet");
    Ok(Client::connect(path, ServerIdentity::ROOT, Bounds::INTERACTIVE)?)
}

fn conversation() -> Result<(), Fault> {
    let mut client = connect()?;
    let start = Start {
        service: "signet-try".parse()?,
        user: Some("carol".parse()?),
        requester: None,
        terminal: None,
        remote_host: None,
        method: None,
    };
    let mut conversation = Conversation::start(&mut client, &start)?;
    loop {
        match conversation.next_event()? {
            Some(Event::Notice(_)) => {}
            Some(Event::Prompt(_)) => return Ok(conversation.cancel()?),
            other => return Err(format!("no prompt came: {other:?}").into()),
        }
    }
}

fn pings() -> Result<(), Fault> {
    let mut client = connect()?;
    for _ in 0..2 {
        client.call(&GetInfo {})?;
    }
    Ok(())
}
