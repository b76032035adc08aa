// A call written down, to be pasted elsewhere: each one works as it is, with a key in SKYHOOK_KEY.

const JOB = "query ($id: ID!) { job(id: $id) { state cost error { message } artifacts { name url } } }";

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
const indented = (text) => text.replaceAll("\n", "\n    ");

/** A JSON value as Python writes it. JSON's strings and numbers are Python's as well. */
function python(value, indent = "") {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value !== "object") return JSON.stringify(value);
  const inner = `${indent}    `;
  const items = Array.isArray(value)
    ? value.map((one) => python(one, inner))
    : Object.entries(value).map(([key, one]) => `${JSON.stringify(key)}: ${python(one, inner)}`);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  return items.length ? `${open}\n${items.map((one) => `${inner}${one},\n`).join("")}${indent}${close}` : open + close;
}

const block = (text) => `"""\n${text.replaceAll("\\", "\\\\").replaceAll('"""', '\\"\\"\\"')}\n"""`;
const place = (path) => path.split(".").map((part) => `["${part}"]`).join("");

export function curl({ address, document, variables, kind }) {
  const isStream = kind === "subscription";
  const lines = [
    `curl ${isStream ? "-N " : ""}${address}`,
    `-H "Authorization: Bearer $SKYHOOK_KEY"`,
    `-H 'Content-Type: application/json'`,
    ...(isStream ? [`-H 'Accept: text/event-stream'`] : []),
    `-d ${quoted(JSON.stringify({ query: document, variables }, null, 2))}`,
  ];
  return lines.join(" \\\n  ");
}

export function httpx(call) {
  const { address, document, variables, kind } = call;
  const head = `QUERY = ${block(document)}
VARIABLES = ${python(variables)}
`;
  const request = `    "${address}",
    json={"query": QUERY, "variables": VARIABLES},
    headers={HEADERS},
    timeout=300,
`;
  const key = `"Authorization": f"Bearer {os.environ['SKYHOOK_KEY']}"`;
  if (kind === "subscription") {
    return `import json
import os

import httpx

${head}
with httpx.stream(
    "POST",
${request.replace("{HEADERS}", `{${key}, "Accept": "text/event-stream"}`)}) as response:
    event = ""
    for line in response.iter_lines():
        name, _, value = line.partition(": ")
        if name == "event":
            event = value
        elif name == "data":
            payload = json.loads(value)
            if "errors" in payload:
                raise SystemExit(payload["errors"][0]["message"])
            if event == "next":
                ${call.text ? `print(payload["data"]${place(call.text)} or "", end="", flush=True)` : 'print(payload["data"])'}
            elif event == "complete":
                print("\\n", payload["extensions"]["cost"]["credit"])
`;
  }
  const ask = `answer = httpx.post(
${request.replace("{HEADERS}", `{${key}}`)}).json()
if "errors" in answer:
    raise SystemExit(answer["errors"][0]["message"])
`;
  if (call.job) return jobs(head, ask, call.job);
  return `import os

import httpx

${head}
${ask}print(answer["data"]${call.text ? place(call.text) : ""})
print(answer["extensions"]["cost"]["credit"])
`;
}

function jobs(head, ask, field) {
  return `import os
import time

import httpx

${head}JOB = "${JOB}"


def ask(query, variables):
    ${indented(ask.replace("QUERY", "query").replace("VARIABLES", "variables")).trimEnd()}
    return answer["data"]


id = ask(QUERY, VARIABLES)["${field}"]["id"]
while (job := ask(JOB, {"id": id})["job"])["state"] in ("QUEUED", "RUNNING"):
    time.sleep(1)
print(job["state"], job["error"] or "", job["cost"], "nano-dollars")
for artifact in job["artifacts"]:
    print(artifact["name"], artifact["url"])
`;
}
