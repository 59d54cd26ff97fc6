//! What all of these tests need: chance that is the same in every run, keys, an event, and a script that judges cases.
#![allow(clippy::unwrap_used, dead_code)] // a test may fail here; each file of tests uses a part of it

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use daybook_proofs::{Entry, MarketKey, PublicKey};
use ed25519_dalek::{Signer as _, SigningKey};

/// Numbers by chance (splitmix64), the same in every run.
pub struct Chance(u64);

impl Chance {
    pub fn of(seed: u64) -> Self {
        Self(seed)
    }

    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % n.max(1) as u64).unwrap()
    }
}

pub fn market_key(seed: u8) -> MarketKey {
    key("shop.example/ledger", seed)
}

pub fn key(name: &str, seed: u8) -> MarketKey {
    MarketKey::parse(&MarketKey::generate(name, [seed; 32]).unwrap()).unwrap()
}

pub fn public(key: &MarketKey) -> PublicKey {
    PublicKey::parse(key.public()).unwrap()
}

/// An event at a position, in which every field says something.
pub fn event<'a>(position: u64, stream: &'a str, kind: &'a str, data: &'a str) -> Entry<'a> {
    Entry {
        position,
        stream,
        version: position,
        id: [7; 16],
        kind,
        schema: 1,
        occurred_at: 1_700_000_000_000_000,
        recorded_at: 1_700_000_000_000_001,
        command: [1; 16],
        fingerprint: [2; 16],
        correlation: [3; 16],
        actor: "test",
        refs: "{}",
        data,
    }
}

/// What a script of `docs` says of each case, which stands in a line of what it is asked: whether it holds, and in which words.
pub fn judged_by(script: &str, asked: String, cases: usize) -> Vec<(bool, String)> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(script);
    let mut python = Command::new("python3")
        .args(["-B".as_ref(), script.as_os_str(), "--batch".as_ref()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is there");
    let mut stdin = python.stdin.take().unwrap();
    let writing = std::thread::spawn(move || stdin.write_all(asked.as_bytes()).unwrap());
    let output = python.wait_with_output().unwrap();
    writing.join().unwrap();
    assert!(output.status.success());
    let said = String::from_utf8(output.stdout).unwrap();
    let said: Vec<(bool, String)> = said
        .lines()
        .map(|line| line.split_once(' ').map(|(verdict, what)| (verdict == "ok", what.to_owned())).unwrap())
        .collect();
    assert_eq!(said.len(), cases, "one answer for each");
    said
}

/// A proof whose checkpoint has a further line, and is signed anew with the market's key of a seed: also one that no market would sign.
pub fn with_line(proof: &str, line: &str, seed: u8) -> String {
    let (head, note) = proof.split_once("\n\n").unwrap();
    let text = format!("{}\n{line}\n", note.rsplit_once("\n\n").unwrap().0);
    let key = market_key(seed);
    let (name, id) = key.public().split_once('+').unwrap();
    let id = u32::from_str_radix(id.split_once('+').unwrap().0, 16).unwrap().to_be_bytes();
    let signature = SigningKey::from_bytes(&[seed; 32]).sign(text.as_bytes());
    let signature = BASE64_STANDARD.encode([&id[..], &signature.to_bytes()].concat());
    format!("{head}\n\n{text}\n\u{2014} {name} {signature}\n")
}
