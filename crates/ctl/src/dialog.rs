use signet_protocol::{
    Call, Client, Conversation,
    wire::{Begun, Event, Notice, Outcome},
};

use crate::{
    answers::{Answers, Reply},
    fault::Fault,
    output::{Form, Output},
    plain::plain,
};

/// Holds a conversation: tells the notices, has the prompts answered, gives the outcome.
pub(crate) fn hold<C: Call<Reply = Begun>>(
    client: &mut Client,
    call: &C,
    answers: &mut Answers,
    output: Output,
) -> Result<Outcome, Fault> {
    let mut conversation = Conversation::start(client, call)?;
    loop {
        let event = conversation.next_event()?.ok_or(Fault::NoOutcome)?;
        if output.form == Form::Json {
            Output::json(&event)?;
        }
        match event {
            Event::Notice(notice) => tell(&notice, output)?,
            Event::Outcome(outcome) => return Ok(outcome),
            Event::Prompt(prompt) => match answers.answer(&prompt, output) {
                // That the prompt is open is known: it was the last event.
                Ok(Reply::Given(answer)) => drop(conversation.respond(Some(answer))?),
                Ok(Reply::Back) => drop(conversation.respond(None)?),
                Ok(Reply::Stop) => {
                    conversation.cancel()?;
                    return stopped(output);
                }
                Err(fault) => {
                    // The reason to stop counts, not whether the daemon heard of it: it takes the
                    // end of the connection as the end of the conversation.
                    drop(conversation.cancel());
                    return Err(fault);
                }
            },
        }
    }
}

fn tell(notice: &Notice, output: Output) -> Result<(), Fault> {
    output.human(&plain(&notice.text))
}

/// The outcome of a conversation that the person stopped.
fn stopped(output: Output) -> Result<Outcome, Fault> {
    let outcome =
        Outcome::new(signet_protocol::wire::Verdict::Cancelled, &signet_types::UserMessage::Cancelled);
    if output.form == Form::Json {
        Output::json(&Event::Outcome(outcome.clone()))?;
    }
    Ok(outcome)
}
