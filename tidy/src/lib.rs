//! The house rules that a machine can check. Each takes what it looks at and returns the breaches, one sentence each;
//! `tests/house.rs` holds the repository to them, and each rule's own tests show that it can fail.
//!
//! 1. [`text`]: how files open, what they are called, and what may not stand in them.
//! 2. [`crates`]: which crate may import which, and who may know a runtime, HTTP or a database.
//! 3. [`licence`]: what the dependencies' licences allow.
//! 4. [`corpus`]: a case has all of its outputs, and nothing that no runner reads.
//! 5. [`npm`]: lock files name no host, pin what they lock, and bring allowed licences.

pub mod corpus;
pub mod crates;
pub mod licence;
pub mod npm;
pub mod text;
pub mod tree;
