// Starts GraphiQL on the endpoint and with the examples that the page names.
"use strict";

const place = document.getElementById("graphiql");

const examples = Array.from(document.querySelectorAll("template"), (template) => ({
  query: template.content.textContent,
  variables: template.dataset.variables,
  headers: template.dataset.headers,
}));

/** Whether the chosen operation of a document is a subscription. */
function isSubscription({ operationName }, { documentAST } = {}) {
  const operations = (documentAST?.definitions ?? []).filter(({ kind }) => kind === "OperationDefinition");
  const chosen = operations.find(({ name }) => name?.value === operationName) ?? operations[0];
  return chosen?.operation === "subscription";
}

/** Yields the answers to a subscription, which come as server-sent events. */
async function* subscribe(url, request, headers = {}) {
  const leave = new AbortController();
  try {
    const answer = await fetch(url, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json", accept: "text/event-stream" },
      body: JSON.stringify(request),
      signal: leave.signal,
    });
    if (!answer.headers.get("content-type")?.startsWith("text/event-stream")) {
      yield await answer.json();
      return;
    }
    let text = "";
    for await (const piece of pieces(answer.body.pipeThrough(new TextDecoderStream()))) {
      text += piece;
      const events = text.split("\n\n");
      text = events.pop();
      for (const event of events) {
        const lines = event.split("\n");
        if (lines.includes("event: complete")) return;
        const data = lines.filter((line) => line.startsWith("data: ")).map((line) => line.slice(6));
        if (lines.includes("event: next")) yield JSON.parse(data.join("\n"));
      }
    }
  } finally {
    leave.abort();
  }
}

/** The pieces of a stream: not every browser can loop over one. */
async function* pieces(stream) {
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

/** Asks the endpoint: once, or, for a subscription, as long as there are answers. */
function createFetcher(url) {
  const fetchOnce = GraphiQL.createFetcher({ url });
  return (request, options) =>
    isSubscription(request, options) ? subscribe(url, request, options?.headers) : fetchOnce(request, options);
}

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
      fetcher: createFetcher(place.dataset.endpoint),
      defaultEditorToolsVisibility: "variables",
      ...firstTabs(),
    },
    createElement(GraphiQL.Logo, null, document.title),
  );
  ReactDOM.createRoot(place).render(graphiql);
}
