//! Tiles that are damaged or lost come again from the journal, and are held against what was signed.

use std::fs;

use daybook_proofs::{Log, ProofError};

use super::{entry, grow, key, log_of};

#[test]
fn a_log_whose_tiles_are_damaged_is_made_again_and_held_against_what_was_signed() {
    let folder = tempfile::tempdir().unwrap();
    let market = key("m", 1);
    let checkpoints = log_of(folder.path(), &market, &[10, 300, 700]);
    let tile = folder.path().join("tile/1/000.p/2");
    let mut bytes = fs::read(&tile).unwrap();
    bytes[40] ^= 1;
    fs::write(&tile, &bytes).unwrap();
    assert!(matches!(Log::read(folder.path()), Err(ProofError::Damaged(_))));
    let mut log = Log::open(folder.path()).unwrap();
    assert_eq!(log.size(), 0);
    grow(&mut log, 700);
    assert_eq!(log.checkpoint(std::slice::from_ref(&market), &[]).unwrap(), checkpoints[2]);
    drop(log);
    // an early one that was changed is found, though the last one holds
    fs::remove_file(folder.path().join("state")).unwrap();
    let forged = tempfile::tempdir().unwrap();
    let mut other = Log::open(forged.path()).unwrap();
    (1..=10).for_each(|n| other.append(&entry(n, "{}")).unwrap());
    other.checkpoint(std::slice::from_ref(&market), &[]).unwrap();
    fs::copy(forged.path().join("checkpoints/10"), folder.path().join("checkpoints/10")).unwrap();
    let mut log = Log::open(folder.path()).unwrap();
    grow(&mut log, 701);
    assert!(log.checkpoint(std::slice::from_ref(&market), &[]).is_err());
}

#[test]
fn a_tree_that_was_made_again_is_held_against_every_checkpoint_that_it_passes() {
    let folder = tempfile::tempdir().unwrap();
    let market = key("m", 1);
    let first = log_of(folder.path(), &market, &[10, 300, 700]).remove(0);
    // an early one of another history, as if the journal had been changed since and the last one lost
    let forged = tempfile::tempdir().unwrap();
    let mut other = Log::open(forged.path()).unwrap();
    (1..=10).for_each(|n| other.append(&entry(n, "{}")).unwrap());
    let forged = other.checkpoint(std::slice::from_ref(&market), &[]).unwrap();
    fs::write(folder.path().join("checkpoints/10"), &forged.note).unwrap();
    let mut log = Log::open(folder.path()).unwrap();
    log.begin_again().unwrap();
    grow(&mut log, 9);
    log.save().unwrap();
    drop(log); // broken off, and begun where it was left
    let mut log = Log::open(folder.path()).unwrap();
    assert_eq!(log.size(), 9);
    grow(&mut log, 701);
    // as whoever follows a journal does: saved first, signed then
    for _ in 0..2 {
        assert!(log.save().unwrap_err().to_string().contains("of which 10 events were signed"));
        assert!(log.checkpoint(std::slice::from_ref(&market), &[]).is_err());
    }
    fs::write(folder.path().join("checkpoints/10"), &first.note).unwrap();
    log.checkpoint(std::slice::from_ref(&market), &[]).unwrap();
}

#[test]
fn a_tile_that_is_missing_accuses_nobody_of_another_history() {
    let folder = tempfile::tempdir().unwrap();
    let market = key("m", 1);
    log_of(folder.path(), &market, &[256, 512]);
    for tile in ["tile/0/001", "tile/0/000"] {
        let path = folder.path().join(tile);
        for bytes in [None, Some(&[7u8; 100][..]), Some(&[7u8; 8_192][..])] {
            match bytes {
                None => fs::remove_file(&path).unwrap(),
                Some(bytes) => fs::write(&path, bytes).unwrap(),
            }
            let mut log = Log::open(folder.path()).unwrap();
            assert_eq!(log.size(), 512);
            let last = log.ends_with(&entry(512, "{\"n\":512}"));
            let read = Log::read(folder.path()).unwrap();
            let proved = read.prove(&entry(5, "{\"n\":5}"), &read.of_size(512).unwrap());
            match tile {
                "tile/0/001" => assert!(matches!(last, Err(ProofError::Damaged(_))), "{last:?}"),
                _ => assert!(matches!(proved, Err(ProofError::Damaged(_))), "{proved:?}"),
            }
            // it comes again from the journal
            log.begin_again().unwrap();
            grow(&mut log, 512);
            log.save().unwrap();
            assert!(log.ends_with(&entry(512, "{\"n\":512}")).unwrap());
        }
    }
}
