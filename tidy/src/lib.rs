//! The house rules as one test.
