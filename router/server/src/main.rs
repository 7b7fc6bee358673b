//! The binary `router`.

use std::io::stdout;
use std::process::ExitCode;

use clap::Parser;
use server::Command;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// This thread reads the graph and takes connections; others serve them.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match Command::parse().run(&mut stdout()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("router: {error}");
            ExitCode::FAILURE
        }
    }
}
