//! Which events? Flags that every command knows which asks for more than one.

use clap::{ArgAction, Args};
use tidings::Severity;

/// Which events: a filter and a window.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Which events")]
pub struct WhichArgs {
    /// From this time on; `all` is whatever is kept [default: 24 hours ago]
    #[arg(short = 'S', long, value_name = "TIME", allow_hyphen_values = true)]
    pub since: Option<String>,
    /// Up to this time
    #[arg(short = 'U', long, value_name = "TIME", allow_hyphen_values = true)]
    pub until: Option<String>,
    /// This severity or worse, or a range: warn, warn..error
    #[arg(short = 'p', long, value_name = "SEVERITY", value_parser = severity_range)]
    pub severity: Option<String>,
    /// Messages that match this regular expression
    #[arg(short = 'g', long, value_name = "RE")]
    pub grep: Option<String>,
    /// Types, with * and separated by commas; !TYPE leaves one out; repeatable
    #[arg(short = 't', long = "type", value_name = "TYPES", action = ArgAction::Append)]
    pub types: Vec<String>,
    /// Members, in the same way
    #[arg(short = 'm', long = "member", value_name = "MEMBERS", action = ArgAction::Append)]
    pub members: Vec<String>,
    /// Subjects, in the same way
    #[arg(long = "subject", value_name = "SUBJECTS", visible_alias = "for", action = ArgAction::Append)]
    pub subjects: Vec<String>,
    /// Sources, in the same way
    #[arg(long = "source", value_name = "SOURCES", action = ArgAction::Append)]
    pub sources: Vec<String>,
    /// Events with this field; repeatable
    #[arg(short = 'a', long = "field", value_name = "NAME=TEXT", value_parser = field)]
    pub fields: Vec<(String, String)>,
    /// Words, "phrases", conn*, /re/, type:deploy.*, severity>=warn, fields.took>5, with OR, - and ( ); more in the help of list
    #[arg(short = 'q', long, value_name = "EXPR", allow_hyphen_values = true)]
    pub query: Option<String>,
    /// Refuse a query (-q) that does not parse, instead of searching it as text
    #[arg(long, requires = "query")]
    pub strict: bool,
}

/// On whose clock times are read and shown.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "How they look")]
pub struct ZoneArgs {
    /// Show times in UTC
    #[arg(long, conflicts_with = "tz")]
    pub utc: bool,
    /// Read and show times in this zone, such as Europe/Berlin [default: the system's]
    #[arg(long, value_name = "ZONE")]
    pub tz: Option<String>,
}

/// `warn`, `warn..error`, `..info`; passed on as it is typed.
fn severity_range(given: &str) -> Result<String, String> {
    let (low, high) = given.split_once("..").unwrap_or((given, ""));
    let read = |text: &str| match text {
        "" => Ok(None),
        word => word.parse::<Severity>().map(Some).map_err(|error| error.to_string()),
    };
    match (read(low)?, read(high)?) {
        (None, None) => Err("must be a severity or a range such as warn..error".to_owned()),
        (Some(low), Some(high)) if low > high => {
            Err(format!("{low} is worse than {high}: write {high}..{low}"))
        }
        _ => Ok(given.to_owned()),
    }
}

fn field(given: &str) -> Result<(String, String), String> {
    match given.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("must be NAME=TEXT".to_owned()),
    }
}
