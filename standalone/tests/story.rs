//! The story in one process, on the embedded database.
#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

#[path = "story/mod.rs"]
mod story;

use std::fs;

use clap::Parser as _;
use standalone::Settings;

const ADMIN_PASSWORD: &str = "the passphrase of a test";

#[tokio::test(flavor = "multi_thread")]
async fn a_ride_goes_through_one_process() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().to_str().unwrap();
    let arguments = [
        "ridegraph",
        "--listen",
        "127.0.0.1:0",
        "--data-dir",
        folder,
        "--admin-password",
        ADMIN_PASSWORD,
    ];
    let settings = Settings::parse_from(arguments);
    let metrics = telemetry::install_metrics().unwrap();
    let running = standalone::start(&settings, metrics).await.unwrap();
    let place = story::Place {
        url: format!("http://{}", running.address),
        admin_email: settings.admin_email.clone(),
        admin_password: ADMIN_PASSWORD.to_owned(),
        signing_key: fs::read_to_string(data.path().join("keys/access-tokens.pem")).unwrap(),
    };
    story::run(&place).await;
    running.stop().await;
}
