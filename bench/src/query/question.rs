//! What is asked, and what should it take? Each question as a path, and as SQL.

use std::io;

use super::asker::{Asker, encoded};
use super::dataset::{Dataset, RARE_TYPE, WORDS};
use crate::measure::{short, table};

const EVENTS: &str = "/api/v1/events?since=all&limit=100";
/// One in nineteen.
const COMMON_TYPE: &str = "check.failed";
/// How many pages in; fewer where there are not so many.
const DEEP_PAGE: usize = 100;
/// Events of everything to a page of the common type, and some.
const EVENTS_A_PAGE: u64 = 2500;
const PAGE_EVENTS: usize = 100;
/// Events that are asked for by their id, spread over all.
const IDS: u64 = 61;
/// Steps that a histogram may have, at most.
const STEPS_COUNTED: u64 = 2000;

/// How a question is put over HTTP.
#[derive(Clone, Debug)]
pub(super) enum Ask {
    /// This.
    Path(String),
    /// This page of this list.
    Deep { path: String, page: usize },
    /// Single events, each by its id.
    Ids,
}

/// How it is put to the rows.
#[derive(Clone, Debug)]
pub(super) enum Sql {
    /// All of these, one after the other. What the first one finds counts.
    Each(Vec<String>),
    /// The page after so many of those with this condition.
    Deep { condition: &'static str, skipped: usize },
    /// Single events, each by its number.
    Ids(u64),
}

/// What it should take.
#[derive(Clone, Copy, Debug)]
pub(super) enum Aim {
    Seconds(f64),
    /// Events that are looked at in a second, at least.
    Rate(f64),
    /// As long as the question so many places before it.
    AsBefore(usize),
    Open,
}

#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) name: String,
    pub(super) aim: Aim,
    pub(super) ask: Ask,
    pub(super) sql: Sql,
}

/// How long an answer took, and how many it found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    pub(super) seconds: f64,
    pub(super) found: u64,
    /// Whether it says that nothing is missing.
    pub(super) whole: bool,
}

impl Question {
    fn new(name: &str, aim: Aim, path: String, sql: &[&str]) -> Question {
        let sql = Sql::Each(sql.iter().map(|sql| (*sql).to_owned()).collect());
        Question { name: name.to_owned(), aim, ask: Ask::Path(path), sql }
    }

    fn deep(self, name: &str, condition: &'static str, events: u64) -> Question {
        let Ask::Path(path) = self.ask else { return self };
        let page = usize::try_from(events / EVENTS_A_PAGE).unwrap_or(DEEP_PAGE).min(DEEP_PAGE);
        let skipped = (page - 1) * PAGE_EVENTS;
        Question {
            name: name.to_owned(),
            aim: Aim::AsBefore(1),
            ask: Ask::Deep { path, page },
            sql: Sql::Deep { condition, skipped },
        }
    }

    /// Asks it until the median is known.
    pub(super) fn put(&self, asker: &mut Asker, dataset: &Dataset) -> io::Result<Answer> {
        let paths = match &self.ask {
            Ask::Path(path) => vec![path.clone()],
            Ask::Deep { path, page } => vec![asker.page(path, *page)?],
            Ask::Ids => paths_of_ids(asker, dataset)?,
        };
        asker.median(&paths)
    }
}

/// Where single events are found, spread over the log.
fn paths_of_ids(asker: &mut Asker, dataset: &Dataset) -> io::Result<Vec<String>> {
    let span = dataset.end.since(dataset.start);
    let step = span / u32::try_from(IDS + 1).unwrap_or(1);
    let mut paths = Vec::new();
    for place in 1..=IDS {
        let until = dataset.start.after(step * u32::try_from(place).unwrap_or(1));
        let list = format!("/api/v1/events?since=all&limit=1&until={until}");
        let answer = asker.json(&list)?;
        let id = answer["events"][0]["id"].as_str();
        let id = id.ok_or_else(|| io::Error::other(format!("{list} found nothing")))?;
        paths.push(format!("/api/v1/events/{id}"));
    }
    Ok(paths)
}

/// The shortest whole number of minutes that makes no more steps than there may be.
fn step_minutes(dataset: &Dataset) -> u64 {
    let minutes = dataset.end.since(dataset.start).as_secs() / 60 + 3;
    let steps = [1, 2, 5, 10, 15, 30, 60];
    steps.into_iter().find(|step| minutes / step < STEPS_COUNTED).unwrap_or(60)
}

/// All that the bench asks.
pub(super) fn all(dataset: &Dataset) -> Vec<Question> {
    let mut all = lists(dataset.events);
    all.push(Question {
        name: "one event by id".to_owned(),
        aim: Aim::Seconds(500e-6),
        ask: Ask::Ids,
        sql: Sql::Ids(dataset.events),
    });
    all.extend(counts(dataset));
    all.extend(texts());
    all
}

fn lists(events: u64) -> Vec<Question> {
    let newest = Question::new(
        "newest 100 of everything",
        Aim::Seconds(250e-6),
        EVENTS.to_owned(),
        &["SELECT * FROM events ORDER BY time DESC, id DESC LIMIT 100"],
    );
    let common = Question::new(
        "newest 100 of a type of 5 %",
        Aim::Open,
        format!("{EVENTS}&type={COMMON_TYPE}"),
        &["SELECT * FROM events WHERE type = 'check.failed' ORDER BY time DESC, id DESC LIMIT 100"],
    );
    let rare = Question::new(
        "newest 100 of a type of 0.1 %",
        Aim::Seconds(2.5e-3),
        format!("{EVENTS}&type={RARE_TYPE}"),
        &["SELECT * FROM events WHERE type = 'quorum.lost' ORDER BY time DESC, id DESC LIMIT 100"],
    );
    let deep = newest.clone().deep("page 100 of everything", "1", events);
    let condition = "type = 'check.failed'";
    let common_deep = common.clone().deep("page 100 of a type of 5 %", condition, events);
    vec![newest, deep, common, common_deep, rare]
}

fn counts(dataset: &Dataset) -> Vec<Question> {
    let minutes = step_minutes(dataset);
    let per = if minutes == 1 { "minute".to_owned() } else { format!("{minutes} minutes") };
    let by = |name: &str| {
        let nanos = minutes * 60_000_000_000;
        let sql =
            format!("SELECT time / {nanos}, {name}, count(*) AS found FROM events GROUP BY 1, 2");
        Question::new(
            &format!("counts per {per} by {name}, over all"),
            Aim::Seconds(10e-3),
            format!("/api/v1/histogram?since=all&step={minutes}m&by={name}"),
            &[&sql],
        )
    };
    let facets = Question::new(
        "facets of type and member, over all",
        Aim::Seconds(10e-3),
        "/api/v1/facets?since=all&of=type,member".to_owned(),
        &[
            "SELECT type, count(*) AS found FROM events GROUP BY type",
            "SELECT member, count(*) FROM events GROUP BY member",
        ],
    );
    vec![by("severity"), by("type"), by("member"), facets]
}

/// A list of what the search field finds.
pub(super) fn search(q: &str) -> String {
    format!("{EVENTS}&q={}", encoded(q))
}

fn texts() -> Vec<Question> {
    let of = |name: &str, aim, q: &str, condition: &str| {
        let sql = format!("SELECT * FROM events WHERE {condition} ORDER BY time DESC LIMIT 100");
        Question::new(name, aim, search(q), &[&sql])
    };
    let (word, scan) = (WORDS[0].0, Aim::Rate(15e6));
    vec![
        of("a word that occurs 3 times", Aim::Seconds(5e-3), word, "message LIKE '%zugzwang%'"),
        of("a substring, `*ugzwan*`", scan, "*ugzwan*", "message LIKE '%ugzwan%'"),
        of(
            "a regex, `/after 99999[0-9] ms/`",
            scan,
            "/after 99999[0-9] ms/",
            "message GLOB '*after 99999[0-9] ms*'",
        ),
        of(
            "a regex that begins with no letter, `/[a-z]ugzw[a-z]ng/`",
            scan,
            "/[a-z]ugzw[a-z]ng/",
            "message GLOB '*[a-z]ugzw[a-z]ng*'",
        ),
    ]
}

/// Beside what each should take.
pub(super) fn table_of(questions: &[Question], answers: &[Answer], events: u64) -> String {
    let row = |(question, answer): (&Question, &Answer)| {
        vec![
            question.name.clone(),
            question.aim.told(),
            answer.told(question, events),
            question.aim.verdict(answer, answers, events).to_owned(),
            answer.found.to_string(),
        ]
    };
    let rows: Vec<_> = questions.iter().zip(answers).map(row).collect();
    table(&["question", "aim", "tidings", "", "found"], &rows)
}

impl Aim {
    pub(super) fn told(self) -> String {
        match self {
            Aim::Seconds(seconds) => format!("≤ {}", time(seconds)),
            Aim::Rate(rate) => format!("≥ {} events/s", short(rate)),
            Aim::AsBefore(_) => "as page 1".to_owned(),
            Aim::Open => "–".to_owned(),
        }
    }

    /// Whether the answer, which is one of all, is what it should be.
    pub(super) fn verdict(self, answer: &Answer, all: &[Answer], events: u64) -> &'static str {
        let place = all.iter().position(|one| std::ptr::eq(one, answer)).unwrap_or(0);
        let met = match self {
            Aim::Seconds(seconds) => answer.seconds <= seconds,
            Aim::Rate(rate) => events as f64 / answer.seconds >= rate,
            // A fifth is what two runs of the same differ by.
            Aim::AsBefore(back) => answer.seconds <= all[place - back].seconds * 1.2,
            Aim::Open => return "",
        };
        if met { "met" } else { "short" }
    }
}

impl Answer {
    pub(super) fn told(&self, question: &Question, events: u64) -> String {
        let time = time(self.seconds);
        let time = if self.whole { time } else { format!("**incomplete**: {time}") };
        match question.aim {
            Aim::Rate(_) => format!("{time}, {} events/s", short(events as f64 / self.seconds)),
            _ => time,
        }
    }
}

/// A time with its unit.
pub(super) fn time(seconds: f64) -> String {
    match seconds {
        s if s < 1e-3 => format!("{} µs", short(s * 1e6)),
        s if s < 1.0 => format!("{} ms", short(s * 1e3)),
        s => format!("{} s", short(s)),
    }
}
