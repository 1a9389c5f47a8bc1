//! How many requests a second, and how soon does a follower know?

use std::io;
use std::sync::Arc;

use tidings::Clock;
use tokio::task::JoinSet;

use super::process::Server;
use super::wire::{self, Connection};
use crate::measure::{ROUNDS, middle, seconds, short, table};

/// Events that a follower is waited for.
const FOLLOWED: usize = 500;

/// So many connections that each send a request as soon as the last is answered.
#[derive(Debug)]
pub(super) struct Load<'a> {
    /// Events of one request.
    pub(super) events: usize,
    pub(super) connections: usize,
    /// Requests of one connection in one round.
    pub(super) requests: usize,
    pub(super) bodies: &'a [Vec<u8>],
}

pub(super) const HEAD: [&str; 7] = [
    "load",
    "events/s",
    "CPU-µs/event",
    "answer, µs",
    "bare, events/s",
    "bare, CPU-µs/event",
    "bare, answer, µs",
];

/// What one round took, in seconds.
struct Round {
    wall: f64,
    cpu: f64,
    /// The median of the answers.
    answer: f64,
}

impl Load<'_> {
    /// Both servers in turns; one round of each does not count.
    pub(super) fn row(&self, tidings: &Server, bare: &Server) -> io::Result<Vec<String>> {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for round in 0..=ROUNDS {
            let (one, other) = (self.round(tidings)?, self.round(bare)?);
            if round > 0 {
                ours.push(one);
                theirs.push(other);
            }
        }
        let what = match (self.events, self.connections) {
            (1, 1) => "single events, 1 connection".to_owned(),
            (1, connections) => format!("single events, {connections} connections"),
            (events, connections) => format!("{events} a request, {connections} connections"),
        };
        let mut row = vec![what];
        row.extend(self.cells(&ours));
        row.extend(self.cells(&theirs));
        Ok(row)
    }

    fn cells(&self, rounds: &[Round]) -> [String; 3] {
        let events = (self.events * self.connections * self.requests) as f64;
        let of = |what: fn(&Round) -> f64| rounds.iter().map(what).collect::<Vec<_>>();
        // A tick of 10 ms is too coarse for one round.
        let cpu = of(|round| round.cpu).iter().sum::<f64>() / rounds.len() as f64;
        [
            short(events / middle(of(|round| round.wall))),
            short(cpu / events * 1e6),
            short(middle(of(|round| round.answer)) * 1e6),
        ]
    }

    fn round(&self, server: &Server) -> io::Result<Round> {
        let clock = Clock::system();
        wire::runtime()?.block_on(async {
            let mut open = Vec::new();
            for _ in 0..self.connections {
                open.push(Connection::open(server.address).await?);
            }
            let bodies: Arc<[Vec<u8>]> = self.bodies.into();
            let (start, cpu) = (clock.monotonic(), server.cpu());
            let mut senders = JoinSet::new();
            for (i, connection) in open.into_iter().enumerate() {
                senders.spawn(send(connection, bodies.clone(), i, self.requests));
            }
            let mut answers = Vec::new();
            while let Some(sent) = senders.join_next().await {
                answers.extend(sent.map_err(io::Error::other)??);
            }
            let wall = seconds(clock.monotonic().saturating_sub(start));
            Ok(Round { wall, cpu: server.cpu() - cpu, answer: middle(answers) })
        })
    }
}

/// How long each answer took.
async fn send(
    mut connection: Connection,
    bodies: Arc<[Vec<u8>]>,
    first: usize,
    requests: usize,
) -> io::Result<Vec<f64>> {
    let clock = Clock::system();
    let mut answers = Vec::with_capacity(requests);
    for request in bodies.iter().cycle().skip(first).take(requests) {
        let start = clock.monotonic();
        let status = connection.ask(request).await?;
        answers.push(seconds(clock.monotonic().saturating_sub(start)));
        if status >= 300 {
            return Err(io::Error::other(format!("answered with {status}")));
        }
    }
    Ok(answers)
}

/// One client posts single events, another follows; beside what a sync takes.
pub(super) fn follower(server: &Server, bodies: &[Vec<u8>], sync: f64) -> io::Result<String> {
    let clock = Clock::system();
    let (mut after_post, mut after_answer) = (Vec::new(), Vec::new());
    wire::runtime()?.block_on(async {
        let mut follower = Connection::open(server.address).await?;
        follower.follow().await?;
        let mut poster = Connection::open(server.address).await?;
        for body in bodies.iter().cycle().take(FOLLOWED) {
            let start = clock.monotonic();
            let answered = async {
                let status = poster.ask(body).await;
                status.map(|_| clock.monotonic())
            };
            let seen = async {
                let frame = follower.frame().await;
                frame.map(|()| clock.monotonic())
            };
            let (answered, seen) = tokio::join!(answered, seen);
            let (answered, seen) = (answered?, seen?);
            after_post.push(seconds(seen.saturating_sub(start)));
            after_answer.push(seconds(seen) - seconds(answered));
        }
        io::Result::Ok(())
    })?;
    let micros = |all: Vec<f64>| format!("{:.0}", middle(all) * 1e6);
    let rows = [
        vec!["request sent → follower's socket".to_owned(), micros(after_post)],
        vec!["`fdatasync` of one event appended to a file".to_owned(), micros(vec![sync])],
        vec!["acknowledgement → follower's socket".to_owned(), micros(after_answer)],
    ];
    Ok(table(&["single events, one follower", "median µs"], &rows))
}
