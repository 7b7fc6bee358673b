//! The binary `ridegraph`: everything in one process.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;
use service::telemetry::{self, LogFormat};
use standalone::{Settings, StartError};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Settings::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ridegraph: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(settings: &Settings) -> Result<(), StartError> {
    telemetry::install_logs(&settings.log, LogFormat::Text)?;
    let running = standalone::start(settings, telemetry::install_metrics()?).await?;
    // It serves all the same where nobody reads along.
    let _ = writeln!(std::io::stdout(), "{running}");
    server::asked_to_end().await;
    running.stop().await;
    Ok(())
}
