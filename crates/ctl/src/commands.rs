mod admin;
mod conversations;
mod credentials;
mod generate;
mod person;
mod policy;
mod session;

use crate::{
    Cli, Exit,
    answers::Answers,
    cli::{Command, Options},
    daemon::Daemon,
    fault::Fault,
    output::{Form, Output},
};

/// What every command works with.
struct Task {
    options: Options,
    output: Output,
    answers: Answers,
}

impl Task {
    fn daemon(&self) -> Result<Daemon, Fault> {
        Daemon::open(&self.options)
    }
}

/// Carries a command line out and says what came of it; faults are told here.
#[must_use]
pub fn run(cli: Cli) -> Exit {
    let form = if cli.options.json { Form::Json } else { Form::Human };
    let answers = Answers::new(cli.options.stdin_secrets);
    let mut task = Task { options: cli.options, output: Output { form }, answers };
    carry_out(&mut task, cli.command).unwrap_or_else(|fault| {
        fault.tell(form);
        fault.exit()
    })
}

fn carry_out(task: &mut Task, command: Command) -> Result<Exit, Fault> {
    match command {
        Command::Status => admin::status(task),
        Command::Methods { who } => credentials::methods(task, who),
        Command::Enroll { method, who } => conversations::enroll(task, method, who),
        Command::Verify { method, service, who } => conversations::verify(task, method, service, who),
        Command::List { who } => credentials::list(task, who),
        Command::Show { credential } => credentials::show(task, credential),
        Command::Modify { credential, description } => credentials::modify(task, credential, description),
        Command::Delete { credential } => conversations::delete(task, credential),
        Command::Pin { method, who } => conversations::pin(task, method, who),
        Command::Policy(command) => policy::carry_out(task, command),
        Command::Session(command) => session::carry_out(task, command),
        Command::Doctor => admin::doctor(task),
        Command::Export { file } => admin::export(task, &file),
        Command::Audit { count } => admin::audit(task, count),
        Command::Completion { shell } => generate::completion(shell),
        Command::Man { directory } => generate::manual(task, &directory),
    }
}
