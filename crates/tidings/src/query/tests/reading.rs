use super::super::expr::Tree;
use super::asked;
use super::*;

const SEEDS: u64 = if cfg!(feature = "soak") { 500_000 } else { 2000 };

/// Reads without a problem, in both modes, as this.
#[track_caller]
fn assert_reads(q: &str, read_as: &str) {
    let Reading { expr, problems } = Expr::read(q);
    assert_eq!((expr.to_string().as_str(), problems.as_slice()), (read_as, &[][..]), "{q}");
    assert_eq!(Expr::parse(q), Ok(expr.clone()), "{q}");
    assert_eq!(Expr::parse(read_as), Ok(expr), "{read_as}");
}

/// Reads as this after all, with a problem in this column.
#[track_caller]
fn assert_misread(q: &str, column: usize, problem: &str, read_as: &str) {
    let Reading { expr, problems } = Expr::read(q);
    let first = problems.first().unwrap_or_else(|| panic!("{q} reads as {expr}"));
    assert!(first.problem.contains(problem), "{q}: {first}");
    assert_eq!((first.column, expr.to_string().as_str()), (column, read_as), "{q}");
    assert_eq!(Expr::parse(q).as_ref(), Err(first), "{q}");
    assert_eq!(Expr::parse(read_as), Ok(expr), "{read_as}");
}

#[test]
fn words_phrases_and_patterns_are_told_apart() {
    assert_reads("", "");
    assert_reads("  disk   full ", "disk AND full");
    assert_reads(r#""disk full" now"#, r#""disk full" AND now"#);
    assert_reads(r#""say \"hi\" \\ \n" "#, r#""say \"hi\" \\ \\n""#);
    assert_reads(r#"" disk ""#, "disk");
    assert_reads(r"/di.k \d+/ x", r"/di.k \d+/ AND x");
    assert_reads(r"/a\/b/", r"/a\/b/");
    assert_reads("conn* *sub* a*b **", "conn* AND *sub* AND a*b AND *");
    assert_reads(r#"*"a b"* "a*b" "a""#, r#"*"a b"* AND "a*b" AND a"#);
    assert_reads(
        "what? 91% 10:30 main() k-v C:",
        r#""what?" AND 91% AND "10:30" AND "main()" AND k-v AND "C:""#,
    );
    assert_reads(
        "https://host/a -> --force - / x",
        r#""https://host/a" AND "->" AND "--force" AND "-" AND "/" AND x"#,
    );
}

#[test]
fn and_binds_tighter_than_or_and_not_tightest() {
    assert_reads("a b OR c", "(a AND b) OR c");
    assert_reads("a (b OR c)", "a AND (b OR c)");
    assert_reads("a AND b OR NOT c d", "(a AND b) OR (-c AND d)");
    assert_reads("-(a b) -c NOT(d)", "-(a AND b) AND -c AND -d");
    assert_reads("NOT NOT a -\"b c\" -/d/", "a AND -\"b c\" AND -/d/");
    assert_reads("((a OR (b))OR c)d", "(a OR b OR c) AND d");
    assert_reads("a or b and not c", "a AND or AND b AND and AND not AND c");
    assert_reads("\"OR\" ORder NOTe", "\"OR\" AND ORder AND NOTe");
    assert_reads("(main() OR x)", "\"main()\" OR x");
}

#[test]
fn names_have_values() {
    assert_reads("type:Deploy.* member:db1", "type:deploy.* AND member:db1");
    assert_reads("type:a,b -source:x,!y*", "(type:a OR type:b) AND -(source:x AND -source:y*)");
    assert_reads(r#"subject:"a, b" memberid=x"#, r#"subject:"a, b" AND member:x"#);
    assert_reads(
        "message:disk message:\"a b\" message:/x y/",
        "message:disk AND message:\"a b\" AND /x y/",
    );
    assert_reads("key:k-1 source:*", "key:k-1 AND source:*");
    let id = "019aab3c-7d2e-7c41-9a3b-1f2e00000001";
    assert_reads(&format!("id:{}", id.to_uppercase()), &format!("id:{id}"));
    assert_reads(
        "trace:0AF7651916CD43DD8448EB211C80319C",
        "trace:0af7651916cd43dd8448eb211c80319c",
    );
    assert_reads("span_id:00f067aa0ba902b7", "span:00f067aa0ba902b7");
}

#[test]
fn severities_are_whole_levels_and_ranges() {
    assert_reads("severity>=WARNING", "severity>=warn");
    assert_reads("severity>info severity<20", "severity>info AND severity<error");
    assert_reads("severity:warn,error", "severity=warn OR severity=error");
    assert_reads("severity:warn..error", "severity>=warn AND severity<=error");
    assert_reads("severity:..info OR severity=fatal..", "severity<=info OR severity>=fatal");
}

#[test]
fn fields_are_texts_with_a_colon_and_numbers_with_a_comparison() {
    assert_reads("fields.version:42 field.a.b:x*", "fields.version:42 AND fields.a.b:x*");
    assert_reads("fields.took>=1.50 fields.n=-0", "fields.took>=1.5 AND fields.n=0");
    assert_reads(
        "fields.n<1e400 fields.n=9007199254740993",
        "fields.n<1e400 AND fields.n=9007199254740993",
    );
    assert_reads(r#"fields.x=abc fields.x="1""#, "fields.x:abc AND fields.x:1");
    assert_reads(
        r#"fields."a \"b: c":"" fields.l:a,b"#,
        r#"fields."a \"b: c":"" AND fields.l:"a,b""#,
    );
    assert_reads("fields.path:/api/*", r#"fields.path:"/api/"*"#);
}

#[test]
fn what_does_not_parse_is_searched_as_text_and_its_column_is_told() {
    assert_misread("é /(a/", 3, "does not parse", r#"é AND "/(a/""#);
    assert_misread("/var/log", 1, "two slashes", r#""/var/log""#);
    assert_misread("/open", 1, "slash at the end", r#""/open""#);
    assert_misread("x \"open end", 3, "closing quote", r#"x AND "\"open" AND end"#);
    assert_misread("\"a\"b c", 1, "space after", r#""\"a\"b" AND c"#);
    assert_misread("a \"\"", 3, "nothing between", "a");
    assert_misread("(a b", 1, "closing parenthesis", r#""(" AND a AND b"#);
    assert_misread("a b) c", 4, "closes no group", r#"a AND "b)" AND c"#);
    assert_misread(") (a)", 1, "closes no group", r#"")" AND a"#);
    assert_misread("f ()", 3, "nothing in this group", r#"f AND "()""#);
    assert_misread("OR a", 1, "either side", r#""OR" AND a"#);
    assert_misread("a OR", 3, "either side", r#"a AND "OR""#);
    assert_misread("a AND OR b", 7, "either side", r#"a AND "OR" AND b"#);
    assert_misread("(a OR) NOT", 4, "either side", r#"a AND "OR" AND "NOT""#);
    assert_misread("a -(b", 4, "closing parenthesis", r#"a AND "-" AND "(" AND b"#);
}

#[test]
fn what_means_nothing_is_searched_as_text() {
    assert_misread("a typ:x", 3, "typ is no name", r#"a AND "typ:x""#);
    assert_misread("msg=\"disk full\" x", 1, "fields.msg", r#""msg=\"disk full\"" AND x"#);
    assert_misread("type:", 6, "a value after type:", r#""type:""#);
    assert_misread("type>a", 1, "not compared", r#""type>a""#);
    assert_misread("type:a,,b", 1, "is empty", r#""type:a,,b""#);
    assert_misread("severity>=loud", 1, "trace, debug, info", r#""severity>=loud""#);
    assert_misread("severity>=warn..error", 1, "one severity", r#""severity>=warn..error""#);
    assert_misread("severity:error..warn", 1, "turn it around", r#""severity:error..warn""#);
    assert_misread("fields.x>abc", 1, "expected a number", r#""fields.x>abc""#);
    assert_misread("id:7", 1, "an event id", r#""id:7""#);
    assert_misread("trace:7", 1, "32 hexadecimal", r#""trace:7""#);
    assert_misread(
        &format!("a {}", "*a".repeat(17)),
        3,
        "17 stars",
        &format!("a AND \"{}\"", "*a".repeat(17)),
    );
}

#[test]
fn what_is_over_a_limit_is_cut_off_or_searched_as_text() {
    let long = Expr::read(&"é".repeat(QUERY_BYTES_MAX));
    assert_eq!(long.expr.to_string(), "é".repeat(QUERY_BYTES_MAX / 2));
    assert_eq!(long.problems[0].column, QUERY_BYTES_MAX / 2 + 1);

    assert_reads(&"a ".repeat(QUERY_TERMS_MAX), &vec!["a"; QUERY_TERMS_MAX].join(" AND "));
    let many = Expr::read(&"a ".repeat(QUERY_TERMS_MAX + 1));
    assert_eq!(many.problems[0].column, 2 * QUERY_TERMS_MAX + 1);
    let list = Expr::read(&format!("a type:x{}", ",x".repeat(QUERY_TERMS_MAX - 1)));
    assert!(list.problems[0].problem.contains("a list of 256"), "{:?}", list.problems);

    let nested = |levels: usize| format!("{}a b{}", "-(c ".repeat(levels), ")".repeat(levels));
    assert!(Expr::parse(&nested(QUERY_DEPTH_MAX)).is_ok());
    let deep = Expr::read(&nested(QUERY_DEPTH_MAX + 1));
    assert!(deep.problems[0].problem.contains("at most 32 groups"), "{:?}", deep.problems);
    assert_eq!(Expr::parse(&deep.to_string()), Ok(deep.expr));
}

/// Found by fuzzing: 450 of them, each near its limit in size, took seconds
/// and hundreds of megabytes for one request.
#[test]
fn more_regular_expressions_than_a_query_may_have_are_searched_as_text() {
    let read = Expr::read(&"/a.b/ ".repeat(200));

    let printed = read.to_string();
    assert_eq!(printed.matches("\"/a.b/\"").count(), 200 - QUERY_REGEXES_MAX, "{printed}");
    assert_eq!(read.problems.len(), 200 - QUERY_REGEXES_MAX);
}

/// The examples of the documentation's table.
#[test]
fn what_the_documentation_shows_is_right() {
    let page = include_str!("../../../../../docs/http-api.md");
    let section = page.split("\n### ").find(|part| part.starts_with("What `q` asks")).unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `") && !line.starts_with("| `q`"));
    let cells = rows.map(|row| row.replace("\\|", "|").split(" | ").next().unwrap().to_owned());
    let examples: Vec<String> = cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>())
        .collect();

    assert!(examples.len() > 20, "{examples:?}");
    for example in examples {
        assert!(Expr::parse(&example).is_ok_and(|expr| !expr.is_empty()), "{example}");
    }
}

#[test]
fn every_expression_reads_as_it_prints() {
    for seed in 0..SEEDS {
        let expr = asked::expr(&mut fastrand::Rng::with_seed(seed));

        let printed = expr.to_string();

        assert_eq!(Expr::parse(&printed), Ok(expr), "replay: seed {seed}, {printed}");
    }
}

#[test]
fn whatever_is_typed_reads_as_something_that_reads_as_the_same() {
    const TYPED: [&str; 40] = [
        " ",
        " ",
        " ",
        " ",
        "(",
        ")",
        "\"",
        "-",
        "/",
        "*",
        "\\",
        ":",
        ",",
        "!",
        "a",
        "B",
        "é",
        "ı",
        "OR",
        " OR ",
        " AND ",
        " NOT ",
        "type:",
        "severity>=",
        "warn",
        "fields.",
        "fields.x",
        "=",
        ">",
        "<",
        "1",
        "-2.5e3",
        "id:",
        "message:",
        "..",
        "\u{a0}",
        "\n",
        "(a OR b)",
        "\"a b\"",
        "member:",
    ];
    for seed in 0..SEEDS {
        let mut dice = fastrand::Rng::with_seed(seed);
        let typed: String =
            (0..dice.usize(0..20)).map(|_| TYPED[dice.usize(..TYPED.len())]).collect();
        let why = format!("replay: seed {seed}, {typed:?}");

        let read = Expr::read(&typed);
        let printed = read.to_string();

        assert_eq!(Expr::parse(&printed).as_ref(), Ok(&read.expr), "{why}: {printed}");
        let columns = 1..=typed.chars().count() + 1;
        assert!(read.problems.iter().all(|one| columns.contains(&one.column)), "{why}");
        assert!(read.problems.is_sorted_by_key(|one| one.column), "{why}");
        let nothing = typed.trim().is_empty() || !read.problems.is_empty();
        assert!(read.expr.0 != Tree::default() || nothing, "{why}");
    }
}
