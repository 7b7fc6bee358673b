//! The binary `auth`: the service in a process of its own.

use std::process::ExitCode;

use auth::Settings;
use service::{CommandLine, StartError, Tasks};

#[tokio::main]
async fn main() -> ExitCode {
    let settings: Settings =
        CommandLine { listen: "127.0.0.1:4001", database_variable: "AUTH_DB_URL" }.parse();
    match run(&settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("auth: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(settings: &Settings) -> Result<(), StartError> {
    if let Some(command) = &settings.service.command {
        print!("{}", command.run("auth", &settings.service.database().await?).await?);
        return Ok(());
    }
    let telemetry = settings.service.install_telemetry("auth")?;
    let served = serve(settings).await;
    telemetry.flush().await;
    served
}

async fn serve(settings: &Settings) -> Result<(), StartError> {
    let mut tasks = Tasks::new();
    let parts = settings.service.connect(&mut tasks).await?;
    let mut running = auth::start(settings.config()?, parts.clone()).await?;
    running.tasks.absorb(tasks);
    parts.bus.open();
    service::serve("auth", settings.service.listen, running, parts.drain).await
}
