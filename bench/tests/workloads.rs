//! Every workload composes, is planned, and is answered without errors.

use bench::Workload;
use bench::floor::InProcess;
use executor::Options;
use serde_json::Value;

#[test]
fn every_workload_is_answered() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for name in Workload::names().unwrap() {
        let workload = Workload::read(&name).unwrap();
        let in_process = InProcess::prepare(&workload).unwrap();
        let (answer, waves) = runtime.block_on(in_process.execute(&Options::default())).unwrap();
        let json: Value = serde_json::from_slice(&answer).unwrap();
        assert!(json.get("errors").is_none(), "{name}: {}", json["errors"]);
        assert!(json["data"].is_object(), "{name}");
        assert!(!waves.is_empty(), "{name} asks nobody");
        if let Some(bytes) = workload.settings.answer_bytes {
            assert_eq!(answer.len(), bytes, "{name}");
        }
    }
}
