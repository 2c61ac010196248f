// Pictures as a browser draws them (8 bits a channel, not interlaced), read, and written with a
// palette: a screenshot has few colours, and is a third of its size then.
import { deflateSync, inflateSync, crc32 } from 'node:zlib';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const RGB = 2;
const RGBA = 6;
const PALETTE = 3;
const COLOURS = 256;
/** Squared: colours nearer to each other than this may be drawn as one. */
const APART = 24 ** 2;

function chunks(file) {
  const found = [];
  for (let at = SIGNATURE.length; at < file.length;) {
    const length = file.readUInt32BE(at);
    const type = file.toString('latin1', at + 4, at + 8);
    found.push({ type, data: file.subarray(at + 8, at + 8 + length) });
    at += length + 12;
  }
  return found;
}

function paeth(a, b, c) {
  const p = a + b - c;
  const [pa, pb, pc] = [Math.abs(p - a), Math.abs(p - b), Math.abs(p - c)];
  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}

/** `{ width, height, pixels }`, three bytes a pixel. */
export function decode(file) {
  const all = chunks(file);
  const head = all[0].data;
  const [width, height] = [head.readUInt32BE(0), head.readUInt32BE(4)];
  const step = { [RGB]: 3, [RGBA]: 4 }[head[9]];
  if (head[8] !== 8 || !step || head[12] !== 0) throw new Error('not a picture of a browser');
  const packed = Buffer.concat(all.filter(({ type }) => type === 'IDAT').map(({ data }) => data));
  const lines = unfiltered(inflateSync(packed), width * step, height, step);
  if (step === 3) return { width, height, pixels: lines };
  const pixels = Buffer.alloc(width * height * 3);
  for (let i = 0; i < width * height; i += 1) lines.copy(pixels, i * 3, i * 4, i * 4 + 3);
  return { width, height, pixels };
}

/** Lines as they were before each was written as its difference to what is left of and above it. */
function unfiltered(raw, length, height, step) {
  const out = Buffer.alloc(length * height);
  for (let y = 0; y < height; y += 1) {
    const filter = raw[y * (length + 1)];
    const from = y * (length + 1) + 1;
    const to = y * length;
    for (let x = 0; x < length; x += 1) {
      const left = x >= step ? out[to + x - step] : 0;
      const up = y > 0 ? out[to + x - length] : 0;
      const corner = x >= step && y > 0 ? out[to + x - length - step] : 0;
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter];
      out[to + x] = raw[from + x] + guess;
    }
  }
  return out;
}

const colourAt = (pixels, i) => (pixels[i] << 16) | (pixels[i + 1] << 8) | pixels[i + 2];

/** How many pixels have which colour. */
export function colours({ pixels }) {
  const many = new Map();
  for (let i = 0; i < pixels.length; i += 3) {
    const colour = colourAt(pixels, i);
    many.set(colour, (many.get(colour) ?? 0) + 1);
  }
  return many;
}

/**
 * First those far from every other, so that a small green mark stays green among many greys; then the
 * commonest. Every other becomes the one nearest to it.
 */
function palette(many) {
  const kept = [...many].sort((a, b) => b[1] - a[1]).map(([colour]) => colour);
  const chosen = [];
  for (const colour of kept)
    if (chosen.length < COLOURS && nearest(colour, chosen).far > APART) chosen.push(colour);
  const far = new Set(chosen);
  chosen.push(...kept.filter((colour) => !far.has(colour)).slice(0, COLOURS - chosen.length));
  const index = new Map(chosen.map((colour, i) => [colour, i]));
  for (const colour of kept)
    if (!index.has(colour)) index.set(colour, nearest(colour, chosen).best);
  return { chosen, index };
}

/** Which of the chosen, and how far it is, squared. */
function nearest(colour, chosen) {
  let best = 0;
  let far = Infinity;
  for (let i = 0; i < chosen.length; i += 1) {
    const red = (colour >> 16) - (chosen[i] >> 16);
    const green = ((colour >> 8) & 255) - ((chosen[i] >> 8) & 255);
    const blue = (colour & 255) - (chosen[i] & 255);
    const distance = red * red + green * green + blue * blue;
    if (distance < far) [best, far] = [i, distance];
  }
  return { best, far };
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

/** A picture of a browser, smaller. */
export function packed(file) {
  const picture = decode(file);
  const { width, height, pixels } = picture;
  const { chosen, index } = palette(colours(picture));
  const lines = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y += 1)
    for (let x = 0; x < width; x += 1)
      lines[y * (width + 1) + 1 + x] = index.get(colourAt(pixels, (y * width + x) * 3));
  const head = Buffer.from(chunks(file)[0].data);
  head[9] = PALETTE;
  const table = Buffer.from(chosen.flatMap((one) => [one >> 16, (one >> 8) & 255, one & 255]));
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', head),
    chunk('PLTE', table),
    chunk('IDAT', deflateSync(lines, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}
