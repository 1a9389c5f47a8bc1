//! Do the targets hold over what is kept for them? Seeds, and what was once found.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use tidings_fuzz::TARGETS;

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/seeds"))
}

#[test]
fn every_target_holds_over_its_seeds_and_reads_one_of_them_to_its_end() {
    for target in TARGETS {
        let mut read = 0;
        for seed in fs::read_dir(folder().join(target.name)).unwrap() {
            let path = seed.unwrap().path();
            println!("{}", path.display());
            read += usize::from((target.run)(&fs::read(path).unwrap()));
        }
        assert!(read > 0, "no seed of {} gets past its decoder", target.name);
    }
}

#[test]
fn nobody_keeps_seeds_for_a_target_that_is_gone() {
    let kept: BTreeSet<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();

    assert_eq!(kept, TARGETS.iter().map(|target| target.name.to_owned()).collect());
}
