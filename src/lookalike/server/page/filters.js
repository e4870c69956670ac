// Filters by the known columns, as conditions that the server reads.

// A filter is { column, values } , { column, low, high } or { column, text }.
export function conditionOf({ column, values, low, high, text }) {
  if (values) return `${column} IN (${values.map(written).join(", ")})`;
  if (text) return `${column} LIKE ${written(`%${text}%`)}`;
  const bounds = [];
  if (low !== undefined && low !== null) bounds.push(`${column} >= ${written(low)}`);
  if (high !== undefined && high !== null) bounds.push(`${column} <= ${written(high)}`);
  return bounds.join(" AND ");
}

function written(value) {
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return `'${String(value).replaceAll("'", "''")}'`;
}

export function whereOf({ filters, where }) {
  const conditions = filters.map(conditionOf).filter(Boolean);
  if (where.trim()) conditions.push(conditions.length ? `(${where.trim()})` : where.trim());
  return conditions.join(" AND ");
}

export const hasFilters = ({ filters, where }) => filters.length > 0 || where.trim() !== "";

// Puts a filter in the place of the one on the same column; an empty one takes it away.
export function withFilter(filters, filter) {
  const others = filters.filter((each) => each.column !== filter.column);
  const isEmpty = filter.values ? !filter.values.length : !conditionOf(filter);
  return isEmpty ? others : [...others, filter];
}

export function labelOf({ column, values, low, high, text }) {
  const name = shownColumn(column);
  if (values && column === "image_id") return `${values.length} chosen pictures`;
  if (values) return `${name}: ${values.slice(0, 3).join(", ")}${values.length > 3 ? " …" : ""}`;
  if (text) return `${name} has “${text}”`;
  if (low !== null && low !== undefined && high !== null && high !== undefined)
    return `${name}: ${low} – ${high}`;
  return high === null || high === undefined ? `${name} from ${low}` : `${name} to ${high}`;
}

const CALLED = { size_bytes: "bytes", indexed_at: "added" };

// "metadata.name" and quotes are for the filter's grammar.
export function shownColumn(column) {
  if (CALLED[column]) return CALLED[column];
  return column
    .replace(/^metadata\./, "")
    .replace(/^"(.*)"$/, "$1")
    .replaceAll("_", " ");
}
