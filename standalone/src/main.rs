//! The binary `ridegraph`: everything in one process.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;
use standalone::{Settings, StartError};
use telemetry::{InstallError, LogFormat, Traces};

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
    let traces = Traces::from_environment("ridegraph", None, &server::environment);
    let traces = traces.map_err(InstallError::Traces)?;
    let telemetry = telemetry::install(&settings.log, LogFormat::Text, traces)?;
    let served = serve(settings).await;
    telemetry.flush().await;
    served
}

async fn serve(settings: &Settings) -> Result<(), StartError> {
    let running = standalone::start(settings, telemetry::install_metrics()?).await?;
    // It serves all the same where nobody reads along.
    let _ = writeln!(std::io::stdout(), "{running}");
    server::asked_to_end().await;
    running.stop().await;
    Ok(())
}
