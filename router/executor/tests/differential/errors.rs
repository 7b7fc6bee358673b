//! Compares the errors of an answer with those that one server would have.

use std::collections::BTreeSet;

use serde_json::Value;

/// Every null that has a reason there has one here, and no other has; and each reason is one of those that are true.
///
/// Of several fields that fail below one null a server need not name more than one.
pub(crate) fn compare(answer: &Value, expected: &[String]) -> Result<(), String> {
    let data = &answer["data"];
    let expected: BTreeSet<&str> = expected.iter().map(String::as_str).collect();
    let expected_places: BTreeSet<String> =
        expected.iter().filter_map(|path| blamed(data, path)).collect();
    let mut places = BTreeSet::new();
    for error in answer["errors"].as_array().into_iter().flatten() {
        let path = path(error);
        let place = blamed(data, &path).ok_or_else(|| format!("nothing is at `{path}`"))?;
        // Where a subgraph's null took the fields beside it along, these are not there, too.
        let is_consequence = error["extensions"]["code"] == "UNEXPECTED_NULL";
        if !(expected.contains(path.as_str()) || is_consequence && expected_places.contains(&place))
        {
            return Err(format!("no error is expected at `{path}`, but at {expected:?}"));
        }
        places.insert(place);
    }
    if places == expected_places {
        Ok(())
    } else {
        Err(format!(
            "reasons are expected for the nulls {expected_places:?}, and are given for {places:?}"
        ))
    }
}

/// `me.reviews.0.author`
fn path(error: &Value) -> String {
    let step = |step: &Value| step.as_str().map_or_else(|| step.to_string(), ToOwned::to_owned);
    let steps: Vec<String> = error["path"].as_array().into_iter().flatten().map(step).collect();
    steps.join(".")
}

/// The null that an error is the reason for; `None` where its path leads to what is not shown.
fn blamed(data: &Value, path: &str) -> Option<String> {
    let mut place = data;
    let mut passed: Vec<&str> = Vec::new();
    for step in path.split('.').filter(|step| !step.is_empty()) {
        if place.is_null() {
            break;
        }
        place = match step.parse::<usize>() {
            Ok(index) => place.get(index)?,
            Err(_) => place.get(step)?,
        };
        passed.push(step);
    }
    Some(passed.join("."))
}
