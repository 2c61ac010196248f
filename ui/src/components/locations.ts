// What can be told of a repo by its address alone.

/** A folder of the machine that opens it, and not a place that others reach too. */
export function isFolder(uri: string): boolean {
  return /^(local:|\/)/.test(uri.trim());
}
