//! How many were there, says a server?

use serde::Deserialize;
use serde_json::value::RawValue;
use tidings::Timestamp;

use crate::view::histogram::Histogram;
use crate::view::names::NameSeen;
use crate::view::servers::Server;
use crate::view::summary::Coverage;

/// Counts over time.
#[derive(Clone, Debug)]
pub struct Counts {
    /// The answer as it came.
    pub raw: Box<RawValue>,
    /// What it means.
    pub histogram: Histogram,
}

impl Counts {
    pub(super) fn read(raw: Box<RawValue>) -> Result<Counts, serde_json::Error> {
        Ok(Counts { histogram: serde_json::from_str(raw.get())?, raw })
    }
}

/// What is asked for by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamesOf {
    /// Who spoke.
    Members,
    /// What kinds of events.
    Types,
}

/// Members or types that occurred, by name.
#[derive(Clone, Debug)]
pub struct Names {
    /// Each as the server sent it, and what that means.
    pub seen: Vec<(Box<RawValue>, NameSeen)>,
    /// The servers that share the log; none if the server stands alone.
    pub servers: Vec<Server>,
    /// There are more than a server tells.
    pub truncated: bool,
    /// The server's time of day.
    pub now: Timestamp,
    /// What the log can answer for.
    pub coverage: Coverage,
}

/// As it comes.
#[derive(Debug, Deserialize)]
pub(super) struct NamesBody {
    #[serde(alias = "members", alias = "types")]
    names: Vec<Box<RawValue>>,
    #[serde(default)]
    servers: Vec<Server>,
    #[serde(default)]
    truncated: bool,
    now: Timestamp,
    coverage: Coverage,
}

impl NamesBody {
    pub(super) fn read(self) -> Result<Names, serde_json::Error> {
        let read = |raw: Box<RawValue>| Ok((raw.clone(), serde_json::from_str(raw.get())?));
        let NamesBody { names, servers, truncated, now, coverage } = self;
        let seen = names.into_iter().map(read).collect::<Result<_, serde_json::Error>>()?;
        Ok(Names { seen, servers, truncated, now, coverage })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COVERAGE: &str = r#"{"oldest":null,"newest":null,"complete":true,"gaps":[]}"#;

    #[test]
    fn members_and_types_are_read_alike() {
        for of in ["members", "types"] {
            let body = format!(
                r#"{{"{of}":[{{"name":"db1","count":3,"first":"2026-11-22T08:00:00Z",
                "last":"2026-11-22T09:00:00Z","silent_for":12.3,"more":1}}],
                "now":"2026-11-22T09:00:12Z","coverage":{COVERAGE},"read_as":null}}"#
            );

            let names = serde_json::from_str::<NamesBody>(&body).unwrap().read().unwrap();

            assert_eq!(names.seen[0].1.name, "db1");
            assert_eq!(names.seen[0].1.silent().as_millis(), 12_300);
            assert!(names.seen[0].0.get().contains(r#""more":1"#), "kept as it came");
        }
    }

    #[test]
    fn counts_of_an_empty_log_are_none() {
        let body = format!(
            r#"{{"step":1,"since":null,"until":null,"by":"severity","series":[],"matched":0,
            "coverage":{COVERAGE},"read_as":null}}"#
        );

        let counts = Counts::read(serde_json::from_str(&body).unwrap()).unwrap();

        assert_eq!((counts.histogram.matched, counts.histogram.series.len()), (0, 0));
    }
}
