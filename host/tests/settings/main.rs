//! The corpus of the fuzz target `config`, and every way to leave some of it out.

mod check;

use std::{fs, path::Path};

#[test]
fn what_was_found_once_holds() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/config");
    let files: Vec<_> =
        fs::read_dir(corpus).expect("a corpus").map(|entry| entry.expect("a file").path()).collect();
    assert!(files.len() >= 5, "{} inputs", files.len());
    for file in files {
        let input = fs::read(&file).expect("a file");
        check::settings(&input);
        (0..input.len()).for_each(|end| check::settings(&input[..end]));
        for byte in 0..input.len() {
            let mut changed = input.clone();
            for other in [b'-', b':', b'/', b'0', b'\n', 0x7f] {
                changed[byte] = other;
                check::settings(&changed);
            }
        }
    }
}
