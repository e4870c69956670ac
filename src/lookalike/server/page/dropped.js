// What was dropped, folders looked through. It has to be begun while the drop is being told.

const MOST = 2000;

export async function droppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const files = [...transfer.files];
  if (!entries.some((entry) => entry.isDirectory)) return files;
  const found = [];
  const waiting = entries;
  while (waiting.length && found.length < MOST) {
    const entry = waiting.shift();
    if (entry.isDirectory) waiting.push(...(await inside(entry)));
    else found.push(await fileOf(entry));
  }
  return found.filter(Boolean);
}

// A folder is told in portions; the last is an empty one.
async function inside(folder) {
  const reader = folder.createReader();
  const all = [];
  for (;;) {
    const portion = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (!portion.length) return all;
    all.push(...portion);
  }
}

const fileOf = (entry) => new Promise((resolve) => entry.file(resolve, () => resolve(null)));
