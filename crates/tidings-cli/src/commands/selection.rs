//! Which events were asked for, and how shall they look?

use jiff::tz::TimeZone;
use tidings::query::QUERY_BYTES_MAX;
use tidings::{Expr, Timestamp};

use super::Context;
use crate::args::{Lines, SelectArgs, WhichArgs, ZoneArgs};
use crate::client::Params;
use crate::exit::{Exit, Failure, say};
use crate::times::{list_since, parse_time};
use crate::view::summary::{self, Coverage, Wall, Window};
use crate::view::{Format, Printer, out};

/// Which events were asked for, and on whose clock.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// Parameters that say which events, without the window.
    pub(super) filter: Params,
    pub(super) window: Window,
    pub(super) zone: TimeZone,
    /// It was said how the query was read, because it could not be read as typed.
    pub(super) is_misread: bool,
}

impl Wanted {
    /// Reads the flags that say which events. Without `--since` the window begins
    /// 24 h before its end, or with `whole_log` where the log begins.
    pub(super) fn read(
        which: &WhichArgs,
        zone: &ZoneArgs,
        whole_log: bool,
        context: &Context<'_>,
    ) -> Result<Wanted, Failure> {
        let query = which.query.as_deref();
        let is_misread = query.map(|query| tell_problems(query, which.strict)).transpose()?;
        let now = context.clock.now();
        let zone = context.settings.zone(zone.tz.as_ref(), zone.utc)?;
        let time = |flag: &str, text: &str| {
            parse_time(text, now, &zone)
                .map_err(|error| Failure::new(Exit::Usage, format!("{flag}: {error}")))
        };
        let until = which.until.as_deref().map(|text| time("--until", text)).transpose()?;
        let since = match which.since.as_deref() {
            Some("all") => None,
            Some(text) => Some(time("--since", text)?),
            None if whole_log => None,
            None => Some(list_since(until, now)),
        };
        if let Some((since, until)) = since.zip(until)
            && since > until
        {
            let message = format!("--since ({since}) is after --until ({until})");
            return Err(Failure::new(Exit::Usage, message));
        }
        Ok(Wanted {
            filter: filter(which),
            window: Window { since, until },
            zone,
            is_misread: is_misread.unwrap_or_default(),
        })
    }

    /// The filter and the window as parameters of a question.
    pub(super) fn params(&self) -> Params {
        let mut params = self.filter.clone();
        let since = self.window.since.map_or_else(|| "all".to_owned(), |at| at.to_string());
        params.push(("since".to_owned(), since));
        params.extend(self.window.until.map(|at| ("until".to_owned(), at.to_string())));
        params
    }

    pub(super) fn wall(&self, now: Timestamp) -> Wall {
        Wall { now, zone: self.zone.clone() }
    }

    /// Tells what was shown and what is missing: to a person always, to a program
    /// only that something is missing.
    pub(super) fn tell(&self, shown: &str, coverage: &Coverage, now: Timestamp) {
        if out::is_terminal() || coverage.is_incomplete_in(self.window) {
            say(&summary::told(shown, coverage, self.window, &self.wall(now)));
        }
    }
}

/// Says how a query was understood that could not be read as it was typed, and
/// whether that was so. The server reads it in the same way.
fn tell_problems(query: &str, strict: bool) -> Result<bool, Failure> {
    if query.len() > QUERY_BYTES_MAX {
        let bytes = query.len();
        let message = format!("-q has {bytes} bytes, at most {QUERY_BYTES_MAX} are read");
        return Err(Failure::new(Exit::Usage, message));
    }
    let read = Expr::read(query);
    let Some(first) = read.problems.first() else { return Ok(false) };
    if strict {
        return Err(Failure::new(Exit::Usage, format!("-q does not parse: {first}")));
    }
    say(&format!("-q, {first}"));
    say(&format!("-q was read as {read}"));
    Ok(true)
}

/// The flags of list and tail, understood.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    pub(super) wanted: Wanted,
    pub(super) lines: Lines,
    pub(super) collapse: bool,
    format: Format,
    colors: bool,
}

impl Selection {
    /// Reads the flags; `whole_log` as for [`Wanted::read`].
    pub(super) fn read(
        args: &SelectArgs,
        whole_log: bool,
        context: &Context<'_>,
    ) -> Result<Selection, Failure> {
        Ok(Selection {
            wanted: Wanted::read(&args.which, &args.zone, whole_log, context)?,
            lines: args.lines.unwrap_or(Lines::All),
            collapse: args.collapse,
            format: args.output,
            colors: context.colors()?,
        })
    }

    /// Whether everything about an event is shown, so that it must be asked for.
    pub(super) fn shows_everything(&self) -> bool {
        matches!(self.format, Format::Verbose | Format::Json | Format::JsonPretty)
    }

    pub(super) fn printer(&self) -> Printer {
        let zone = self.wanted.zone.clone();
        let printer = Printer::new(self.format, zone, self.colors, out::is_terminal());
        if self.collapse { printer.of_groups() } else { printer }
    }
}

fn filter(args: &WhichArgs) -> Params {
    let mut params = Params::new();
    let mut push = |name: &str, value: &str| params.push((name.to_owned(), value.to_owned()));
    let lists = [
        ("type", &args.types),
        ("member", &args.members),
        ("subject", &args.subjects),
        ("source", &args.sources),
    ];
    for (name, values) in lists {
        for value in values {
            push(name, value);
        }
    }
    let texts = [("severity", &args.severity), ("grep", &args.grep), ("q", &args.query)];
    texts.iter().filter_map(|(n, text)| Some((n, text.as_ref()?))).for_each(|(n, t)| push(n, t));
    if args.strict {
        push("qmode", "strict");
    }
    args.fields.iter().for_each(|(name, value)| push(&format!("field.{name}"), value));
    params
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Cli, Command};
    use crate::settings::{Environment, Settings};

    fn read(line: &str) -> Result<Selection, Failure> {
        let words = ["tidings", "list"].into_iter().chain(line.split_whitespace());
        let cli = Cli::try_parse_from(words).unwrap();
        let Command::List(list) = &cli.command else { panic!("list is list") };
        let now = "2026-11-22T10:00:00Z".parse().unwrap();
        let clock = tidings::Clock::by_hand(now);
        // No home, so no configuration file of whoever runs the tests.
        let settings = Settings::load(None, Environment::default()).unwrap();
        let context = Context { global: &cli.global, settings: &settings, clock };
        Selection::read(&list.select, false, &context)
    }

    #[track_caller]
    fn assert_params(line: &str, expected: &[(&str, &str)]) {
        let params = read(line).unwrap().wanted.params();
        let params: Vec<_> = params.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(params, expected);
    }

    #[test]
    fn local_times_are_resolved_before_they_are_sent() {
        let utc = [("since", "2026-11-21T17:00:00Z"), ("until", "2026-11-22T09:50:00Z")];

        assert_params("--tz Europe/Berlin -S 2026-11-21T18:00 -U 10m", &utc);
        assert_params("-S all", &[("since", "all")]);
        assert_params("", &[("since", "2026-11-21T10:00:00Z")]);
        let before = [("since", "2026-10-31T00:00:00Z"), ("until", "2026-11-01T00:00:00Z")];
        assert_params("--utc -U 2026-11-01", &before);
    }

    #[test]
    fn every_condition_is_a_parameter() {
        let line = "-S all -t a,!b -t c -m db1 --for x --source s -p warn..error -g re -q words --strict -a k=v";

        assert_params(
            line,
            &[
                ("type", "a,!b"),
                ("type", "c"),
                ("member", "db1"),
                ("subject", "x"),
                ("source", "s"),
                ("severity", "warn..error"),
                ("grep", "re"),
                ("q", "words"),
                ("qmode", "strict"),
                ("field.k", "v"),
                ("since", "all"),
            ],
        );
    }

    #[test]
    fn a_query_that_does_not_parse_is_refused_where_strictness_is_asked_for() {
        let failure = read("--strict -q a)").unwrap_err();

        assert!(failure.message.starts_with("-q does not parse: column 2: "), "{failure:?}");
        assert_eq!(failure.exit, Exit::Usage);
        assert!(read("-q a)").is_ok());
    }

    #[test]
    fn a_query_that_no_server_reads_is_not_sent() {
        let failure = read(&format!("-q {}", "a".repeat(QUERY_BYTES_MAX + 1))).unwrap_err();

        assert_eq!(failure.message, "-q has 4097 bytes, at most 4096 are read");
        assert_eq!(failure.exit, Exit::Usage);
    }

    #[test]
    fn times_that_are_none_or_in_the_wrong_order_name_their_flag() {
        for (line, words) in
            [("-S noon", "--since: not a time \"noon\""), ("-S 1h -U 2h", "--since (")]
        {
            let failure = read(line).unwrap_err();
            assert!(failure.message.starts_with(words), "{}", failure.message);
            assert_eq!(failure.exit, Exit::Usage);
        }
    }
}
