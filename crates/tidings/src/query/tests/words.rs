use super::*;

fn found(log: &Log, filter: Filter) -> Vec<String> {
    let page = ask(log, &Query { filter, order: Order::Ascending, ..Query::default() });
    messages(&page.events).into_iter().map(str::to_owned).collect()
}

fn by_text(q: &str) -> Filter {
    Filter { expr: Expr::read(q).expr, ..Filter::default() }
}

#[test]
fn a_word_is_looked_for_everywhere_and_a_pattern_in_the_message() {
    let log = empty_log();
    append(
        &log,
        vec![
            Event::new("a", "Zebra here"),
            Event::new("zebra.seen", "type"),
            Event::new("a", "subject").with_subject("the zebra"),
            Event::new("a", "source").with_source("zebra"),
            Event::new("a", "member").with_member("zebra"),
            Event::new("a", "value").with_field("f", serde_json::json!({"x": ["zebra"]})),
            Event::new("a", "name").with_field("zebra", 1),
            Event::new("a", "zebras"),
        ],
    );

    assert_eq!(found(&log, by_text("zebra")).len(), 7);
    assert_eq!(found(&log, by_text("Zebra")), ["Zebra here"]);
    assert_eq!(found(&log, by_text("/[Zz]ebra/")), ["Zebra here", "zebras"]);
    assert_eq!(found(&log, by_text("zebra here")), ["Zebra here"]);
}

#[test]
fn types_are_asked_for_in_any_case_and_members_as_they_are() {
    let log = empty_log();
    append(&log, vec![Event::new("Deploy", "m").with_member("DB1")]);
    let by = |types: &str, members: &str| {
        let mut filter = Filter::default();
        if !types.is_empty() {
            filter.types.add(types).unwrap();
        }
        if !members.is_empty() {
            filter.members.add(members).unwrap();
        }
        found(&log, filter).len()
    };

    assert_eq!((by("DEPLOY", ""), by("", "DB1"), by("", "db1")), (1, 1, 0));
}

#[test]
fn numbers_and_names_in_fields_are_found_as_they_are_written() {
    let log = empty_log();
    let fields = serde_json::json!({"code": 500, "ok": false, "http": {"path": "/x y"}});
    append(&log, vec![Event::new("a", "m").with_fields(serde_json::from_value(fields).unwrap())]);
    let by = |name: &str, value: &str| {
        let fields = vec![(name.to_owned(), value.to_owned())];
        found(&log, Filter { fields, ..Filter::default() }).len()
    };

    assert_eq!((by("code", "500"), by("ok", "false"), by("http.path", "/x y")), (1, 1, 1));
    assert_eq!((by("code", "50"), by("http", "/x y"), by("nothing", "null")), (0, 0, 0));
    assert_eq!(found(&log, by_text("500")).len(), 1);
}

#[test]
fn what_json_spells_in_another_way_is_found() {
    let log = empty_log();
    let event = Event::new("a", "0")
        .with_field("path", r"C:\temp")
        .with_field("quoted", r#"say "hi""#)
        .with_field("line", "one\ntwo")
        .with_field("name", "Größe")
        .with_field("large", serde_json::json!(1e21));
    append(&log, vec![event]);
    let found = |filter| ask(&log, &Query { filter, ..Query::default() }).events.len();
    let having = |name: &str, value: &str| {
        found(Filter { fields: vec![(name.into(), value.into())], ..Filter::default() })
    };

    let texts = ["temp", r#""say \"hi\"""#, "two", "größe"];
    let words = texts.map(|q| found(by_text(q)));
    assert_eq!(words, [1; 4]);
    assert_eq!((having("path", r"C:\temp"), having("line", "one\ntwo")), (1, 1));
    let large = serde_json::json!(1e21).to_string();
    assert_eq!((having("large", &large), having("path", "C:temp")), (1, 0));
}
