//! The binary `logistics`: the service in a process of its own.

use std::process::ExitCode;

use logistics::Settings;
use service::{CommandLine, StartError, Tasks};

#[tokio::main]
async fn main() -> ExitCode {
    let settings: Settings =
        CommandLine { listen: "127.0.0.1:4002", database_variable: "LOGISTICS_DB_URL" }.parse();
    match run(&settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("logistics: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(settings: &Settings) -> Result<(), StartError> {
    if let Some(command) = &settings.service.command {
        print!("{}", command.run("logistics", &settings.service.database().await?).await?);
        return Ok(());
    }
    let telemetry = settings.service.install_telemetry("logistics")?;
    let served = serve(settings).await;
    telemetry.flush().await;
    served
}

async fn serve(settings: &Settings) -> Result<(), StartError> {
    let mut tasks = Tasks::new();
    let parts = settings.service.connect(&mut tasks).await?;
    let mut running = logistics::start(settings.config()?, parts.clone()).await?;
    running.tasks.absorb(tasks);
    parts.bus.open();
    service::serve("logistics", settings.service.listen, running, parts.drain).await
}
