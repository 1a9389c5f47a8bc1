//! Does one look at all texts of a frame leave out no event that matches?

use super::super::expr::{Term, Tree};
use super::super::filter::Plan;
use super::super::pattern::Pattern;
use super::naive::pick;
use super::*;

const SEEDS: u64 = if cfg!(feature = "soak") { 20_000 } else { 60 };
const QUESTIONS: usize = 20;
/// Few and alike, so that what is looked for also lies across two texts.
const PIECES: [&str; 9] = ["a", "b", "ab", "B", "é", "k", "\u{212a}", " ", "\""];
const PATTERNS: [&str; 12] =
    ["*a*", "ab", "*ab*", "*ba*", "a*b", "*aa*", "É", "*k*", "K*", "*b a*", "b", "1*"];
const REGEXES: [&str; 5] = ["a+b", "(ab|bk) ?", "(?i)ab.*k", "^$", "aa|é{2}"];

fn random_text(dice: &mut fastrand::Rng) -> String {
    (0..dice.usize(0..5)).map(|_| pick(dice, &PIECES)).collect()
}

fn random_event(dice: &mut fastrand::Rng) -> Event {
    let mut event = Event::new(pick(dice, &["a", "ab", "type.k"]), random_text(dice))
        .with_member(pick(dice, &["aa", "b", "É"]));
    if dice.bool() {
        event = event.with_subject(format!("s{}", random_text(dice)));
    }
    if dice.bool() {
        event = event.with_source(pick(dice, &["k a", "ba"]));
    }
    for _ in 0..dice.usize(0..3) {
        event = event.with_field(pick(dice, &["a", "took", "k"]), random_text(dice));
    }
    if dice.u8(0..4) == 0 {
        event = event.with_field("took", dice.u32(0..200));
    }
    event
}

fn random_filter(dice: &mut fastrand::Rng) -> Filter {
    let pattern = |dice: &mut fastrand::Rng| Pattern::starred(pick(dice, &PATTERNS));
    let expr = match dice.u8(0..4) {
        0 => Expr(Tree::Term(Term::Text(pattern(dice)))),
        1 => Expr(Tree::Term(Term::Message(pattern(dice)))),
        2 => Expr(Tree::Term(Term::Regex(Regex::new(pick(dice, &REGEXES)).unwrap()))),
        _ => super::asked::expr(dice),
    };
    let mut filter = Filter { expr, ..Filter::default() };
    if dice.u8(0..4) == 0 {
        filter.subjects.add(pick(dice, &["!sa", "s*b", "sab,s"])).unwrap();
    }
    if dice.u8(0..4) == 0 {
        filter.fields.push(("took".to_owned(), pick(dice, &["1", "12", "ab", "\""]).to_owned()));
    }
    filter
}

#[test]
fn no_event_that_matches_is_sifted_out() {
    let (mut matching, mut left_out) = (0, 0);
    for seed in 0..SEEDS {
        let mut dice = fastrand::Rng::with_seed(seed);
        let count = dice.usize(1..100);
        let events: Vec<_> = (0..count).map(|_| (random_event(&mut dice), start())).collect();
        let block = block_of(1, 1, 1, &events);
        let whole = block.events(Position(0)).unwrap();
        for number in 0..QUESTIONS {
            let plan = Plan::new(&random_filter(&mut dice));
            let Some(of_block) = plan.for_block(block.header()) else { continue };
            let sections = block.sections(0);

            let rows = of_block.rows(&sections);

            let frame = sections.into_frame().unwrap();
            for (i, event) in whole.iter().enumerate() {
                let why = format!("replay: seed {seed}, question {number}: {plan:?} {event:?}");
                let matches = plan.matches(event).unwrap();
                assert_eq!(of_block.matches(&frame, i).unwrap(), matches, "{why}");
                assert!(!matches || rows.has(i), "{why}");
                matching += usize::from(matches);
                left_out += usize::from(!rows.has(i));
            }
        }
    }
    assert!(matching > 5000 && left_out > 5000, "{matching} match, {left_out} are left out");
}
