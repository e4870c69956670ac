// What is asked of the server. Problems keep the server's own sentence.

import { pause, waitOf } from "./patience.js";

const API = "/api/v1";
const STRANGE = "What answered is not this server: something may stand in between.";

export class Problem extends Error {
  constructor(status, told) {
    super(told.detail || told.title || `The server answered with ${status}.`);
    Object.assign(this, { name: "Problem", status, title: told.title ?? "", told });
  }
}

export class Unreachable extends Error {
  constructor() {
    super("The server does not answer.");
    this.name = "Unreachable";
  }
}

// Called with each problem that concerns the whole page: no server, no token.
export const watchers = { unreachable: () => {}, unauthorized: () => {}, answered: () => {} };

// How often somebody was let in: who was refused before that needs no door any more.
let entries = 0;

export async function ask(
  path,
  { method = "GET", json, body, headers = {}, signal, isPatient = true } = {},
) {
  const options = {
    method,
    body: json === undefined ? body : JSON.stringify(json),
    headers: json === undefined ? headers : { "Content-Type": "application/json", ...headers },
    signal,
    credentials: "same-origin",
  };
  for (let waited = 0; ; ) {
    const entry = entries;
    const response = await send(path, options);
    if (response.ok) return response;
    const header = isPatient ? response.headers.get("Retry-After") : null;
    const wait = waitOf(response.status, header, waited);
    if (wait === null) throw await problemOf(response, entry);
    await pause(wait, signal);
    waited += wait;
  }
}

export async function askJson(path, options) {
  const response = await ask(path, options);
  if (response.status === 204) return null;
  return response.json().catch((error) => {
    if (error.name === "AbortError") throw error;
    throw new Problem(response.status, { detail: STRANGE });
  });
}

async function send(path, options) {
  try {
    const response = await fetch(path, options);
    watchers.answered();
    return response;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    watchers.unreachable();
    throw new Unreachable();
  }
}

async function problemOf(response, entry) {
  const told = (await response.json().catch(() => null)) ?? {};
  if (response.status === 401 && entry === entries) watchers.unauthorized();
  return new Problem(response.status, told);
}

const below = (gallery, rest = "") => `${API}/galleries/${encodeURIComponent(gallery)}${rest}`;

export const galleries = async () => (await askJson(`${API}/galleries`)).galleries;
export const gallery = (name) => askJson(below(name));
export const image = (name, id) => askJson(below(name, `/images/${id}`));
export const removeImage = (name, id) => ask(below(name, `/images/${id}`), { method: "DELETE" });
export const job = (id) => askJson(`${API}/jobs/${encodeURIComponent(id)}`);
export const cancelJob = (id) =>
  askJson(`${API}/jobs/${encodeURIComponent(id)}`, { method: "DELETE" });
export const eventsAddress = (name) => below(name, "/events");
export const uploadAddress = (name) => below(name, "/images");
export const mapFacts = (name) => askJson(below(name, "/map"));
export const makeMap = (name) => askJson(below(name, "/map"), { method: "POST", json: {} });

export function images(name, options, signal) {
  const asked = new URLSearchParams();
  for (const [key, value] of Object.entries(options)) if (value) asked.set(key, value);
  return askJson(below(name, `/images?${asked}`), { signal });
}

// Pictures from outside travel beside the query, which names them by their place.
export function search(name, query, pictures, signal) {
  const path = below(name, "/search");
  if (!pictures.length) return askJson(path, { method: "POST", json: query, signal });
  const body = new FormData();
  for (const picture of pictures) body.append("picture", picture, picture.name || "picture");
  body.append("query", JSON.stringify(query));
  return askJson(path, { method: "POST", body, signal });
}

// `onBytes` is called with how many have come: how many there will be, nobody knows before.
export async function exported(name, ids, form, { signal, onBytes }) {
  const json = { image_ids: ids, form };
  const response = await ask(below(name, "/export"), { method: "POST", json, signal });
  let bytes = 0;
  const counting = new TransformStream({
    transform(chunk, out) {
      onBytes((bytes += chunk.length));
      out.enqueue(chunk);
    },
  });
  const headers = { "Content-Type": response.headers.get("Content-Type") };
  try {
    return await new Response(response.body.pipeThrough(counting), { headers }).blob();
  } catch (error) {
    if (signal.aborted) throw new DOMException("Stopped.", "AbortError");
    throw new Problem(response.status, { detail: "The server broke off before all had come." });
  }
}

// With the hash of its content, an address always shows the same, and is kept for good.
export const thumbnail = (name, id, side, hash = null) =>
  below(name, `/images/${id}/thumbnail?side=${side}${hash ? `&v=${hash}` : ""}`);
export const original = (name, id, isDownload = false) =>
  below(name, `/images/${id}/original${isDownload ? "?download=1" : ""}`);

export const session = {
  now: () => askJson("/session"),
  async open(token) {
    const json = { token };
    const told = await askJson("/session", { method: "POST", json, isPatient: false });
    entries += 1;
    return told;
  },
  close: () => ask("/session", { method: "DELETE" }),
};
