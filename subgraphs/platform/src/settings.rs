//! What platform must know to start.

use clap::Parser;

/// The command line of the binary `platform`.
#[derive(Debug, Parser)]
#[command(
    name = "platform",
    version,
    about = "What is on offer: channels, products, advertisements"
)]
pub struct Settings {
    /// What every service needs.
    #[command(flatten)]
    pub service: service::Settings,

    /// Makes a first catalogue where there is none.
    #[arg(long, env = "SEED")]
    pub seed: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Settings::command().debug_assert();
    }
}
