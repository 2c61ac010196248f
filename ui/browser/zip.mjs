// The files of a zip archive, by name: read by its directory, as every program reads it.
import { inflateRawSync } from 'node:zlib';

const END = Buffer.from('PK\x05\x06', 'latin1');
const STORED = 0;

export function unzipped(bytes) {
  const end = bytes.lastIndexOf(END);
  const files = new Map();
  let at = bytes.readUInt32LE(end + 16);
  for (let left = bytes.readUInt16LE(end + 10); left > 0; left -= 1) {
    const [name, extra, comment] = [28, 30, 32].map((field) => bytes.readUInt16LE(at + field));
    const path = bytes.toString('utf8', at + 46, at + 46 + name);
    files.set(path, content(bytes, at));
    at += 46 + name + extra + comment;
  }
  return files;
}

function content(bytes, entry) {
  const method = bytes.readUInt16LE(entry + 10);
  const size = bytes.readUInt32LE(entry + 20);
  const header = bytes.readUInt32LE(entry + 42);
  const from = header + 30 + bytes.readUInt16LE(header + 26) + bytes.readUInt16LE(header + 28);
  const packed = bytes.subarray(from, from + size);
  return method === STORED ? packed : inflateRawSync(packed);
}
