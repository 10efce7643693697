//! The table of docs/hostile-handlers.md against the tests that there are.

use std::{collections::BTreeSet, fs};

use tests::{catalogue, paths};

#[test]
fn the_table_names_tests_that_there_are() {
    let text = fs::read_to_string(paths::repository("docs/hostile-handlers.md")).expect("the table");
    let tests = catalogue::tests();
    let mut told = BTreeSet::new();
    let mut wrong = Vec::new();
    for row in catalogue::rows(&text) {
        let names = catalogue::names(row.last().expect("a cell"));
        if row.len() != 4 || names.is_empty() {
            wrong.push(format!("not four cells with a test in the last: {row:?}"));
        }
        wrong.extend(
            names.iter().filter(|name| !tests.contains(*name)).map(|name| format!("there is no {name}")),
        );
        told.extend(names);
    }
    let own =
        tests.iter().filter(|name| name.starts_with("hostile::") && !name.starts_with("hostile::table::"));
    wrong.extend(own.filter(|name| !told.contains(*name)).map(|name| format!("{name} is missing")));
    assert!(wrong.is_empty(), "docs/hostile-handlers.md:\n{}", wrong.join("\n"));
}
