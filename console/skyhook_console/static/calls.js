// Calls of the API in the name of who is logged in: one answer, or a stream of server-sent events.

export class Failure extends Error {
  constructor({ message, extensions = {} }, requestId = "") {
    super(message);
    this.code = extensions.code ?? "";
    this.field = extensions.field ?? "";
    this.requestId = requestId;
  }
}

const lost = (text) => new Failure({ message: text, extensions: { code: "CONNECTION_LOST" } });

/** Fetches an address. Raises a Failure where nothing answers. */
export async function reach(address, options) {
  try {
    return await fetch(address, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw lost(
      navigator.onLine
        ? "The server cannot be reached. What you wrote is still here: run it again in a moment."
        : "You are offline. What you wrote is still here: run it again when you are back.",
    );
  }
}

async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) throw new TypeError("the stream broke off");
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) {
        const data = block.match(/^data: (.*)$/m);
        if (data) yield JSON.parse(data[1]);
        if (/^event: complete$/m.test(block)) return;
      }
    }
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw lost("The connection was lost before the end. What had come is shown; run it again for the whole.");
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** The parts of an answer, each with the request's id; the last one has `extensions.cost`. */
export async function* ask(organization, query, variables, { stream = false, signal } = {}) {
  const response = await reach("/graphql", {
    method: "POST",
    signal,
    headers: {
      "Content-Type": "application/json",
      "Skyhook-Organization": organization,
      Accept: stream ? "text/event-stream" : "application/graphql-response+json",
    },
    body: JSON.stringify({ query, variables }),
  });
  const requestId = response.headers.get("x-request-id") ?? "";
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream");
  const parts = isStream ? events(response) : [await content(response)];
  for await (const part of parts) {
    if (part.errors) throw new Failure(part.errors[0], requestId);
    yield { ...part, requestId };
  }
}

/** Stores a file; gives back the artifact. */
export async function upload(organization, file) {
  const response = await reach(`/artifacts?name=${encodeURIComponent(file.name)}`, {
    method: "POST",
    headers: { "Skyhook-Organization": organization },
    body: file,
  });
  const artifact = await content(response);
  if (artifact.errors) throw new Failure(artifact.errors[0]);
  return artifact;
}

async function content(response) {
  try {
    return await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw lost(`The server answered with status ${response.status} and nothing that can be read. Try again in a moment.`);
  }
}
