//! The corpora of the fuzz targets, once more as ordinary tests: cut as they say, and at every byte.

use std::{fs, path::Path};

#[test]
fn what_was_found_once_holds() {
    for (name, target) in checks::TARGETS {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let files: Vec<_> =
            fs::read_dir(&corpus).expect(name).map(|entry| entry.expect("a file").path()).collect();
        assert!(files.len() >= 5, "{name}: {} inputs", files.len());
        for file in files {
            println!("{}", file.display());
            let input = fs::read(&file).expect("a file");
            target(&input);
            // The same bytes, one at a time.
            if let Some((first, rest)) = input.split_first() {
                let rest = rest.get(usize::from(first & 7)..).unwrap_or_default();
                target(&[&[first & 8 | 1, 1], rest].concat());
            }
            (0..input.len()).for_each(|end| target(&input[..end]));
        }
    }
}
