// Shows an answer as it comes: its text, its files, all of it as JSON, and what it took.

const SHOWN = 400; // of a long text in the JSON, in characters

/** Nano-dollars as dollars: cents at least, and as many digits more as tell it exactly. */
export function dollars(nano) {
  const whole = BigInt(nano);
  const digits = String(whole % 1_000_000_000n).padStart(9, "0");
  return `$${(whole / 1_000_000_000n).toLocaleString("en")}.${digits.slice(0, 2)}${digits.slice(2).replace(/0+$/, "")}`;
}

export const seconds = (ms) => (ms < 995 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 9950 ? 2 : 1)} s`);

export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

export const at = (data, path) => path.split(".").reduce((value, part) => value?.[part], data);

/** A link to a file of this server is one of this page's origin, whatever name the server was reached by. */
const local = (address) => {
  const { pathname, search } = new URL(address, location.href);
  return pathname.startsWith("/artifacts/") ? pathname + search : address;
};

const isLink = (text) => typeof text === "string" && /^https?:\/\//.test(text) && URL.canParse(text);

function* walk(value) {
  if (typeof value === "string" && value.startsWith("data:image/")) yield { image: value };
  if (typeof value !== "object" || value === null) return;
  if (isLink(value.url) && typeof value.mediaType === "string") yield { artifact: value };
  else for (const inner of Object.values(value)) yield* walk(inner);
}

/** A sentence, with what it has between backticks as code. */
const coded = (text) => text.split("`").map((part, number) => (number % 2 ? make("code", { textContent: part }) : part));

/** A file where it can be looked at or heard, else a link to it. */
export function media({ name = "file", mediaType, url }) {
  const src = local(url);
  const kind = mediaType.split("/")[0];
  const link = make("a", { href: src, download: name, textContent: `Download ${name}` });
  if (kind === "image") return make("figure", {}, make("img", { src, alt: name }), make("figcaption", {}, link));
  if (kind === "video" || kind === "audio") {
    const player = make(kind, { src, controls: true, preload: "metadata", ariaLabel: name });
    return make("figure", {}, player, make("figcaption", {}, link));
  }
  return make("p", {}, link);
}

export class Answer {
  /** Takes its place at the end of an element. */
  constructor(place, { text = "", isStream = false, isProse = false } = {}) {
    this.path = text;
    this.isStream = isStream;
    this.text = "";
    this.began = performance.now();
    this.waiting = make("p", { className: "waiting", ariaBusy: "true", textContent: "Asking…" });
    this.output = make(isProse ? "div" : "pre", { className: "said" });
    this.picture = null;
    this.files = make("div", { className: "shown" });
    this.element = make("article", { className: "answered" }, this.waiting);
    place.append(this.element);
  }

  /** A part of the answer, or the whole of it. */
  take({ data, extensions, requestId }) {
    this.requestId = requestId;
    this.cost = extensions?.cost?.credit?.charged ?? this.cost;
    if (!data) return;
    this.last = data;
    const text = this.path && at(data, this.path);
    if (text) this.append(text);
    for (const { image, artifact } of walk(data)) {
      if (image) this.show(image);
      if (artifact) this.files.append(media(artifact));
    }
    if (this.files.childElementCount) this.element.append(this.files);
    if (text || this.element.contains(this.files)) this.waiting.remove();
  }

  append(text) {
    this.first ??= performance.now();
    this.text += text;
    this.output.append(text);
    if (!this.output.isConnected) this.element.prepend(this.output);
  }

  /** A picture that takes the place of the one before. */
  show(image) {
    this.first ??= performance.now();
    if (!this.picture) {
      this.picture = make("img", { alt: "What is being made" });
      this.element.append(make("figure", {}, this.picture));
    }
    this.picture.src = image;
    this.waiting.remove();
  }

  /** Nothing more comes; `note` says so where it was cut off. */
  end(note = "") {
    this.waiting.remove();
    const took = performance.now() - this.began;
    const figures = [
      this.first && this.isStream && ["First part", seconds(this.first - this.began)],
      ["Took", seconds(took)],
      this.cost !== undefined && ["Cost", dollars(this.cost)],
      this.requestId && ["Request", make("code", { textContent: this.requestId })],
    ].filter(Boolean);
    const list = make("dl", { className: "figures" });
    for (const [name, value] of figures) list.append(make("div", {}, make("dt", { textContent: name }), make("dd", {}, value)));
    if (note) this.element.append(make("p", { className: "note", textContent: note }));
    if (this.path && !this.text && this.last && !note) {
      this.element.prepend(make("p", { className: "note", textContent: "The answer has no text: see the whole of it below." }));
    }
    this.element.append(list);
    if (this.last) this.element.append(this.whole());
  }

  whole() {
    const short = (_, value) =>
      typeof value === "string" && value.length > SHOWN * 5
        ? `${value.slice(0, SHOWN)}… (${value.length} characters)`
        : value;
    const title = this.isStream ? "The last event as JSON" : "The whole answer as JSON";
    const code = make("code", { textContent: JSON.stringify(this.last, short, 2) });
    const isAll = !this.text && !this.picture && !this.files.childElementCount;
    return make("details", { open: isAll }, make("summary", { textContent: title }), make("pre", { tabIndex: 0 }, code));
  }

  /** What went wrong, with its code and what to do. */
  fail(failure) {
    this.waiting.remove();
    const told = make("div", { className: "error" }, make("p", {}, ...coded(failure.message || String(failure))));
    if (failure.code) told.append(make("p", {}, make("code", { textContent: failure.code })));
    if (failure.requestId) told.append(make("p", {}, make("small", { textContent: `Request ${failure.requestId}` })));
    if (failure.code === "SESSION_ENDED" || failure.code === "UNAUTHENTICATED") {
      const back = `/console/login?next=${encodeURIComponent(location.pathname)}`;
      told.append(make("p", {}, make("a", { href: back, textContent: "Log in again" })));
    }
    told.setAttribute("role", "alert");
    this.element.append(told);
  }
}
