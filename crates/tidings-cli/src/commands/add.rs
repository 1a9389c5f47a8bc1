//! `tidings add`: records one event.

use std::io::Write as _;

use tidings::{Event, Fields};

use super::{Context, add_lines};
use crate::args::{AddArgs, EventArgs};
use crate::exit::{Exit, Failure, say};
use crate::times::parse_time;
use crate::view::out::Out;

/// The type of an event that nobody gave one; the server's for texts too.
pub(super) const TYPE_DEFAULT: &str = "message";

/// Records the event and prints its id, or with `--stdin` an event for each line.
///
/// # Errors
///
/// There is nothing to record, the event breaks a rule, or the server is not
/// reached or refuses it.
pub(super) fn run(args: &AddArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let event = event(args, context)?;
    let client = context.client()?;
    if args.stdin {
        return add_lines::run(&event, &client, &context.clock);
    }
    if args.message.is_empty() && args.event_type.is_none() {
        return Err(Failure::new(Exit::Usage, "nothing to record: neither a message nor a type")
            .hint("tidings add 'what happened', or --stdin to record each line of the input"));
    }
    let added = client.add(&event)?;
    let mut out = Out::plain();
    writeln!(out, "{}", added.id)
        .and_then(|()| out.finish())
        .map_err(|error| Failure::output(&error))?;
    if added.duplicate {
        say("tidings: the same event was there already under this key");
    }
    Ok(Exit::Ok)
}

/// What the flags say. The time stays open unless it is given: then the server's
/// time counts, and a repetition under the same key is the same event.
fn event(args: &AddArgs, context: &Context<'_>) -> Result<Event, Failure> {
    let event_type = args.event_type.as_deref().unwrap_or(TYPE_DEFAULT);
    let mut event =
        described(Event::new(event_type, args.message.join(" ")), &args.event, context)?;
    if let Some(severity) = args.severity {
        event = event.with_severity(severity);
    }
    if let Some(key) = &args.key {
        event = event.with_key(key.as_str());
    }
    if let Some(text) = &args.at {
        let zone = context.settings.zone(None, false)?;
        let at = parse_time(text, context.clock.now(), &zone);
        let at = at.map_err(|error| Failure::new(Exit::Usage, format!("--at: {error}")))?;
        event = event.with_timestamp(at);
    }
    event.validate().map_err(|invalid| Failure::new(Exit::Usage, invalid.to_string()))?;
    Ok(event)
}

/// An event with what the flags say that `add` and `run` share.
pub(super) fn described(
    event: Event,
    args: &EventArgs,
    context: &Context<'_>,
) -> Result<Event, Failure> {
    let fields: Fields = args.fields.iter().cloned().collect();
    let mut event =
        event.with_member(context.settings.member(args.member.as_ref())?).with_fields(fields);
    if let Some(subject) = &args.subject {
        event = event.with_subject(subject.as_str());
    }
    if let Some(source) = &args.source {
        event = event.with_source(source.as_str());
    }
    Ok(event)
}
