//! Writes into a store until it is told to stop or is killed, and reports each step that was
//! acknowledged: the other half of the crash tests.
//!
//! `writer ENGINE ROOT STEPS [FROM ..]`: one thread for each FROM, which does the steps from that
//! number on, STEPS of them (0 means for ever); a FROM of `-` leaves its thread out. Reports `ready`, then `THREAD STEP` for each step.

#[path = "../tests/workload/mod.rs"]
mod workload;

use std::{
    env,
    io::{self, Write},
    path::Path,
    thread,
};

use workload::Failure;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [engine, root, steps, from @ ..] = &arguments[..] else {
        return Err("usage: writer ENGINE ROOT STEPS [FROM ..]".into());
    };
    let records = workload::open_or_create(&workload::location(engine.parse()?, Path::new(root)))?;
    report("ready\n")?;
    let steps: u32 = steps.parse()?;
    thread::scope(|scope| {
        let threads: Vec<_> = (0u8..)
            .zip(from)
            .filter(|(_, from)| *from != "-")
            .map(|(thread, from)| {
                let records = &records;
                scope.spawn(move || -> Result<(), Failure> {
                    let from: u32 = from.parse()?;
                    let to = if steps == 0 { u32::MAX } else { from + steps };
                    for step in from..to {
                        workload::run_step(records, thread, step)?;
                        report(&format!("{thread} {step}\n"))?;
                    }
                    Ok(())
                })
            })
            .collect();
        threads.into_iter().try_for_each(|t| t.join().unwrap_or_else(|_| Err("a thread panicked".into())))
    })
}

/// One write, so that a line is there as a whole or not at all.
fn report(line: &str) -> io::Result<()> {
    io::stdout().lock().write_all(line.as_bytes())
}
