use signet_protocol::{Bounds, Call, Client, ServerIdentity, wire::Begun, wire::Outcome};

use crate::{answers::Answers, cli::Options, dialog, fault::Fault, output::Output};

/// The connection to signetd.
pub(crate) struct Daemon {
    client: Client,
}

impl Daemon {
    /// Connects, and checks who listens.
    pub(crate) fn open(options: &Options) -> Result<Self, Fault> {
        let server = ServerIdentity { uid: options.server_uid };
        let socket = std::path::absolute(&options.socket).map_err(Fault::file(&options.socket))?;
        Ok(Self { client: Client::connect(&socket, server, Bounds::INTERACTIVE)? })
    }

    /// Calls a method that gives one reply.
    pub(crate) fn call<C: Call>(&mut self, call: &C) -> Result<C::Reply, Fault> {
        Ok(self.client.call(call)?)
    }

    /// Holds a conversation to its end.
    pub(crate) fn converse<C: Call<Reply = Begun>>(
        mut self,
        call: &C,
        answers: &mut Answers,
        output: Output,
    ) -> Result<Outcome, Fault> {
        dialog::hold(&mut self.client, call, answers, output)
    }
}
