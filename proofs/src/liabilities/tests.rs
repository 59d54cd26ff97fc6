use super::*;

fn blinding() -> Blinding {
    Blinding::by(&Zeroizing::new([3; 32]))
}

fn owed(count: u64) -> Vec<(String, u64)> {
    (0..count).map(|n| (format!("merchant m-{n}"), n * 7)).collect()
}

fn stated(tree: &OwedTree) -> Stated {
    let text = crate::MarketKey::generate("m", [3; 32]).expect("a key");
    let key = crate::MarketKey::parse(&text).expect("a key");
    let checkpoint = crate::Checkpoint::sign(9, Hash([1; 32]), &[], &[key]).expect("signed");
    let (leaves, root) = (tree.tree.leaves(), tree.tree.root());
    let sums = vec![StatedSum { currency: "CNY".into(), digits: 2, leaves, root }];
    Stated { position: 9, stated_at: 0, through: 8, sums, checkpoint, by: crate::SignedBy::default() }
}

#[test]
fn whoever_is_owed_finds_it_in_the_sum_and_nothing_else() {
    for size in [1u64, 2, 3, 5, 8, 33, 100] {
        let tree = OwedTree::of(&blinding(), 8, "CNY", &owed(size)).expect("a tree");
        let stated = stated(&tree);
        assert_eq!(stated.sums[0].root.owed, (0..size).map(|n| n * 7).sum::<u64>());
        for n in 0..size {
            let proof = tree.prove(9, 2, &format!("merchant m-{n}")).expect("a leaf");
            assert_eq!(proof.owed, n * 7);
            let read = OwedProof::parse(&proof.to_text()).expect("it is read");
            assert_eq!(read, proof);
            assert_eq!(read.verify(&stated).expect("it holds").leaves, size);
            let wrong = [
                OwedProof { owed: n * 7 + 1, ..read.clone() },
                OwedProof { to: "merchant x".into(), ..read.clone() },
                OwedProof { nonce: [0; 32], ..read.clone() },
                OwedProof { index: (read.index + 1) % (size + 1), ..read.clone() },
                OwedProof { currency: "USD".into(), ..read.clone() },
                OwedProof { digits: 3, ..read.clone() },
                OwedProof { stated: 8, ..read.clone() },
                OwedProof { path: [&read.path[..], &[stated.sums[0].root]].concat(), ..read.clone() },
            ];
            for wrong in wrong {
                assert!(wrong.verify(&stated).is_err(), "{n} of {size}: {wrong:?}");
            }
        }
        assert!(tree.prove(9, 2, "merchant x").is_none());
    }
    assert!(SumTree::of(Vec::new()).is_err());
    let twice = [("a".to_owned(), 1), ("a".to_owned(), 2)];
    assert!(OwedTree::of(&blinding(), 8, "CNY", &twice).is_err());
    let much = vec![Sum::leaf(Hash([1; 32]), u64::MAX), Sum::leaf(Hash([2; 32]), 1)];
    assert!(SumTree::of(much).is_err(), "a sum does not begin again at zero");
}

#[test]
fn whose_amount_stands_beside_ones_own_cannot_be_guessed_from_a_proof() {
    let (all, blinding) = (owed(64), blinding());
    let tree = OwedTree::of(&blinding, 8, "CNY", &all).expect("a tree");
    let names = || all.iter().map(|(to, _)| to.as_str());
    let (mut beside_next, mut same_again) = (0, 0);
    for (n, (to, _)) in all.iter().enumerate() {
        let proof = tree.prove(9, 2, to).expect("a leaf");
        let beside = proof.path[0];
        // with all that the proof's owner has: the amount, every name, the own nonce and none
        for nonce in [proof.nonce, [0; 32]] {
            assert!(names().all(|name| Sum::leaf(who(&nonce, name), beside.owed) != beside), "{to}");
        }
        // nor does the place tell it: neighbours by name are not neighbours in the tree
        beside_next += usize::from(beside.owed == all[n ^ 1].1);
        let later = OwedTree::of(&blinding, 10, "CNY", &all).expect("a tree");
        same_again += usize::from(later.prove(11, 2, to).expect("a leaf").path[0].owed == beside.owed);
    }
    assert!(beside_next < 10 && same_again < 10, "{beside_next}, {same_again} of 64");
}

/// Leaves in their order, each with what it says is owed.
fn leaves(owed: impl Iterator<Item = u64>) -> Vec<Sum> {
    let leaf = |(n, owed): (usize, u64)| Sum::leaf(who(&[5; 32], &n.to_string()), owed);
    owed.enumerate().map(leaf).collect()
}

#[test]
fn many_come_to_the_same_root_as_one_after_the_other() {
    for size in [FEW - 1, FEW, FEW + 1, FEW + 3, 2 * FEW + 2] {
        let leaves = leaves(0..size as u64);
        let mut level = leaves.clone();
        while level.len() > 1 {
            let mut over = Vec::new();
            for two in level.chunks(2) {
                over.push(if let [left, right] = two {
                    Sum::over(*left, *right).expect("a sum")
                } else {
                    two[0]
                });
            }
            level = over;
        }
        let tree = SumTree::of(leaves).expect("a tree");
        assert_eq!((tree.root(), tree.leaves()), (level[0], size as u64));
    }
}

#[test]
fn what_is_wrong_in_either_half_of_many_is_found() {
    let size = FEW + 1;
    for at in [0, FEW - 2] {
        let much = |n| if n == at { u64::MAX } else { u64::from(n == at + 1) };
        let error = SumTree::of(leaves((0..size).map(much))).expect_err("too much");
        assert!(error.to_string().contains("too much to be added up"), "{at}: {error}");
    }
    let whole = OwedTree::of(&blinding(), 8, "CNY", &owed(size as u64)).expect("a tree");
    let proof = whole.prove(9, 2, &format!("merchant m-{FEW}")).expect("a leaf");
    assert_eq!(proof.verify(&stated(&whole)).expect("it holds").leaves, size as u64);
    // in one half, in the other, and once in each
    for (one, other) in [(0, FEW / 2 - 1), (FEW - 1, FEW), (0, FEW)] {
        let mut owed = owed(size as u64);
        owed[other].0 = owed[one].0.clone();
        let error = OwedTree::of(&blinding(), 8, "CNY", &owed).expect_err("it comes twice");
        assert!(error.to_string().contains("comes twice"), "{one}, {other}: {error}");
    }
}

#[test]
#[ignore = "measures: cargo test --release -p daybook-proofs -- --ignored --nocapture million"]
fn a_million_merchants_are_added_up_within_a_second_and_a_proof_is_below_two_thousand_bytes() {
    let all: Vec<(String, u64)> =
        (0..1_000_000).map(|n| (format!("merchant m-{n:07}"), n * 37_919)).collect();
    let began = std::time::Instant::now();
    let tree = OwedTree::of(&blinding(), 8, "CNY", &all).expect("a tree");
    let took = began.elapsed();
    let proof = tree.prove(9, 2, &all[765_432].0).expect("a leaf");
    proof.verify(&stated(&tree)).expect("it holds");
    let bytes = proof.to_text().len();
    #[allow(clippy::print_stderr)] // what it measures is read by people
    {
        eprintln!("1,000,000 leaves in {took:?}, a proof has {bytes} bytes");
    }
    assert!(took.as_secs_f64() < 1.0 && bytes < 2_000, "{took:?}, {bytes} bytes");
}
