//! The table "Web servers" of docs/conformance.md.

use std::{collections::BTreeSet, fs};

use tests::paths;

const HEADING: &str = "\n## Web servers\n";

/// The columns before those of the web servers: lines of the checklist, and the case.
const LEADING: usize = 2;

/// The head of the table and its rows, cell by cell.
fn table() -> (Vec<String>, Vec<Vec<String>>) {
    let text = fs::read_to_string(paths::repository("docs/conformance.md")).expect("the table");
    let section = text.split(HEADING).nth(1).expect("the section of the web servers");
    let section = section.split("\n## ").next().expect("a section");
    let mut rows = section
        .lines()
        .filter(|line| line.starts_with("| "))
        .map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>());
    (rows.next().expect("a head"), rows.collect())
}

/// What the table says of a case with a web server, without the marks of remarks below it.
pub(crate) fn cell(case: &str, column: &str) -> String {
    let (head, rows) = table();
    let at = head.iter().position(|name| name == column).unwrap_or_else(|| panic!("no column {column}"));
    let row = rows.iter().find(|row| row[1] == case);
    let cell = row.map_or("nothing", |row| row[at].as_str());
    cell.trim_end_matches(|mark: char| REMARKS.contains(&mark)).trim_end().to_owned()
}

/// Cells that need no remark: as it should be, unseen, and the two ways to tell that a client has gone.
const PLAIN: [&str; 4] = ["yes", "–", "close", "ABORT"];

/// What stands behind a cell and before the remark that explains it.
const REMARKS: [char; 17] =
    ['ᵃ', 'ᵇ', 'ᶜ', 'ᵈ', 'ᵉ', 'ᶠ', 'ᵍ', 'ʰ', 'ⁱ', 'ʲ', 'ᵏ', 'ˡ', 'ᵐ', 'ⁿ', 'ᵒ', 'ᵖ', 'ʳ'];

#[test]
fn the_table_has_every_case_and_every_remark() {
    let (head, rows) = table();
    let names: Vec<_> = rows.iter().map(|row| row[1].as_str()).collect();
    assert_eq!(names, crate::cases().map(|(name, _)| *name).collect::<Vec<_>>());
    let text = fs::read_to_string(paths::repository("docs/conformance.md")).expect("the table");
    for row in &rows {
        assert_eq!(row.len(), head.len(), "{row:?}");
        for cell in &row[LEADING..] {
            let plain = PLAIN.contains(&cell.as_str());
            let mark = cell.chars().last().filter(|last| REMARKS.contains(last));
            let told = mark.is_some_and(|mark| text.contains(&format!("\n- {mark} ")));
            assert!(plain || told, "{:?}: {cell:?} without a remark", row[1]);
        }
    }
    let used = |mark: &char| rows.iter().flatten().any(|cell| cell.ends_with(*mark));
    let unused: BTreeSet<_> =
        REMARKS.iter().filter(|mark| text.contains(&format!("\n- {mark} ")) && !used(mark)).collect();
    assert!(unused.is_empty(), "remarks on nothing: {unused:?}");
}
