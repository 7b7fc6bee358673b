//! The command line: results on standard output, one clear sentence and a status other than 0 on failure.

use std::path::Path;
use std::process::{Command, Output};

use expect_test::{Expect, expect};
use tempfile::TempDir;

use crate::world::{accounts, reviews};

/// A folder with two subgraphs that compose.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("accounts.graphql", accounts().sdl());
    write("reviews.graphql", reviews().sdl());
    write(
        "supergraph.yaml",
        "federation_version: 2
subgraphs:
  accounts: { routing_url: 'http://127.0.0.1:4001/graphql', schema: { file: accounts.graphql } }
  reviews: { routing_url: 'http://127.0.0.1:4002/graphql', schema: { file: reviews.graphql } }
",
    );
    write(
        "operation.graphql",
        "query Mine { me { name reviews { text } } } query Latest { latestReview { id } }",
    );
    folder
}

pub(crate) fn router(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_router"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("LISTEN")
        .output()
        .unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Runs a command that fails, and compares what it says.
fn check_failure(folder: &Path, arguments: &[&str], expected: &Expect) {
    let output = router(folder, arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    assert!(output.stdout.is_empty());
    expected.assert_eq(&String::from_utf8_lossy(&output.stderr));
}

#[test]
fn compose_prints_the_supergraph_and_plan_reads_it() {
    let folder = folder();
    let printed = stdout(&router(folder.path(), &["compose", "supergraph.yaml"]));
    assert!(printed.contains(
        r#"ACCOUNTS @join__graph(name: "accounts", url: "http://127.0.0.1:4001/graphql")"#
    ));

    let arguments = ["compose", "supergraph.yaml", "--output", "supergraph.graphql"];
    assert_eq!(stdout(&router(folder.path(), &arguments)), "");
    let written = std::fs::read_to_string(folder.path().join("supergraph.graphql")).unwrap();
    assert_eq!(written.trim_end(), printed.trim_end());

    let plan = [
        "plan",
        "--supergraph",
        "supergraph.graphql",
        "operation.graphql",
        "--operation-name",
        "Mine",
    ];
    expect![[r#"
        QueryPlan {
          Sequence {
            Fetch(service: "accounts") {
              {
                me {
                  name
                  id
                }
              }
            },
            Flatten(path: "me") {
              Fetch(service: "reviews") {
                {
                  ... on User {
                    __typename
                    id
                  }
                } =>
                {
                  ... on User {
                    reviews {
                      text
                    }
                  }
                }
              },
            },
          },
        }
    "#]]
    .assert_eq(&stdout(&router(folder.path(), &plan)));

    let as_json = [&plan[..], &["--format", "json"]].concat();
    let json: serde_json::Value =
        serde_json::from_str(&stdout(&router(folder.path(), &as_json))).unwrap();
    assert_eq!(json["node"]["nodes"][0]["operation"], "query{me{name id}}");
    assert_eq!(json["node"]["nodes"][1]["path"], serde_json::json!(["me"]));
}

#[test]
fn plan_takes_the_labels_of_overrides() {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cases/overrides/by_label");
    let plan = ["plan", "--supergraph", "supergraph.graphql", "on.graphql"];
    let with_label = [&plan[..], &["--label", "percent(25)"]].concat();
    let expected = std::fs::read_to_string(case.join("on.plan")).unwrap();
    assert_eq!(stdout(&router(&case, &with_label)), expected);
    assert_ne!(stdout(&router(&case, &plan)), expected);

    let unknown = router(&case, &[&plan[..], &["--label", "percent(1)"]].concat());
    let said = String::from_utf8_lossy(&unknown.stderr);
    assert!(said.contains("no `@override` of the supergraph has the label `percent(1)`"), "{said}");
}

#[test]
fn subgraphs_that_do_not_compose_are_told_why() {
    let folder = folder();
    let broken = reviews().sdl().replace("id: ID!, reviews", "id: Int!, reviews");
    std::fs::write(folder.path().join("reviews.graphql"), broken).unwrap();
    let output = router(folder.path(), &["compose", "supergraph.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.starts_with("router: the subgraphs do not compose:\nFIELD_TYPE_MISMATCH  "),
        "{said}"
    );
    let output = router(
        folder.path(),
        &["serve", "--compose", "supergraph.yaml", "--listen", "127.0.0.1:0"],
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn what_is_missing_is_said_in_one_sentence() {
    let folder = folder();
    let path = folder.path();
    check_failure(
        path,
        &["compose", "nowhere.yaml"],
        &expect![[r"
            router: cannot read `nowhere.yaml`: there is no such file or folder
        "]],
    );
    std::fs::remove_file(path.join("reviews.graphql")).unwrap();
    check_failure(
        path,
        &["compose", "supergraph.yaml"],
        &expect![[r"
            router: cannot read `reviews.graphql`: there is no such file or folder
        "]],
    );
    check_failure(
        path,
        &["plan", "--supergraph", "nowhere.graphql", "operation.graphql"],
        &expect![[r"
            router: cannot read `nowhere.graphql`: there is no such file or folder
        "]],
    );
    check_failure(
        path,
        &["serve"],
        &expect![[r"
        router: no graph to serve: name one by `--supergraph FILE` or `--compose supergraph.yaml`
    "]],
    );
}

#[test]
fn settings_that_are_wrong_are_said_in_one_sentence() {
    let folder = folder();
    let path = folder.path();
    std::fs::write(path.join("router.yaml"), "limits: { depht: 3 }").unwrap();
    let output =
        router(path, &["serve", "--compose", "supergraph.yaml", "--config", "router.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.starts_with("router: `router.yaml` is not valid: ") && said.contains("depht"),
        "{said}"
    );

    let secret = "subgraphs: { accounts: { service_token: { shared_secret: NO_SUCH_SECRET } } }";
    std::fs::write(path.join("router.yaml"), secret).unwrap();
    check_failure(
        path,
        &["serve", "--compose", "supergraph.yaml", "--config", "router.yaml"],
        &expect![[r"
            router: the environment variable `NO_SUCH_SECRET` is not set, and `service_token` names it
        "]],
    );
}

#[test]
fn a_port_in_use_is_said_in_one_sentence() {
    let folder = folder();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output =
        router(folder.path(), &["serve", "--compose", "supergraph.yaml", "--listen", &address]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(said, format!("router: cannot listen on {address}: the port is in use\n"));
}
