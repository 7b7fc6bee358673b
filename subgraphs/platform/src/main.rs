//! The binary `platform`: the service in a process of its own.

use std::process::ExitCode;

use platform::Settings;
use service::{CommandLine, StartError, Tasks};

#[tokio::main]
async fn main() -> ExitCode {
    let settings: Settings =
        CommandLine { listen: "127.0.0.1:4003", database_variable: "PLATFORM_DB_URL" }.parse();
    match run(&settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("platform: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(settings: &Settings) -> Result<(), StartError> {
    if let Some(command) = &settings.service.command {
        print!("{}", command.run("platform", &settings.service.database().await?).await?);
        return Ok(());
    }
    let telemetry = settings.service.install_telemetry("platform")?;
    let served = serve(settings).await;
    telemetry.flush().await;
    served
}

async fn serve(settings: &Settings) -> Result<(), StartError> {
    let mut tasks = Tasks::new();
    let parts = settings.service.connect(&mut tasks).await?;
    let mut running = platform::start(parts.clone()).await?;
    running.tasks.absorb(tasks);
    if settings.seed && platform::seed(&parts).await? {
        tracing::info!("made a first catalogue");
    }
    parts.bus.open();
    service::serve("platform", settings.service.listen, running, parts.drain).await
}
