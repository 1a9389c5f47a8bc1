//! Which words must an event hold to match?

use std::cmp::Reverse;

use super::expr::Label;
use super::node::{FieldTest, Names, Node, Test};
use super::pattern::Pattern;

/// Whole words, as they were typed, of which an event that matches holds at least
/// one.
type AnyOf = Vec<String>;

/// All that is known to be needed; nothing where nothing can be said.
pub(super) fn needed_words(node: &Node) -> Vec<AnyOf> {
    let mut needed = match node {
        Node::All(sides) => sides.iter().flat_map(needed_words).collect(),
        Node::Any(sides) => one_of_each(sides.iter().map(needed_words)),
        Node::Test { test, wanted: true } => of_test(test),
        Node::Test { wanted: false, .. } => Vec::new(),
    };
    needed.sort_unstable();
    needed.dedup();
    needed
}

/// Any of them is needed: of each the one that says most, if all say anything.
fn one_of_each(sides: impl Iterator<Item = Vec<AnyOf>>) -> Vec<AnyOf> {
    let best = |needed: Vec<AnyOf>| needed.into_iter().min_by_key(rarity);
    let Some(mut all) = sides.map(best).collect::<Option<Vec<AnyOf>>>() else { return Vec::new() };
    let mut any: AnyOf = all.drain(..).flatten().collect();
    any.sort_unstable();
    any.dedup();
    // No side at all matches nothing, which is not a matter of words.
    if any.is_empty() { Vec::new() } else { vec![any] }
}

/// Few and long words are rare.
fn rarity(any: &AnyOf) -> (usize, Reverse<usize>) {
    (any.len(), Reverse(any.iter().map(String::len).min().unwrap_or_default()))
}

fn of_test(test: &Test) -> Vec<AnyOf> {
    match test {
        Test::Text(word) | Test::Message(word) => each(word.pattern().whole_words()),
        // Keys, ids and traces are in no text.
        Test::Label(Label::Key, _) => Vec::new(),
        Test::Label(_, Names::One(name)) => each(name.pattern().whole_words()),
        Test::Label(_, names @ Names::Listed(_)) => {
            let names = names.listed().unwrap_or_default().into_iter();
            let words = |name| each(Pattern::literal(name).whole_words());
            let sides: Vec<Vec<AnyOf>> = names.map(words).collect();
            match sides.as_slice() {
                [only] => only.clone(),
                _ => one_of_each(sides.into_iter()),
            }
        }
        Test::Field(name, test) => {
            let mut needed = each(Pattern::literal(name).whole_words());
            match test {
                // In the JSON form of a list or an object words look different.
                FieldTest::Is(value) if !value.pattern().has_any(&['\\', '"', '{', '[']) => {
                    needed.extend(each(value.pattern().whole_words()));
                }
                FieldTest::Is(_) | FieldTest::Number(..) => {}
            }
            needed
        }
        Test::Severity(_) | Test::Id(_) | Test::Regex(_) | Test::Trace(_) | Test::Span(_) => {
            Vec::new()
        }
    }
}

fn each<T: AsRef<str>>(words: impl IntoIterator<Item = T>) -> Vec<AnyOf> {
    words.into_iter().map(|word| vec![word.as_ref().to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Expr, Filter};
    use super::*;

    #[track_caller]
    fn assert_needed(q: &str, expected: &str) {
        let needed = needed_words(&Node::of(&Expr::read(q).expr.0));
        let printed: Vec<String> = needed.iter().map(|any| any.join("|")).collect();
        assert_eq!(printed.join(" "), expected, "{q}");
    }

    #[test]
    fn words_of_what_must_be_there_are_needed() {
        assert_needed("disk Full", "Full disk");
        assert_needed("disk -full NOT out", "disk");
        assert_needed(r#""disk is full""#, "disk full is");
        assert_needed("conn* x *sub* y.conn*", "x y");
        assert_needed("/disk/", "");
        assert_needed("message:disk type:deploy.api", "api deploy disk");
        assert_needed("member:db* severity>=warn key:a id:x", "id x");
    }

    #[test]
    fn of_an_or_every_side_must_need_something() {
        assert_needed("disk OR full", "disk|full");
        assert_needed("(disk is full) OR (a memory)", "disk|memory");
        assert_needed("disk OR sub*", "");
        assert_needed("type:deploy,error x", "deploy|error x");
        assert_needed("-(disk OR full)", "");
        assert_needed("-(-disk OR -full)", "disk full");
    }

    #[test]
    fn fields_need_their_names_and_values() {
        assert_needed("fields.http.code=500", "code http");
        assert_needed("fields.version:v1.2", "2 v1 version");
        assert_needed(r#"fields.x:"a\\nb""#, "x");
        assert_needed(r#"fields.x:{"a":1}"#, "x");
    }

    #[test]
    fn what_parameters_ask_for_needs_words_too() {
        let mut filter = Filter::default();
        filter.types.add("deploy.api,error").unwrap();
        filter.members.add("db1").unwrap();
        filter.sources.add("!cron").unwrap();
        filter.fields.push(("k".to_owned(), "v".to_owned()));

        let needed = super::super::filter::Plan::new(&filter).needed_words();

        assert_eq!(needed, [vec!["db1"], vec!["deploy", "error"], vec!["k"], vec!["v"]]);
    }
}
