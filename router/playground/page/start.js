// Starts GraphiQL on the endpoint and with the examples that the page names.
"use strict";

const place = document.getElementById("graphiql");

const examples = Array.from(document.querySelectorAll("template"), (template) => ({
  query: template.content.textContent,
  variables: template.dataset.variables,
  headers: template.dataset.headers,
}));

/** The tabs of a first visit. GraphiQL fills the editors of the open one only when they are named apart. */
function firstTabs() {
  const isFirstVisit = localStorage.getItem("graphiql:tabState") === null;
  if (examples.length === 0 || !isFirstVisit) return {};
  const [{ variables, headers }] = examples;
  return { defaultTabs: examples, variables, headers };
}

if (window.GraphiQL === undefined) {
  place.textContent = "GraphiQL did not load: this router was built to take it from a CDN, which cannot be reached.";
} else {
  const { createElement } = React;
  const graphiql = createElement(
    GraphiQL,
    {
      fetcher: GraphiQL.createFetcher({ url: place.dataset.endpoint }),
      defaultEditorToolsVisibility: "variables",
      ...firstTabs(),
    },
    createElement(GraphiQL.Logo, null, document.title),
  );
  ReactDOM.createRoot(place).render(graphiql);
}
