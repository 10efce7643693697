//! The table of docs/conformance.md against the tests that there are.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use tests::{catalogue, paths};

/// A test as the table names it: the file that it stands in, and its own name.
type Name = String;

/// The sections with numbered rows, how many these are, and how tests that are named after one begin.
const NUMBERED: [(&str, usize, &str); 2] = [("Checklist", 54, "line_"), ("Bad inputs", 56, "input_")];

/// The section whose cells the suite `servers` holds against web servers.
const SERVERS: &str = "Web servers";

/// The section whose rows are the tests of `clients.rs`.
const CLIENTS: &str = "Independent clients";

#[test]
fn the_table_has_every_line_and_every_test() {
    let (tests, sections) = (catalogue::tests(), sections());
    let mut wrong = Vec::new();
    for (heading, count, prefix) in NUMBERED {
        let rows = &sections[heading];
        for number in 1..=count {
            if rows.iter().filter(|row| row.number == Some(number)).count() != 1 {
                wrong.push(format!("{heading}: not one row for {number}"));
            }
        }
        for name in tests.iter().filter(|name| own_name(name).starts_with(prefix)) {
            let number =
                own_name(name)[prefix.len()..].split('_').next().and_then(|digits| digits.parse().ok());
            if !rows.iter().any(|row| row.number == number && row.tests.contains(name)) {
                wrong.push(format!("{heading}: {name} is not in its row"));
            }
        }
    }
    let clients: BTreeSet<_> = sections[CLIENTS].iter().flat_map(|row| &row.tests).collect();
    for name in tests.iter().filter(|name| name.starts_with("clients::") && !clients.contains(name)) {
        wrong.push(format!("{CLIENTS}: {name} is missing"));
    }
    for (heading, rows) in &sections {
        for row in rows {
            if row.tests.is_empty() {
                wrong.push(format!("{heading}: a row without a test: {}", row.text));
            }
            let unknown = row.tests.iter().filter(|name| !tests.contains(*name));
            wrong.extend(unknown.map(|name| format!("{heading}: there is no test {name}")));
        }
    }
    assert!(wrong.is_empty(), "docs/conformance.md:\n{}", wrong.join("\n"));
}

#[test]
fn the_web_servers_table_has_every_line_or_says_where_it_is_tested() {
    let text = fs::read_to_string(paths::repository("docs/conformance.md")).expect("the table");
    let section = text.split(&format!("\n## {SERVERS}\n")).nth(1).expect("the section of the web servers");
    let section = section.split("\n## ").next().unwrap_or_default();
    let named = |text: &str| -> BTreeSet<usize> {
        let numbers = text.split(|character: char| !character.is_ascii_digit());
        numbers.filter_map(|number| number.parse().ok()).collect()
    };
    let rows = section.lines().filter(|line| line.starts_with("| ")).skip(1);
    let tried: BTreeSet<_> = rows.flat_map(|row| named(row.split('|').nth(1).unwrap_or_default())).collect();
    let elsewhere = section.split("\n\n").find(|part| part.starts_with("The lines that are missing here"));
    let elsewhere = named(elsewhere.expect("a sentence about the other lines"));
    let (_, count, _) = NUMBERED[0];
    assert_eq!(tried.intersection(&elsewhere).count(), 0, "{tried:?} {elsewhere:?}");
    assert_eq!(tried.union(&elsewhere).copied().collect::<Vec<_>>(), (1..=count).collect::<Vec<_>>());
}

/// A row of a table with tests in it.
struct Row {
    number: Option<usize>,
    tests: Vec<Name>,
    text: String,
}

/// The tables under each heading: rows of number or name, what is asked, tests in backticks, and result.
fn sections() -> BTreeMap<String, Vec<Row>> {
    let text = fs::read_to_string(paths::repository("docs/conformance.md")).expect("the table");
    let parts = text.split("\n## ").skip(1);
    parts
        .map(|part| {
            let (heading, body) = part.split_once('\n').expect("a heading");
            (heading.to_owned(), catalogue::rows(body))
        })
        .filter(|(heading, _)| heading != SERVERS)
        .map(|(heading, rows)| (heading, rows.iter().map(|cells| row(cells)).collect()))
        .collect()
}

fn row(cells: &[&str]) -> Row {
    let [number, _, tests, _] = cells else { panic!("not four cells: {cells:?}") };
    Row { number: number.parse().ok(), tests: catalogue::names(tests), text: cells.join(" | ") }
}

fn own_name(name: &str) -> &str {
    name.rsplit("::").next().unwrap_or(name)
}
