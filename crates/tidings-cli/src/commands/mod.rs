//! One file for each command.

mod add;
mod add_lines;
mod batches;
mod check;
mod check_config;
mod completions;
mod config;
mod cursors;
mod export;
mod follow;
mod import;
mod list;
mod man;
mod names;
mod pages;
mod run;
mod salvage;
mod selection;
pub mod serve;
mod show;
mod stats;
mod status;
mod tail;
mod version;

use std::process::ExitCode;

use tidings::Clock;

use crate::args::{Cli, Command, ConfigArgs, ConfigCommand, GlobalArgs};
use crate::client::Client;
use crate::client::counts::NamesOf;
use crate::exit::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::settings::{ColorChoice, Environment, Settings};
use crate::view::out;

/// What every command has at hand.
#[derive(Debug)]
struct Context<'a> {
    global: &'a GlobalArgs,
    settings: &'a Settings,
    clock: Clock,
}

impl Context<'_> {
    fn client(&self) -> Result<Client, Failure> {
        self.settings.server(self.global.server.as_ref()).map(Client::new)
    }

    /// Whether what goes to the standard output is coloured.
    fn colors(&self) -> Result<bool, Failure> {
        Ok(match self.settings.color(self.global.color.as_ref())? {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => out::is_terminal() && self.settings.terminal_has_colors(),
        })
    }
}

/// Does what the command line asks.
///
/// # Errors
///
/// Whatever made the command fail.
pub fn run(cli: &Cli, environment: Environment) -> Result<ExitCode, Failure> {
    let config = cli.global.config.as_deref();
    // A shell that starts, or one that looks for the broken file, needs these.
    match &cli.command {
        Command::Completions(args) => return completions::run(args).map(|()| Exit::Ok.into()),
        Command::Man(args) => return man::run(args).map(|()| Exit::Ok.into()),
        Command::Config(ConfigArgs { what: ConfigCommand::Path }) => {
            return config::path(config, environment).map(Exit::into);
        }
        _ => {}
    }
    run_with(&cli.command, &cli.global, &Settings::load(config, environment)?)
}

/// Does what needs the settings.
fn run_with(
    command: &Command,
    global: &GlobalArgs,
    settings: &Settings,
) -> Result<ExitCode, Failure> {
    let context = Context { global, settings, clock: Clock::system() };
    // A server and a command under `run` have their own ways with signals.
    let interruptible = || {
        Interrupt::install()
            .map_err(|error| Failure::new(Exit::Failed, format!("cannot handle ^C: {error}")))
    };
    let exit = match command {
        Command::Serve(args) => {
            let serve = settings.serve(&args.flags())?;
            if args.check_config {
                check_config::run(&serve)?;
            } else {
                serve::run(&serve)?;
            }
            Exit::Ok
        }
        Command::Run(args) => return run::run(args, &context),
        Command::Add(args) => interruptible().and_then(|_| add::run(args, &context))?,
        Command::List(args) => {
            let interrupt = interruptible()?;
            list::run(&args.select, args.reverse, &context, &interrupt)?
        }
        Command::Tail(args) => tail::run(args, &context, &interruptible()?)?,
        Command::Show(args) => interruptible().and_then(|_| show::run(args, &context))?,
        Command::Stats(args) => interruptible().and_then(|_| stats::run(args, &context))?,
        Command::Members(args) => {
            interruptible().and_then(|_| names::run(NamesOf::Members, args, &context))?
        }
        Command::Types(args) => {
            interruptible().and_then(|_| names::run(NamesOf::Types, args, &context))?
        }
        Command::Status(args) => interruptible().and_then(|_| status::run(args, &context))?,
        Command::Check(args) => interruptible().and_then(|_| check::run(args, &context))?,
        Command::Salvage(args) => interruptible().and_then(|_| salvage::run(args, &context))?,
        Command::Export(args) => interruptible().and_then(|_| export::run(args, &context))?,
        Command::Import(args) => interruptible().and_then(|_| import::run(args, &context))?,
        Command::Config(_) => config::show(&context)?,
        // Done before the settings were read.
        Command::Completions(_) | Command::Man(_) => Exit::Ok,
        Command::Version => version::run().map(|()| Exit::Ok)?,
    };
    Ok(exit.into())
}
