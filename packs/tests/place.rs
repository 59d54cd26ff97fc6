//! Where a pack stands: what is put, laid and read there, and what is not.
#![allow(clippy::unwrap_used)]

mod hand;

use std::io::Write as _;

use daybook_packs::proof::{CONSENT, ISSUED, STATEMENT};
use daybook_packs::{Figures, Pack};
use hand::facts;

fn pack() -> Pack {
    let facts = facts();
    Pack::of(&facts, &Figures::of(&facts).unwrap(), Vec::new()).unwrap()
}

#[test]
fn what_stands_where_a_pack_is_put_is_not_replaced() {
    let place = tempfile::tempdir().unwrap();
    for name in ["pack", "pack.zip"] {
        let (from, to) = (place.path().join(format!("part-{name}")), place.path().join(name));
        pack().write(&from).unwrap();
        if name == "pack" { std::fs::create_dir(&to) } else { std::fs::write(&to, "somebody's") }.unwrap();
        assert!(daybook_packs::put(&from, &to).is_err(), "{name}");
        assert!(from.exists(), "{name}");
        if name == "pack" { std::fs::remove_dir(&to) } else { std::fs::remove_file(&to) }.unwrap();
        daybook_packs::put(&from, &to).unwrap();
        assert_eq!(Pack::read(&to).unwrap(), pack());
        assert!(!from.exists(), "{name}");
    }
}

#[test]
fn a_folder_that_cannot_be_moved_leaves_no_empty_one_in_its_place() {
    let place = tempfile::tempdir().unwrap();
    let from = place.path().join("part");
    pack().write(&from).unwrap();
    let within = from.join("pack");
    assert!(daybook_packs::put(&from, &within).is_err(), "a folder is not moved into itself");
    assert!(!within.exists(), "the next try finds the place free");
    assert_eq!(Pack::read(&from).unwrap(), pack());
}

#[test]
fn proofs_are_laid_anew_in_the_place_of_those_that_stand_there_and_over_nobodys_file() {
    let place = tempfile::tempdir().unwrap();
    for name in ["pack", "pack.zip"] {
        let path = place.path().join(name);
        let beside = path.with_extension("adding.zip");
        std::fs::write(&beside, "somebody's").unwrap();
        let mut pack = pack();
        pack.write(&path).unwrap();
        for (proof, text) in [(ISSUED, "first"), (CONSENT, "stays"), (ISSUED, "second"), (STATEMENT, "goes")]
        {
            pack.prove(&path, proof, text.as_bytes().to_vec()).unwrap();
        }
        pack.set_proofs(&[ISSUED, STATEMENT], vec![(ISSUED, b"third".to_vec())]);
        pack.lay_proofs(&path, &[ISSUED, STATEMENT]).unwrap();
        let read = Pack::read(&path).unwrap();
        assert_eq!(read, pack, "{name}");
        let proofs = [ISSUED, CONSENT, STATEMENT].map(|of| read.proof(of));
        assert_eq!(proofs, [Some(&b"third"[..]), Some(b"stays"), None]);
        assert_eq!(std::fs::read(&beside).unwrap(), b"somebody's");
        let names = std::fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(!names.into_iter().any(|name| name.to_string_lossy().starts_with(".adding")), "{name}");
        // the list and its proofs are read alone, before the lines
        let list = Pack::read_list(&path, &[ISSUED], 1 << 20).unwrap();
        assert_eq!((list.digest(), list.proof(ISSUED)), (pack.digest(), pack.proof(ISSUED)));
        assert!(list.file("orders.csv").is_none() && list.proof(CONSENT).is_none());
        let error = Pack::read_within(&path, 1_000).unwrap_err().to_string();
        assert!(error.contains("more than 1000 bytes, and no signature"), "{error}");
        std::fs::remove_file(&beside).unwrap();
    }
}

#[test]
fn a_proof_may_be_as_long_as_a_statement_and_a_longer_one_is_refused_by_its_name() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("pack");
    pack().write(&path).unwrap();
    std::fs::create_dir(path.join("proof")).unwrap();
    let proof = std::fs::File::create(path.join("proof/statement.zip")).unwrap();
    // a merchant of 200,000 orders has more than 64 MiB
    proof.set_len(70 << 20).unwrap();
    assert_eq!(Pack::read(&path).unwrap().proof("statement.zip").unwrap().len(), 70 << 20);
    proof.set_len((256 << 20) + 1).unwrap();
    let error = Pack::read(&path).unwrap_err().to_string();
    assert!(error.contains("proof/statement.zip: it is longer than the 268435456 bytes"), "{error}");
}

#[cfg(unix)]
#[test]
fn nothing_but_plain_files_of_the_size_that_the_list_says_is_read() {
    // a folder for temporary files deep in others is too long for a socket
    let place = tempfile::tempdir_in("/tmp").unwrap();
    let path = place.path().join("pack");
    pack().write(&path).unwrap();
    // more than the list says is not taken into memory
    let letter = std::fs::File::create(path.join("letter.txt")).unwrap();
    letter.set_len(8 << 30).unwrap();
    let orders = std::fs::OpenOptions::new().write(true).open(path.join("orders.csv")).unwrap();
    orders.set_len(8 << 30).unwrap();
    let wrong = Pack::read(&path).unwrap().check().wrong;
    for part in ["letter.txt is not in the list", "orders.csv was changed"] {
        assert!(wrong.iter().any(|what| what.contains(part)), "{wrong:?}");
    }
    std::fs::remove_file(path.join("letter.txt")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", path.join("letter.txt")).unwrap();
    assert!(Pack::read(&path).unwrap_err().to_string().contains("letter.txt: it is no plain file"));
    std::fs::remove_file(path.join("letter.txt")).unwrap();
    // what is waited for and never comes
    let _waiting = std::os::unix::net::UnixListener::bind(path.join("pipe")).unwrap();
    assert!(Pack::read(&path).unwrap_err().to_string().contains("pipe: it is no plain file"));
}

#[test]
fn what_stands_among_the_proofs_under_a_name_of_none_is_not_read_and_named_all_the_same() {
    let place = tempfile::tempdir().unwrap();
    let (folder, path) = (place.path().join("pack"), place.path().join("pack.zip"));
    let mut pack = pack();
    pack.write(&folder).unwrap();
    pack.prove(&folder, ISSUED, b"proof".to_vec()).unwrap();
    // anybody can put it into a pack whose list is signed
    let long = std::fs::File::create(folder.join("proof/x")).unwrap();
    long.set_len(100 << 20).unwrap();
    let mut strange = pack.clone();
    strange.set_proofs(&[], vec![("x", vec![0; 1 << 20])]);
    strange.write(&path).unwrap();
    for at in [&folder, &path] {
        let read = Pack::read_within(at, 1 << 20).unwrap();
        assert_eq!((read.proof(ISSUED), read.proof("x")), (Some(&b"proof"[..]), Some(&[][..])), "{at:?}");
        let unlike = read.unlike(&pack, &[ISSUED]);
        assert_eq!(unlike, ["proof/x does not belong to a pack: it was added"]);
    }
}

#[test]
fn a_zip_with_folders_and_files_of_others_in_it_stands_as_it_was_read() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("pack.zip");
    pack().write(&path).unwrap();
    let file = std::fs::File::options().read(true).write(true).open(&path).unwrap();
    let mut zip = zip::ZipWriter::new_append(file).unwrap();
    let options = zip::write::SimpleFileOptions::default();
    zip.add_directory("proof/", options).unwrap();
    zip.start_file(".DS_Store", options).unwrap();
    zip.write_all(b"a desktop's").unwrap();
    zip.finish().unwrap();
    let mut read = Pack::read(&path).unwrap();
    assert_eq!(read.file(".DS_Store"), Some(&b""[..]), "known by its name alone");
    assert!(read.stands(&path).unwrap() && !pack().stands(&path).unwrap());
    read.prove(&path, ISSUED, b"issued".to_vec()).unwrap();
    assert!(read.stands(&path).unwrap());
    assert_eq!(Pack::read(&path).unwrap(), read);
}

#[cfg(unix)]
#[test]
fn who_may_read_a_pack_may_read_it_when_it_is_proved_and_nobody_else() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = tempfile::tempdir().unwrap();
    let (folder, path) = (place.path().join("pack"), place.path().join("pack.zip"));
    for (at, file) in [(&folder, folder.join("proof").join(ISSUED)), (&path, path.clone())] {
        let mut pack = pack();
        pack.write(at).unwrap();
        pack.prove(at, ISSUED, b"first".to_vec()).unwrap();
        for mode in [0o600, 0o640, 0o400] {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            pack.prove(at, ISSUED, format!("by {mode:o}").into_bytes()).unwrap();
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, mode, "{file:?}");
            assert_eq!(Pack::read(at).unwrap(), pack);
        }
    }
}

#[cfg(unix)]
#[test]
fn a_pack_is_proved_by_a_link_to_it_wherever_it_stands() {
    let place = tempfile::tempdir().unwrap();
    // where there is another file system, it stands there
    let apart = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    for name in ["pack", "pack.zip"] {
        let (written, real) = (apart.path().join(name), apart.path().join(format!("{name}-of-m-1")));
        let link = place.path().join(name);
        let mut pack = pack();
        pack.write(&written).unwrap();
        std::fs::rename(&written, &real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        for text in ["first", "second"] {
            pack.prove(&link, ISSUED, text.as_bytes().to_vec()).unwrap();
            assert_eq!(Pack::read(&real).unwrap(), pack);
            assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink(), "the link is one still");
        }
    }
    // as `.` is one, it has no name of its own
    let mut pack = pack();
    let within = apart.path().join("pack-of-m-1/proof/..");
    pack.prove(&within, ISSUED, b"third".to_vec()).unwrap();
    assert_eq!(Pack::read(&within).unwrap(), pack);
}
