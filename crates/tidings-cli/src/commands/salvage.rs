//! `tidings salvage`: what can be saved of a damaged data directory?

use std::io::Write as _;

use tidings::store::sqlite::{Salvaged, SqliteOptions, salvage};

use super::Context;
use super::check::{cannot_open, gap, is_there};
use crate::args::SalvageArgs;
use crate::exit::{Exit, Failure};
use crate::view::out::Out;
use crate::view::summary::counted;

/// Copies what is whole, and says what is not. The copy of a log from which
/// something is missing ends with [`Exit::Damaged`], so that a script notices.
///
/// # Errors
///
/// As `check`; the target is not empty or cannot be written.
pub(super) fn run(args: &SalvageArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let dir = context.settings.data(args.data.as_ref())?;
    is_there(&dir)?;
    let options = SqliteOptions { clock: context.clock.clone(), ..SqliteOptions::default() };
    let salvaged = salvage(&dir, &args.into, options).map_err(|error| cannot_open(&error))?;
    let Salvaged { blocks, events, damaged, gaps } = &salvaged;
    let mut words: String = gaps.iter().map(gap).collect();
    let counts = format!(
        "copied to {}: {} in {}; damaged and left behind: {}\n",
        args.into.display(),
        counted(*events, "event"),
        counted(*blocks, "block"),
        counted(*damaged, "block"),
    );
    words.push_str(&counts);
    let mut out = Out::plain();
    out.write_all(words.as_bytes())
        .and_then(|()| out.finish())
        .map_err(|error| Failure::output(&error))?;
    let whole = *damaged == 0 && gaps.is_empty();
    Ok(if whole { Exit::Ok } else { Exit::Damaged })
}
