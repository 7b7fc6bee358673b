//! Texts that are nearly right: real ones, with words and characters left out, doubled, moved and put in.
//!
//! By default few and always the same, so that a test run is repeatable; `PROPTEST_CASES` and `PROPTEST_RNG_SEED` in the
//! environment make more, and others.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, RngSeed};

/// Longer than anything may take, on a slow machine and without optimisation.
const PATIENCE: Duration = Duration::from_secs(20);

/// How many inputs are tried.
pub(crate) fn config(cases: u32) -> Config {
    let given = Config::default();
    let is_given = given.cases != 256;
    let rng_seed = match given.rng_seed {
        RngSeed::Random => RngSeed::Fixed(1),
        fixed @ RngSeed::Fixed(_) => fixed,
    };
    let cases = if is_given { given.cases } else { cases };
    Config { cases, rng_seed, failure_persistence: None, ..given }
}

/// Does something with an input, and minds the time.
pub(crate) fn within_time<T>(input: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    let elapsed = start.elapsed();
    assert!(elapsed < PATIENCE, "{elapsed:?} for\n{input}");
    result
}

/// The corpus' files whose path a function likes, ordered.
pub(crate) fn corpus(likes: impl Fn(&str) -> bool) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cases");
    let mut open = vec![root];
    let mut found = Vec::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("the corpus is readable");
            open.extend(entries.map(|entry| entry.expect("the corpus is readable").path()));
        } else if likes(&path.to_string_lossy()) {
            found.push(path);
        }
    }
    found.sort();
    found.iter().map(|path| fs::read_to_string(path).expect("the corpus is text")).collect()
}

/// One change of a text.
#[derive(Debug, Clone)]
struct Edit {
    kind: u8,
    at: Index,
    to: Index,
    length: usize,
}

/// A text made of these by a few changes.
pub(crate) fn nearly(texts: Vec<String>) -> impl Strategy<Value = String> {
    assert!(!texts.is_empty());
    let edit = (any::<u8>(), any::<Index>(), any::<Index>(), 1_usize..12);
    let edit = edit.prop_map(|(kind, at, to, length)| Edit { kind, at, to, length });
    let edits = prop::collection::vec(edit, 0..8);
    (any::<Index>(), any::<Index>(), edits).prop_map(move |(text, other, edits)| {
        let mut text = words(other_than_huge(&texts, text));
        let other = words(other_than_huge(&texts, other));
        for edit in edits {
            apply(&edit, &mut text, &other);
        }
        text.concat()
    })
}

/// Huge texts would only make it slow.
fn other_than_huge(texts: &[String], index: Index) -> &str {
    let text = index.get(texts);
    if text.len() < 20_000 { text } else { &texts[0] }
}

/// The text's words, and what is between them; together they are the text.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut previous = None;
    for char in text.chars() {
        let kind = (char.is_alphanumeric() || char == '_', char.is_whitespace());
        match words.last_mut().filter(|_| previous == Some(kind) && kind != (false, false)) {
            Some(word) => word.push(char),
            None => words.push(char.to_string()),
        }
        previous = Some(kind);
    }
    words
}

fn apply(edit: &Edit, words: &mut Vec<String>, others: &[String]) {
    if words.is_empty() || others.is_empty() {
        return;
    }
    let at = edit.at.index(words.len());
    let end = (at + edit.length).min(words.len());
    match edit.kind % 9 {
        0 => drop(words.drain(at..end)),
        1 => {
            let doubled = words[at..end].to_vec();
            words.splice(at..at, doubled);
        }
        2 => {
            let to = edit.to.index(words.len());
            words.swap(at, to);
        }
        3 => words[at].clone_from(edit.to.get(others)),
        4 => {
            let from = edit.to.index(others.len());
            let to = (from + edit.length).min(others.len());
            words.splice(at..at, others[from..to].iter().cloned());
        }
        5 => {
            let odd =
                ["\u{0}", "\"", "\"\"\"", "{", "}", "(", "@", "$", "#", "😀", "\\u0000", "-", "é"];
            words.insert(at, (*edit.to.get(&odd)).to_owned());
        }
        6 => {
            let to = edit.to.index(words.len());
            let word = words[to].clone();
            words[at] = word;
        }
        7 => words[at] = ["[", "{", "(", "\"", "a "][edit.length % 5].repeat(edit.length * 40),
        _ => {
            let mut word: Vec<char> = words[at].chars().collect();
            let at_char = edit.to.index(word.len());
            word.remove(at_char);
            // No word is empty.
            if word.is_empty() {
                words.remove(at);
            } else {
                words[at] = word.into_iter().collect();
            }
        }
    }
}
