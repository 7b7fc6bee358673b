//! The binary: how fast it is there, what it says, how it ends, and how it refuses to start.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::Value;

/// The binary, with nothing in its environment but what the test says.
fn ridegraph(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ridegraph"));
    command.args(arguments).env_clear().stdin(Stdio::null()).stdout(Stdio::piped());
    command.stderr(Stdio::piped());
    command
}

#[tokio::test]
async fn the_first_query_is_answered_soon_and_the_password_is_shown_once() {
    service::install_tls();
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let data_dir = data_dir.to_str().unwrap();
    for is_first in [true, false] {
        let started = Instant::now();
        let mut child =
            ridegraph(&["--listen", "127.0.0.1:0", "--data-dir", data_dir]).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut printed = Vec::new();
        for line in lines {
            let is_last = line.starts_with("Ctrl-C");
            printed.push(line);
            if is_last {
                break;
            }
        }
        let printed = printed.join("\n");
        let endpoint =
            printed.lines().find_map(|line| line.trim().strip_prefix("GraphQL")).unwrap();
        let query = r#"{"query":"{ serviceChannels { nodes { slug products { name } } } }"}"#;
        let request = reqwest::Client::new().post(endpoint.trim());
        let answer = request.header("content-type", "application/json").body(query).send().await;
        let answer: Value = answer.unwrap().json().await.unwrap();
        println!("from nothing to the first answered query: {:?}", started.elapsed());
        assert_eq!(answer["data"]["serviceChannels"]["nodes"][0]["slug"], "rides", "{answer}");
        assert_eq!(printed.contains("password"), is_first, "{printed}");
        #[cfg(unix)]
        {
            let id = child.id().to_string();
            assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
            assert!(child.wait().unwrap().success(), "it ends cleanly when told to");
        }
        #[cfg(not(unix))]
        child.kill().unwrap();
    }
    let names = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.collect::<Vec<_>>(), ["data"], "nothing is written elsewhere");
}

#[test]
fn what_hinders_it_is_said_in_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().to_str().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "no folder").unwrap();
    let file = file.to_str().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let free = ["--listen", "127.0.0.1:0", "--data-dir"];
    let cases: [(&[&str], &str); 5] = [
        (&["--listen", &taken, "--data-dir", data_dir], &taken),
        (&[free[0], free[1], free[2], file], "cannot write to the data folder"),
        (&["--listen", "nowhere"], "invalid value 'nowhere' for '--listen"),
        (&[free[0], free[1], free[2], data_dir, "--database-url", "mysql://db"], "DATABASE_URL"),
        (&[free[0], free[1], free[2], data_dir, "--service-jwt-secret", "short"], "32 characters"),
    ];
    for (arguments, reason) in cases {
        let output = ridegraph(arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{arguments:?}");
        assert!(said.contains(reason), "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}
