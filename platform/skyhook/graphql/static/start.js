// Starts GraphiQL. Every operation goes over one transport: a subscription as a stream of server-sent
// events, which a plain fetch can read with the same headers as any other request.
"use strict";

const root = document.getElementById("graphiql");
const address = root.dataset.address;

function operationKind(text, name) {
  const kinds = [...text.matchAll(/(?:^|[}\s])(query|mutation|subscription)\s+(\w+)?/g)];
  const named = name ? kinds.find((kind) => kind[2] === name) : kinds[0];
  return named ? named[1] : "query";
}

async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) {
        const data = block.match(/^data: (.*)$/m);
        if (/^event: next$/m.test(block) && data) yield JSON.parse(data[1]);
        if (/^event: complete$/m.test(block)) return;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

// A link to a query opens it here, where a click runs it. Opened from the console for an organization, it runs
// in the name of who is logged in there.
const given = new URLSearchParams(location.search);
const organization = given.get("organization");

// The preset is no key: without one, the schema can still be read.
function headers(edited) {
  const kept = { ...edited };
  if (/^Bearer\s*(sk_live_\.\.\.)?$/.test(kept.Authorization || "")) delete kept.Authorization;
  if (organization && !kept.Authorization) kept["Skyhook-Organization"] = organization;
  return kept;
}

function fetcher(request, options) {
  const kind = operationKind(request.query, request.operationName);
  const stop = new AbortController();
  const response = fetch(address, {
    method: "POST",
    signal: stop.signal,
    headers: {
      ...headers(options && options.headers),
      "Content-Type": "application/json",
      Accept: kind === "subscription" ? "text/event-stream" : "application/graphql-response+json",
    },
    body: JSON.stringify(request),
  });
  if (kind !== "subscription") return response.then((answer) => answer.json());
  return stream(response, stop);
}

// Stopping must not wait for the next event, as a generator's own return() would.
function stream(response, stop) {
  const source = answers(response);
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next: () => source.next(),
    return: async () => {
      stop.abort();
      return { done: true, value: undefined };
    },
  };
}

async function* answers(response) {
  try {
    const answer = await response;
    if (answer.ok) yield* events(answer);
    else yield await answer.json();
  } catch (error) {
    if (error.name !== "AbortError") throw error;
  }
}

const welcome = `# Welcome to Skyhook's GraphQL API.
#
# ${organization ? `You ask for the organization ${organization}, without a key.` : "Put your key into the Headers editor below."}
# Docs, at the left, describe every field.
# Ctrl-Enter runs, Ctrl-Space completes.

query Hello {
  __typename
}
`;

ReactDOM.createRoot(root).render(
  React.createElement(GraphiQL, {
    fetcher,
    query: given.get("query") || undefined,
    variables: given.get("variables") || undefined,
    defaultQuery: welcome,
    defaultHeaders: organization ? undefined : JSON.stringify({ Authorization: "Bearer sk_live_..." }, null, 2),
    defaultEditorToolsVisibility: organization ? undefined : "headers",
    isHeadersEditorEnabled: true,
    shouldPersistHeaders: false,
  }),
);
