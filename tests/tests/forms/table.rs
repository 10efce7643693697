//! The tables of docs/web-servers.md.

use std::{
    env,
    fs::{self, File},
    io::{Read, Seek, Write},
};

use tests::paths;

use crate::{FORMS, Form};

/// Where the tables are.
const PAGE: &str = "docs/web-servers.md";

/// Set, it has the tables written in the place of being compared.
const WRITE: &str = "WRITE_TABLES";

/// A table: what stands above its rows.
const FORMS_HEAD: &str = "| server | form | what was run | result |\n|---|---|---|---|\n";
const CASES_HEAD: &str = "| case | what is done |\n|---|---|\n";

/// Checks the row of a form, whose cases do what they should but for `otherwise`.
pub(crate) fn check(form: &Form, otherwise: &[String], logs: impl Fn() -> String) {
    let result = match otherwise {
        [] => "all as it should be".to_owned(),
        some => format!("all but {}", some.join("; ")),
    };
    let row = format!("{}{result} |", beginning(form));
    hold(
        FORMS_HEAD,
        |rows| {
            let own = rows.iter().position(|line| line.starts_with(&beginning(form)));
            let mut rows = rows.to_vec();
            match own {
                Some(at) => rows[at].clone_from(&row),
                None => rows.push(row.clone()),
            }
            // In the order of the forms, without what is none any more.
            FORMS
                .iter()
                .filter_map(|form| rows.iter().find(|row| row.starts_with(&beginning(form))).cloned())
                .collect()
        },
        logs,
    );
}

/// The cells that say what is run.
fn beginning(form: &Form) -> String {
    let links: Vec<_> = form.examples.iter().map(|file| format!("[{file}](../examples/{file})")).collect();
    format!("| {} | {} | {} | ", form.server, form.name, links.join(", "))
}

/// Checks that the rows of a table are those that `made` makes of them, or writes these.
fn hold(head: &str, made: impl Fn(&[String]) -> Vec<String>, logs: impl Fn() -> String) {
    let mut file = File::options().read(true).write(true).open(paths::repository(PAGE)).expect("the page");
    // Others write theirs at the same time.
    file.lock().expect("the page's lock");
    let mut text = String::new();
    file.read_to_string(&mut text).expect("the page");
    let (before, rest) = text.split_once(head).expect("the head of a table");
    let rows: Vec<_> = rest.lines().take_while(|line| line.starts_with("| ")).map(str::to_owned).collect();
    let wanted = made(&rows);
    if rows == wanted {
        return;
    }
    let wrong: Vec<_> = wanted.iter().filter(|row| !rows.contains(row)).collect();
    assert!(
        env::var_os(WRITE).is_some(),
        "{PAGE} does not say this, which {WRITE}=1 has it say:\n{wrong:#?}\n{}",
        logs()
    );
    let after = &rest[rows.iter().map(|row| row.len() + 1).sum()..];
    let rows: String = wanted.iter().flat_map(|row| [row.as_str(), "\n"]).collect();
    file.rewind().expect("the page");
    file.set_len(0).expect("the page");
    file.write_all(format!("{before}{head}{rows}{after}").as_bytes()).expect("the page");
}

#[test]
fn the_page_has_every_case_and_every_form() {
    let cases = crate::cases().map(|case| format!("| {} | {} |", case.name, case.what));
    let cases: Vec<_> = cases.collect();
    hold(CASES_HEAD, |_| cases.clone(), String::new);
    let page = fs::read_to_string(paths::repository(PAGE)).expect("the page");
    let written = env::var_os(WRITE).is_some();
    let (_, told) = page.split_once("\n## What all have in common\n").expect("what is said of each");
    for form in FORMS {
        assert!(written || page.contains(&beginning(form)), "{PAGE} has no {} {}", form.server, form.name);
        for file in form.examples {
            assert!(told.contains(&format!("(../examples/{file})")), "{PAGE} says nothing of {file}");
        }
    }
}
