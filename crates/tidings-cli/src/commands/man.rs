//! `tidings man`: the help as man pages.
//!
//! Names, synopsis and options come from the definitions of the command line. The
//! texts below them are laid out by hand there, so they keep their lines here.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;

use crate::args::{Cli, ManArgs};
use crate::exit::{Exit, Failure, say};
use crate::view::out;
use crate::view::summary::counted;

/// Prints `tidings.1`, or writes a page for each command into a directory.
///
/// # Errors
///
/// The output or a file cannot be written.
pub(super) fn run(args: &ManArgs) -> Result<(), Failure> {
    let pages = pages();
    if let Some(dir) = &args.dir {
        return write(&pages, dir);
    }
    let first = pages.first().map_or("", |page| &page.text);
    out::print(first.as_bytes()).map_err(|error| Failure::output(&error))
}

/// A man page and the name of its file.
struct Page {
    file: String,
    text: String,
}

fn write(pages: &[Page], dir: &Path) -> Result<(), Failure> {
    let failed = |path: &Path, error: io::Error| {
        Failure::new(Exit::Failed, format!("cannot write {}: {error}", path.display()))
    };
    std::fs::create_dir_all(dir).map_err(|error| failed(dir, error))?;
    for page in pages {
        let path = dir.join(&page.file);
        std::fs::write(&path, &page.text).map_err(|error| failed(&path, error))?;
    }
    say(&format!("tidings: wrote {} to {}", counted(pages.len() as u64, "page"), dir.display()));
    Ok(())
}

/// The page of the program, then those of its commands.
fn pages() -> Vec<Page> {
    let mut program = Cli::command();
    program.build();
    let mut pages = Vec::new();
    collect(program, &mut pages);
    pages
}

fn collect(command: Command, pages: &mut Vec<Page>) {
    let inner: Vec<Command> = command.get_subcommands().cloned().collect();
    pages.push(page(command));
    for command in inner {
        collect(command, pages);
    }
}

fn page(command: Command) -> Page {
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let has_commands = command.has_subcommands();
    let source = format!("tidings {}", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command).source(source);
    let mut text = Vec::new();
    // Writing to memory cannot fail.
    let _ = sections(&man, has_commands, &mut text);
    text.extend_from_slice(as_they_stand(&after).as_bytes());
    Page { file: man.get_filename(), text: in_ascii(&text) }
}

fn sections(man: &Man, has_commands: bool, text: &mut Vec<u8>) -> io::Result<()> {
    man.render_title(text)?;
    man.render_name_section(text)?;
    man.render_synopsis_section(text)?;
    man.render_description_section(text)?;
    man.render_options_section(text)?;
    if has_commands {
        man.render_subcommands_section(text)?;
    }
    Ok(())
}

/// Paragraphs whose lines stay as they are; one that begins with `Words:` is a
/// section of that name.
fn as_they_stand(paragraphs: &str) -> String {
    let mut roff = String::new();
    let mut in_section = false;
    for paragraph in paragraphs.split("\n\n").filter(|paragraph| !paragraph.is_empty()) {
        let (first, rest) = paragraph.split_once('\n').unwrap_or((paragraph, ""));
        let body = match first.strip_suffix(':') {
            Some(title) => {
                roff.extend([".SH ", &quoted(&title.to_uppercase()), "\n"]);
                rest
            }
            None if in_section => {
                roff.push_str(".PP\n");
                paragraph
            }
            None => {
                roff.push_str(".SH NOTES\n");
                paragraph
            }
        };
        in_section = true;
        roff.push_str(".nf\n");
        for line in body.lines() {
            roff.extend([&escaped(line), "\n"]);
        }
        roff.push_str(".fi\n");
    }
    roff
}

/// Every other character by its number: `groff` alone reads Latin-1.
fn in_ascii(text: &[u8]) -> String {
    let mut ascii = String::with_capacity(text.len());
    for c in String::from_utf8_lossy(text).chars() {
        if c.is_ascii() {
            ascii.push(c);
        } else {
            // Writing to a string cannot fail.
            let _ = write!(ascii, "\\[u{:04X}]", u32::from(c));
        }
    }
    ascii
}

fn quoted(title: &str) -> String {
    format!("\"{}\"", escaped(title))
}

/// A line that roff shows as it is: no escape, no request, no curly quotes.
fn escaped(line: &str) -> String {
    let mut text = String::with_capacity(line.len() + 8);
    if line.starts_with(['.', '\'']) {
        text.push_str("\\&");
    }
    for c in line.chars() {
        match c {
            '\\' => text.push_str("\\e"),
            '-' => text.push_str("\\-"),
            '\'' => text.push_str("\\(aq"),
            '"' => text.push_str("\\(dq"),
            '`' => text.push_str("\\(ga"),
            '~' => text.push_str("\\(ti"),
            '^' => text.push_str("\\(ha"),
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_keep_their_lines_under_their_headings() {
        let roff = as_they_stand("Exit codes:\n  0 ok   1 failed\n\nIt's\n.so\\me");

        assert_eq!(
            roff,
            ".SH \"EXIT CODES\"\n.nf\n  0 ok   1 failed\n.fi\n\
             .PP\n.nf\nIt\\(aqs\n\\&.so\\eme\n.fi\n"
        );
    }

    #[test]
    fn every_command_has_a_page_with_all_of_its_flags() {
        fn each(command: &Command, pages: &[Page]) {
            let name = command.get_display_name().unwrap_or(command.get_name());
            let page = pages.iter().find(|page| page.file == format!("{name}.1"));
            let page = page.unwrap_or_else(|| panic!("{name} has no page"));
            let text = page.text.replace("\\-", "-");
            for flag in command.get_arguments().filter_map(|argument| argument.get_long()) {
                assert!(text.contains(&format!("--{flag}")), "--{flag} of {name}: {text}");
            }
            command.get_subcommands().for_each(|inner| each(inner, pages));
        }
        let mut program = Cli::command();
        program.build();

        each(&program, &pages());
    }
}
