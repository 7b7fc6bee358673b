//! The operations in GraphiQL's tabs: the files of the folder `examples`, embedded.

use server::Example;

/// An operation, its variables and its headers, as they stand in the files.
type Texts = (&'static str, &'static str, &'static str);

const TEXTS: [Texts; 11] = [
    (
        include_str!("../../examples/01-register.graphql"),
        include_str!("../../examples/01-register.variables.json"),
        "",
    ),
    (
        include_str!("../../examples/02-login.graphql"),
        include_str!("../../examples/02-login.variables.json"),
        "",
    ),
    (
        include_str!("../../examples/03-me.graphql"),
        "",
        include_str!("../../examples/03-me.headers.json"),
    ),
    (
        include_str!("../../examples/04-home.graphql"),
        include_str!("../../examples/04-home.variables.json"),
        include_str!("../../examples/04-home.headers.json"),
    ),
    (
        include_str!("../../examples/05-register-driver.graphql"),
        include_str!("../../examples/05-register-driver.variables.json"),
        include_str!("../../examples/05-register-driver.headers.json"),
    ),
    (
        include_str!("../../examples/06-approve-driver.graphql"),
        include_str!("../../examples/06-approve-driver.variables.json"),
        include_str!("../../examples/06-approve-driver.headers.json"),
    ),
    (
        include_str!("../../examples/07-go-online.graphql"),
        include_str!("../../examples/07-go-online.variables.json"),
        include_str!("../../examples/07-go-online.headers.json"),
    ),
    (
        include_str!("../../examples/08-request-ride.graphql"),
        include_str!("../../examples/08-request-ride.variables.json"),
        include_str!("../../examples/08-request-ride.headers.json"),
    ),
    (
        include_str!("../../examples/09-drive.graphql"),
        include_str!("../../examples/09-drive.variables.json"),
        include_str!("../../examples/09-drive.headers.json"),
    ),
    (
        include_str!("../../examples/10-rate.graphql"),
        include_str!("../../examples/10-rate.variables.json"),
        include_str!("../../examples/10-rate.headers.json"),
    ),
    (
        include_str!("../../examples/11-ride.graphql"),
        include_str!("../../examples/11-ride.variables.json"),
        include_str!("../../examples/11-ride.headers.json"),
    ),
];

/// All of them, in the order of the files' names.
pub(crate) fn all() -> Vec<Example> {
    let examples = TEXTS.map(|(operation, variables, headers)| Example {
        operation: operation.to_owned(),
        variables: variables.to_owned(),
        headers: headers.to_owned(),
    });
    examples.into()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn they_are_all_files_of_the_folder() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
        assert_eq!(all(), Example::read_folder(&folder).unwrap());
    }
}
