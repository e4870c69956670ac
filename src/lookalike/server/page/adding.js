// Sending pictures to the gallery, with what is on its way told as it goes.

import * as api from "./api.js";
import { counted, shownSize } from "./dom.js";
import { notice, progressNotice, wrong } from "./notices.js";
import { pause, waitOf } from "./patience.js";

// So many pictures and bytes in one request, below what the server takes.
const MOST_FILES = 32;

// Sends all in portions; `onJob` is called with the job that each becomes.
export async function addPictures(gallery, files, limits, onJob) {
  const most = (limits?.max_body_bytes ?? 64 * 2 ** 20) * 0.95;
  const tooLarge = files.filter((file) => file.size > most);
  const fitting = files.filter((file) => file.size <= most);
  if (tooLarge.length) {
    const many = tooLarge.length === 1 ? tooLarge[0].name : counted(tooLarge.length, "picture");
    notice(`${many} not sent: this server takes ${shownSize(most)} at most.`, {
      kind: "wrong",
      key: "large",
    });
  }
  if (!fitting.length) return;
  const total = fitting.reduce((sum, file) => sum + file.size, 0) || 1;
  const stopping = new AbortController();
  const bar = progressNotice(`Sending ${counted(fitting.length, "picture")}`, () =>
    stopping.abort(),
  );
  let gone = 0;
  try {
    for (const portion of portions(
      fitting,
      most,
      Math.min(MOST_FILES, limits?.max_files ?? MOST_FILES),
    )) {
      const size = portion.reduce((sum, file) => sum + file.size, 0);
      const answer = await sent(gallery, portion, stopping.signal, (share) => {
        const done = gone + share * size;
        bar.show(
          done / total,
          `Sending ${counted(fitting.length, "picture")} · ${shownSize(done)} of ${shownSize(total)}`,
        );
      });
      gone += size;
      onJob(answer);
    }
  } catch (error) {
    wrong(error, "adding");
  } finally {
    bar.close();
  }
}

function* portions(files, most, count) {
  let portion = [];
  let size = 0;
  for (const file of files) {
    if (portion.length && (portion.length >= count || size + file.size > most)) {
      yield portion;
      [portion, size] = [[], 0];
    }
    portion.push(file);
    size += file.size;
  }
  if (portion.length) yield portion;
}

// A portion, sent again where the server is busy and says for how long.
async function sent(gallery, files, signal, onShare) {
  for (let waited = 0; ; ) {
    try {
      return await send(gallery, files, signal, onShare);
    } catch (error) {
      const wait = waitOf(error.status, error.retryAfter, waited);
      if (wait === null) throw error;
      await pause(wait, signal);
      waited += wait;
    }
  }
}

// fetch does not tell how much of a request has gone; the older way does.
function send(gallery, files, signal, onShare) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const body = new FormData();
    for (const file of files) body.append("picture", file, file.name || "picture");
    request.open("POST", api.uploadAddress(gallery));
    request.responseType = "json";
    request.upload.onprogress = (event) =>
      event.lengthComputable && onShare(event.loaded / event.total);
    request.onload = () => {
      const { status, response } = request;
      if (status < 300 && response?.job_id) return resolve(response);
      if (status === 401) api.watchers.unauthorized();
      const problem = new api.Problem(status, response ?? {});
      problem.retryAfter = request.getResponseHeader("Retry-After");
      return reject(problem);
    };
    request.onerror = () => {
      api.watchers.unreachable();
      reject(new api.Unreachable());
    };
    request.onabort = () => reject(new DOMException("Stopped.", "AbortError"));
    signal.addEventListener("abort", () => request.abort());
    request.send(body);
  });
}
