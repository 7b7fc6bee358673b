//! A router as a process: started, watched through `/proc`, ended.

use std::fs;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use tokio::process::{Child, Command};

use crate::load::ask;

/// Clock ticks in a second, as `/proc` counts on every Linux.
const TICKS: f64 = 100.0;
/// How long a router may take to answer for the first time.
const START: Duration = Duration::from_mins(1);

/// A command that serves a supergraph. `{supergraph}`, `{port}` and `{subgraphs}` in it stand for what it serves, where,
/// and the address of the subgraphs.
#[derive(Debug, Clone)]
pub struct RouterCommand {
    /// How the table calls it.
    pub name: String,
    command: String,
}

impl std::str::FromStr for RouterCommand {
    type Err = anyhow::Error;

    /// `NAME=COMMAND`
    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (name, command) = text.split_once('=').context("a router is NAME=COMMAND")?;
        Ok(Self { name: name.to_owned(), command: command.to_owned() })
    }
}

/// A router that runs; it is killed when dropped.
pub struct Router {
    child: Child,
    pid: u32,
}

impl Router {
    /// Starts it, and waits for its first answer without errors to `body`, which is returned.
    pub async fn start(
        router: &RouterCommand,
        (supergraph, subgraphs): (&str, SocketAddr),
        address: SocketAddr,
        body: &Bytes,
    ) -> anyhow::Result<(Self, Bytes)> {
        let command = router
            .command
            .replace("{supergraph}", supergraph)
            .replace("{subgraphs}", &subgraphs.to_string())
            .replace("{port}", &address.port().to_string());
        let mut child = Command::new("/bin/sh")
            .args(["-c", &format!("exec {command}")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let pid = child.id().context("it has a process id")?;
        let first_answer = async {
            loop {
                match ask(address, body).await {
                    Ok(answer) if is_flawless(&answer) => return answer,
                    _ => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        };
        let answer = tokio::select! {
            answer = tokio::time::timeout(START, first_answer) => {
                answer.context("there is no answer without errors")?
            }
            ended = child.wait() => anyhow::bail!("it ended: {}", ended?),
        };
        Ok((Self { child, pid }, answer))
    }

    /// The processor time that it has used, its own and the system's for it, in seconds.
    pub fn cpu_seconds(&self) -> anyhow::Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        // The name of the program may have spaces; what follows its parenthesis has not.
        let (_, fields) = stat.rsplit_once(')').context("/proc/PID/stat")?;
        let ticks = |field: usize| -> anyhow::Result<f64> {
            Ok(fields.split_whitespace().nth(field).context("/proc/PID/stat")?.parse::<f64>()?)
        };
        Ok((ticks(11)? + ticks(12)?) / TICKS)
    }

    /// The most memory that it has held, in MiB.
    pub fn peak_mib(&self) -> anyhow::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1)).context("VmHWM")?;
        Ok(kib.parse::<f64>()? / 1024.0)
    }

    /// Ends it.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("the router ended by itself")
    }
}

/// Whether an answer has data and no errors.
fn is_flawless(answer: &Bytes) -> bool {
    let json: serde_json::Value = serde_json::from_slice(answer).unwrap_or_default();
    json["data"].is_object() && json["errors"].is_null()
}
