//! Records the operations of the tests, and how they were answered, where a folder for it is named: `scripts/test` learns
//! from it which fields of the contract are proven by which test.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::{process, thread};

use serde_json::{Value, json};

/// Where records go; a file for each process, a line for each operation.
const FOLDER_VARIABLE: &str = "RECORD_OPERATIONS";

/// Notes that the test of this thread asked the service, and what it was answered.
pub(crate) fn note(service: &str, document: &str, answer: &Value) {
    #[expect(clippy::disallowed_methods, reason = "tests have no command line")]
    let Ok(folder) = std::env::var(FOLDER_VARIABLE) else { return };
    let path = Path::new(&folder).join(format!("{}.jsonl", process::id()));
    let test = thread::current().name().unwrap_or_default().to_owned();
    let record =
        json!({ "service": service, "test": test, "document": document, "answer": answer });
    let file = OpenOptions::new().create(true).append(true).open(path);
    let written = file.and_then(|mut file| file.write_all(format!("{record}\n").as_bytes()));
    written.expect("the folder of records can be written");
}
