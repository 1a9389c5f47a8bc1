//! `tidings show`: what is known about one event?

use std::io::{self, Write as _};

use super::Context;
use crate::args::ShowArgs;
use crate::client::answers::Shown;
use crate::exit::{Exit, Failure};
use crate::view::out::{self, Out};
use crate::view::{Format, Printer, json};

/// Prints the event, and with `-C` what happened before and after it as lines.
///
/// # Errors
///
/// The event is not there (any more), the server is not reached or refuses, or
/// the output cannot be written.
pub(super) fn run(args: &ShowArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let zone = context.settings.zone(args.tz.as_ref(), args.utc)?;
    let colors = context.colors()?;
    let shown = context.client()?.show(&args.id, args.context)?;
    let printer = |format| Printer::new(format, zone.clone(), colors, out::is_terminal());
    let mut out = Out::plain();
    print(&mut out, &shown, args, &printer)
        .and_then(|()| out.finish())
        .map_err(|error| Failure::output(&error))?;
    Ok(Exit::Ok)
}

fn print(
    out: &mut Out,
    shown: &Shown,
    args: &ShowArgs,
    printer: &dyn Fn(Format) -> Printer,
) -> io::Result<()> {
    let json = match args.output {
        Format::Json => Some(json::compact(shown.raw.get())),
        Format::JsonPretty => Some(json::pretty(shown.raw.get())),
        _ => None,
    };
    if let Some(json) = json {
        return json::print(out, &json);
    }
    // The neighbours of a record are lines, so that the record stands out.
    let around = if args.output == Format::Verbose { Format::Full } else { args.output };
    let mut lines = printer(around);
    if args.output == around {
        let all = [&shown.before[..], std::slice::from_ref(&shown.event), &shown.after].concat();
        return lines.rows(out, &all);
    }
    if !shown.before.is_empty() {
        lines.rows(out, &shown.before)?;
        writeln!(out)?;
    }
    printer(args.output).rows(out, std::slice::from_ref(&shown.event))?;
    if !shown.after.is_empty() {
        writeln!(out)?;
        lines.rows(out, &shown.after)?;
    }
    Ok(())
}
