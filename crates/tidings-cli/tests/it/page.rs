//! Is the page served whole, and can nothing foreign get into it?

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use flate2::{Compression, write::GzEncoder};
use regex::Regex;

use super::server::{Answer, Server};

/// Bytes of the whole page, compressed file by file, at most.
const PAGE_BYTES_MAX: usize = 40 * 1024;

/// Hosts that may be named: ours, and the name (never fetched) of SVG itself.
const HOSTS: [&str; 4] = ["127.0.0.1", "localhost", "[::1]", "www.w3.org/2000/svg"];

/// The files of the page as they are in the repository, by name.
fn files() -> BTreeMap<String, String> {
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web");
    let entries = std::fs::read_dir(&web).unwrap().map(Result::unwrap);
    let files: BTreeMap<String, String> = entries
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.path()))
        .map(|(name, path)| (name, std::fs::read_to_string(path).unwrap()))
        .collect();
    assert!(files.contains_key("index.html") && files.len() > 5, "{:?}", files.keys());
    files
}

fn path_of(name: &str) -> String {
    if name == "index.html" { "/".to_owned() } else { format!("/assets/{name}") }
}

fn media_of(name: &str) -> &'static str {
    match name.rsplit_once('.').unwrap().1 {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        other => panic!("no media type is known for .{other}"),
    }
}

#[track_caller]
fn assert_guarded(path: &str, answer: &Answer) {
    let policy = answer.header("content-security-policy").unwrap_or_default();
    for part in
        ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"]
    {
        assert!(policy.split("; ").any(|known| known == part), "{path}: {part} not in {policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{path}: {policy}");
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
}

#[test]
fn every_file_of_the_page_is_served_as_what_it_is() {
    let server = Server::start();
    for (name, text) in files() {
        let path = path_of(&name);

        let answer = server.get(&path);

        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("content-type"), Some(media_of(&name)), "{path}");
        assert_eq!(answer.text(), text, "{path}");
        assert_guarded(&path, &answer);
    }
}

#[test]
fn the_page_is_at_ui_too() {
    let server = Server::start();

    assert_eq!(server.get("/ui").body, server.get("/").body);
}

#[test]
fn whatever_the_page_names_is_there() {
    let files = files();
    let named =
        Regex::new(r#"(?:src|href)="assets/([^"]+)"|(?:from|import\() ?"\./([^"]+)""#).unwrap();
    let mut count = 0;
    for (name, text) in &files {
        for found in named.captures_iter(text) {
            let other = found.get(1).or(found.get(2)).unwrap().as_str();
            assert!(files.contains_key(other), "{name} names {other}");
            count += 1;
        }
    }
    assert!(count > 10, "found {count} names: does the expression still match?");
}

#[test]
fn the_page_names_no_other_host() {
    let address =
        Regex::new(r#"(?:https?:|wss?:)//([^\s"'`]*)|(?:="|\(|from "|url\("?)//([^\s"')]*)"#)
            .unwrap();
    assert!(address.is_match(r#"<script src="//cdn.example/x.js">"#));
    for (name, text) in files() {
        for found in address.captures_iter(&text) {
            let host = found.get(1).or(found.get(2)).unwrap().as_str();
            assert!(HOSTS.iter().any(|known| host.starts_with(known)), "{name}: {}", &found[0]);
        }
    }
}

#[test]
fn nothing_in_the_page_turns_text_into_code_or_markup() {
    let inline =
        Regex::new(r"(?i)<script>|<script [^>]*>[^<]|<style|\sstyle=|\son[a-z]+=").unwrap();
    let markup = Regex::new(
        r"(?i)innerHTML|outerHTML|insertAdjacentHTML|setHTML|parseFromString|createContextualFragment|document\.write|srcdoc|\beval\(|new Function|javascript:",
    )
    .unwrap();
    assert!(inline.is_match(r#"<p onclick="x()">"#) && inline.is_match("<script>x"));
    for (name, text) in files() {
        assert!(!markup.is_match(&text), "{name}: {:?}", markup.find(&text));
        if !media_of(&name).starts_with("text/javascript") {
            assert!(!inline.is_match(&text), "{name}: {:?}", inline.find(&text));
        }
    }
}

#[test]
fn the_page_is_small() {
    let compressed = |text: &String| {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(text.as_bytes()).unwrap();
        gzip.finish().unwrap().len()
    };

    let bytes: usize = files().values().map(compressed).sum();

    assert!(bytes <= PAGE_BYTES_MAX, "{bytes} bytes compressed, at most {PAGE_BYTES_MAX}");
}
