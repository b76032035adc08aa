// A job from its submission to its end: how far it is, what it makes, what it costs so far.
import { dollars, make, media } from "./answers.js";
import { Failure, ask } from "./calls.js";

const WATCH = `subscription Watch($id: ID!) {
  jobUpdated(id: $id) {
    state stage progress preview queuePosition cost
    error { code message }
    result
    artifacts { name mediaType url }
  }
}`;
const CANCEL = "mutation Cancel($id: ID!) { jobCancel(id: $id) { state } }";
const TRIES = 5;
const PAUSE_MS = 1000;

const STATES = { QUEUED: "Waiting for its turn", RUNNING: "Running", COMPLETED: "Completed", CANCELLED: "Cancelled", FAILED: "Failed", EXPIRED: "Expired" };
const hasEnded = (job) => job.state !== "QUEUED" && job.state !== "RUNNING";

/** The address of a job's page has the UUID that its global id carries. */
const pageOf = (organization, id) => `/console/o/${organization}/jobs/${atob(id).split(":")[1]}`;

class Watched {
  constructor(answer, organization, id) {
    this.answer = answer;
    this.state = make("p", { className: "stage", textContent: "Submitted" });
    this.bar = make("progress", { max: 1, value: 0, ariaLabel: "How far the job is" });
    const link = make("a", { href: pageOf(organization, id), textContent: "See the job" });
    this.box = make("div", { className: "job" }, this.state, this.bar, make("p", {}, link));
    answer.waiting.remove();
    answer.element.append(this.box);
  }

  show(job) {
    const place = job.queuePosition > 1 ? `, number ${job.queuePosition} of the queue` : "";
    const stage = job.stage && !hasEnded(job) ? `: ${job.stage}` : "";
    const cost = BigInt(job.cost) > 0n ? ` · ${dollars(job.cost)} so far` : "";
    this.state.textContent = `${STATES[job.state]}${place}${stage}${hasEnded(job) ? "" : cost}`;
    this.bar.value = job.state === "COMPLETED" ? 1 : job.progress;
    if (job.preview && !hasEnded(job)) this.answer.show(job.preview);
  }

  end(job) {
    this.bar.remove();
    this.answer.picture?.closest("figure").remove();
    this.answer.picture = null;
    this.answer.files.append(...job.artifacts.map(media));
    if (job.artifacts.length) this.answer.element.append(this.answer.files);
    this.answer.cost = job.cost;
    this.answer.last = job;
  }
}

/** Watches a job to its end; a lost connection is taken up again. Raises the Failure that ended it. */
export async function watch(answer, organization, id, signal) {
  const watched = new Watched(answer, organization, id);
  for (let tries = 0; ; tries += 1) {
    try {
      for await (const { data, requestId } of ask(organization, WATCH, { id }, { stream: true, signal })) {
        if (!data) continue;
        const job = data.jobUpdated;
        tries = 0;
        answer.requestId ??= requestId;
        watched.show(job);
        if (!hasEnded(job)) continue;
        watched.end(job);
        if (job.error) throw new Failure({ message: job.error.message, extensions: { code: job.error.code } });
        return;
      }
    } catch (failure) {
      if (failure.code !== "CONNECTION_LOST" || tries >= TRIES) throw failure;
      watched.state.textContent = "The connection was lost. The job goes on; looking for it again…";
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * (tries + 1)));
  }
}

export async function cancel(organization, id) {
  for await (const _ of ask(organization, CANCEL, { id }));
}
