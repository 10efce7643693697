//! The tests over a real socket, and tables of the documentation that name them.

use std::{collections::BTreeSet, fs, path::Path};

use crate::paths;

/// Folders of tests whose files may be called as others are: these stand in the tests' names.
const NAMED_FOLDERS: [&str; 2] = ["bad_inputs", "hostile"];

/// Every test: the file that it stands in, and its own name.
pub fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    collect(&paths::repository("tests/tests"), &mut names);
    assert!(names.len() > 100, "{}", names.len());
    names
}

/// The cells of each row of the tables in `text`.
pub fn rows(text: &str) -> Vec<Vec<&str>> {
    // Below each head of a table stands a rule.
    let below = text
        .split("\n|--")
        .skip(1)
        .flat_map(|table| table.lines().skip(1).take_while(|line| line.starts_with("| ")));
    below.map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

/// What stands in backticks in a cell.
pub fn names(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn collect(path: &Path, names: &mut BTreeSet<String>) {
    if path.is_dir() {
        let entries = fs::read_dir(path).expect("a folder").map(|entry| entry.expect("an entry").path());
        return entries.for_each(|entry| collect(&entry, names));
    }
    let file = path.file_stem().expect("a name").to_string_lossy().into_owned();
    let folder = path.parent().and_then(Path::file_name).expect("a folder").to_string_lossy().into_owned();
    let module = if NAMED_FOLDERS.contains(&folder.as_str()) { format!("{folder}::{file}") } else { file };
    let text = fs::read_to_string(path).expect("a source");
    let mut lines = text.lines();
    while lines.any(|line| line == "#[test]") {
        let signature = lines.next().expect("a function");
        let name = signature.trim_start_matches("fn ").split('(').next().expect("a name");
        names.insert(format!("{module}::{name}"));
    }
}
