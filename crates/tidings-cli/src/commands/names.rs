//! `tidings members`, `tidings types`: who spoke, of what, and for how long not any more?

use std::io::{self, Write as _};

use super::Context;
use super::selection::Wanted;
use crate::args::{CountsFormat, NamesArgs};
use crate::client::counts::{Names, NamesOf};
use crate::exit::{Exit, Failure, say};
use crate::times::format_span;
use crate::view::json;
use crate::view::names::{NameSeen, table};
use crate::view::out::Out;
use crate::view::servers::{self, Server};
use crate::view::summary::{Wall, counted, grouped};

/// Prints members or types, all or those that are silent.
///
/// # Errors
///
/// The server is not reached or refuses, or the output cannot be written.
pub(super) fn run(of: NamesOf, args: &NamesArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let wanted = Wanted::read(&args.which, &args.counts.zone, false, context)?;
    let mut names = context.client()?.names(of, &wanted.params())?;
    let known = names.seen.len();
    names.seen.retain(|(_, name)| args.silent.is_none_or(|span| name.silent() >= span));
    names.servers.retain(|server| args.silent.is_none_or(|span| server.silent() >= span));
    let mut out = Out::plain();
    print(&mut out, of, &names, args.counts.output, &wanted.wall(names.now))
        .and_then(|()| out.finish())
        .map_err(|error| Failure::output(&error))?;
    wanted.tell(&told(of, known, names.seen.len(), args), &names.coverage, names.now);
    if names.truncated {
        say("there are more than the server tells: ask for fewer");
    }
    let nothing = args.counts.exit_code && names.seen.is_empty();
    Ok(if nothing { Exit::Failed } else { Exit::Ok })
}

fn print(
    out: &mut Out,
    of: NamesOf,
    names: &Names,
    format: CountsFormat,
    wall: &Wall,
) -> io::Result<()> {
    let title = match of {
        NamesOf::Members => "MEMBER",
        NamesOf::Types => "TYPE",
    };
    match format {
        CountsFormat::Json => {
            names.seen.iter().try_for_each(|(raw, _)| json::print(out, &json::compact(raw.get())))
        }
        CountsFormat::Text => {
            let seen: Vec<&NameSeen> = names.seen.iter().map(|(_, name)| name).collect();
            let servers: Vec<&Server> = names.servers.iter().collect();
            let mut tables = Vec::new();
            if !seen.is_empty() {
                tables.push(table(title, &seen, wall));
            }
            if !servers.is_empty() {
                tables.push(servers::table(&servers, wall));
            }
            out.write_all(tables.join("\n").as_bytes())
        }
    }
}

/// `1 of 3 members silent for 1h or longer`
fn told(of: NamesOf, known: usize, shown: usize, args: &NamesArgs) -> String {
    let noun = match of {
        NamesOf::Members => "member",
        NamesOf::Types => "type",
    };
    let known = counted(known as u64, noun);
    match args.silent {
        None => known,
        Some(span) => {
            format!(
                "{} of {known} silent for {} or longer",
                grouped(shown as u64),
                format_span(span)
            )
        }
    }
}
