//! Answers that look like some, to a degree: whatever they are, the client gets JSON.

use super::*;

proptest::proptest! {
    /// Whatever subgraphs answer, the client gets JSON.
    #[test]
    fn hostile_answers_never_panic(
        catalog in answer_like(),
        stock in answer_like(),
    ) {
        let (supergraph, executable) = lower("{ products { id related { shelf inStock } kind } media { id ... on Film { minutes } } grid { id } }");
        let script = Hostile { answers: [catalog, stock], subgraphs: supergraph.subgraphs().len() };
        let response = executable.execute("", &script, &(), &Options::default()).now_or_never().unwrap().unwrap();
        serde_json::from_slice::<serde::de::IgnoredAny>(&response.body).unwrap();
    }
}

/// Two subgraphs that answer the same to everything.
struct Hostile {
    answers: [Vec<u8>; 2],
    subgraphs: usize,
}

impl SubgraphClient for Hostile {
    type Context = ();

    fn fetch<'a>(
        &'a self,
        request: SubgraphRequest,
        (): &'a (),
    ) -> BoxFuture<'a, Result<SubgraphResponse, SubgraphError>> {
        assert_eq!(self.subgraphs, 2);
        let body = Bytes::from(self.answers[request.subgraph.index()].clone());
        async move { Ok(SubgraphResponse { status: 200, body }) }.boxed()
    }
}

/// Bytes that look like an answer to some degree: real keys, any values, sometimes cut off or overwritten.
fn answer_like() -> impl proptest::strategy::Strategy<Value = Vec<u8>> {
    use proptest::prelude::*;
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?[0-9]{1,12}",
        "\"[a-zA-Z_]{0,6}\"",
        Just("\"Film\"".to_owned()),
        Just("\"BOOK\"".to_owned()),
    ];
    let key = prop::sample::select(vec![
        "data",
        "errors",
        "message",
        "path",
        "extensions",
        "products",
        "media",
        "grid",
        "id",
        "related",
        "kind",
        "_entities",
        "shelf",
        "inStock",
        "minutes",
        "__typename",
        "x",
    ]);
    let value = leaf.prop_recursive(6, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((key.clone(), inner), 0..6).prop_map(|entries| {
                let entries: Vec<String> =
                    entries.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                format!("{{{}}}", entries.join(","))
            }),
        ]
    });
    let cut = prop_oneof![4 => Just(None), 1 => any::<(prop::sample::Index, u8)>().prop_map(Some)];
    (value, cut, any::<bool>()).prop_map(|(value, cut, wrapped)| {
        let text = if wrapped { format!("{{\"data\":{value}}}") } else { value };
        let mut bytes = text.into_bytes();
        if let Some((at, byte)) = cut {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    })
}
