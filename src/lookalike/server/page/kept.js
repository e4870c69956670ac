// Pictures from outside, kept in the browser while its tab is open, so that a reload and "back"
// find them again. They are sent to the server with each search, which does not keep them.

const NAME = "lookalike";
const STORE = "pictures";
const OLD_MS = 24 * 3600 * 1000;
const memory = new Map();

function opened() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function run(mode, act) {
  const database = await opened();
  try {
    return await new Promise((resolve, reject) => {
      const request = act(database.transaction(STORE, mode).objectStore(STORE));
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  } finally {
    database.close();
  }
}

// Storage may be slow, full or forbidden: meanwhile the picture lives as long as the page does.
export function keep(file) {
  const key = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random().toString(36).slice(2)}`;
  memory.set(key, file);
  const held = { file, name: file.name, since: Date.now() };
  run("readwrite", (store) => store.put(held, key)).catch(() => undefined);
  copied(file).then(
    (copy) => memory.set(key, copy),
    () => undefined,
  );
  return key;
}

// The file on the disk may change, or go: then nothing could be read of it any more.
async function copied(file) {
  return new File([await file.arrayBuffer()], file.name, { type: file.type });
}

export async function keptPicture(key) {
  if (memory.has(key)) return memory.get(key);
  const held = await run("readonly", (store) => store.get(key)).catch(() => undefined);
  if (!held) return null;
  const file = new File([held.file], held.name, { type: held.file.type });
  memory.set(key, file);
  return file;
}

const addresses = new Map();

export async function addressOfPicture(key) {
  const file = await keptPicture(key);
  if (!file) return null;
  if (!addresses.has(key)) addresses.set(key, URL.createObjectURL(file));
  return addresses.get(key);
}

// Other tabs may still use theirs: only what is a day old is thrown away.
export async function sweep() {
  const keys = await run("readonly", (store) => store.getAllKeys()).catch(() => []);
  for (const key of keys) {
    const held = await run("readonly", (store) => store.get(key)).catch(() => null);
    if (held && Date.now() - held.since > OLD_MS) {
      await run("readwrite", (store) => store.delete(key)).catch(() => undefined);
    }
  }
}
