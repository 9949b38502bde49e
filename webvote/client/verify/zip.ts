// A bundle in a zip file, read member by member and never unpacked as a whole.
//
// Decides which zip files are taken at all, as the Python verifier does: stored or deflated, every name a plain path, no
// name twice. A folder that was zipped as a whole, with everything below its one name, is opened.

import { byCodePoints, fromUtf8 } from "../core/bytes.ts";
import { firstBytes } from "./address.ts";
import { CannotRead, isLitter, missing, type Place } from "./place.ts";
import { HEAD } from "./tiles.ts";

/** Bytes that can be read in part: a file of the browser, or memory. */
export interface Slices {
  readonly size: number;
  slice(start: number, end: number): Promise<Uint8Array>;
}

interface Member {
  readonly name: string;
  readonly method: number;
  readonly packed: number;
  readonly size: number;
  readonly crc: number;
  readonly at: number;
}

const [STORED, DEFLATED] = [0, 8];
const [END_BYTES, CENTRAL_BYTES, LOCAL_BYTES] = [22, 46, 30];
const MOST_COMMENT = 65_535;
const FILES = 1_000_000;
const [ENCRYPTED, PATCHED] = [0x41, 0x20];
const NEWEST = 63; // the version of the format, times ten

export class ZipPlace implements Place {
  private constructor(
    private readonly source: Slices,
    private readonly members: ReadonlyMap<string, Member>,
    private readonly top: string,
  ) {}

  /** Throws CannotRead. */
  static async open(source: Slices): Promise<ZipPlace> {
    const members = await readDirectory(source);
    const names = new Map(members.filter(({ name }) => !name.endsWith("/")).map((member) => [member.name, member]));
    const folders = new Set([...names.keys()].flatMap(foldersOf));
    if ([...names.keys()].some((name) => folders.has(name)))
      throw new CannotRead("a file in the zip where another one has its folder");
    return new ZipPlace(source, names, topFolder([...names.keys()]));
  }

  paths(): readonly string[] {
    return [...this.members.keys()]
      .map((name) => (name.startsWith(this.top) ? name.slice(this.top.length) : name))
      .sort(byCodePoints);
  }

  async begin(path: string, most: number): Promise<Uint8Array> {
    const member = this.members.get(this.top + path);
    if (member === undefined) throw missing(path);
    const named = member.at + LOCAL_BYTES;
    const local = view(await this.source.slice(member.at, named));
    if (local.byteLength < LOCAL_BYTES || local.getUint32(0, true) !== 0x04034b50)
      throw new CannotRead(`${path} cannot be read: damaged`);
    const ends = named + local.getUint16(26, true);
    if (nameOf(await this.source.slice(named, ends)) !== member.name)
      throw new CannotRead(`${path} cannot be read: two names for one file in the zip`);
    const start = ends + local.getUint16(28, true);
    const data = await unpack(this.source, member, start, most);
    if (data === null || (data.length < most && (data.length !== member.size || crc32(data) !== member.crc)))
      throw new CannotRead(`${path} cannot be read: damaged`);
    return data;
  }
}

/** The first `most` bytes of a member; null where it is damaged. */
async function unpack(source: Slices, member: Member, start: number, most: number): Promise<Uint8Array | null> {
  if (member.method === STORED) return source.slice(start, start + Math.min(member.packed, most));
  // No more than what these bytes can come from, however much is there.
  const packed = await source.slice(start, start + Math.min(member.packed, most + (most >>> 8) + 65_536));
  try {
    const stream = new Blob([packed.slice()]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    return await firstBytes(stream.getReader(), most);
  } catch {
    return null;
  }
}

function view(data: Uint8Array): DataView {
  return new DataView(data.buffer, data.byteOffset, data.byteLength);
}

async function readDirectory(source: Slices): Promise<Member[]> {
  const tailAt = Math.max(0, source.size - END_BYTES - MOST_COMMENT);
  const tail = view(await source.slice(tailAt, source.size));
  let end = tail.byteLength - END_BYTES;
  while (end >= 0 && tail.getUint32(end, true) !== 0x06054b50) end--;
  if (end < 0 || tail.getUint16(end + 20, true) !== tail.byteLength - end - END_BYTES)
    throw new CannotRead("this is not a readable zip file");
  const [count, size, at] = [
    tail.getUint16(end + 10, true),
    tail.getUint32(end + 12, true),
    tail.getUint32(end + 16, true),
  ];
  if (count === 0xffff || at === 0xffffffff || (end >= 20 && tail.getUint32(end - 20, true) === 0x07064b50))
    throw new CannotRead("a zip file of this size is not read here; unpack it, or use the command line");
  // The list of files ends where the end record begins: nothing can hide before it, behind it or between.
  if (count > FILES || at + size !== tailAt + end) throw new CannotRead("this is not a readable zip file");
  const directory = await source.slice(at, at + size);
  const members: Member[] = [];
  let used = 0;
  while (members.length < count) {
    const entry = view(directory.subarray(used));
    if (entry.byteLength < CENTRAL_BYTES || entry.getUint32(0, true) !== 0x02014b50)
      throw new CannotRead("this is not a readable zip file");
    const nameBytes = entry.getUint16(28, true);
    members.push(readMember(entry, directory.subarray(used + CENTRAL_BYTES, used + CENTRAL_BYTES + nameBytes)));
    used += CENTRAL_BYTES + nameBytes + entry.getUint16(30, true) + entry.getUint16(32, true);
  }
  if (used !== size) throw new CannotRead("this is not a readable zip file");
  if (new Set(members.map(({ name }) => name)).size !== members.length)
    throw new CannotRead("two files of one name in the zip");
  return members;
}

function readMember(entry: DataView, raw: Uint8Array): Member {
  const name = nameOf(raw);
  const method = entry.getUint16(10, true);
  const flags = entry.getUint16(8, true);
  if (flags & ENCRYPTED) throw new CannotRead("the zip is encrypted");
  if (flags & PATCHED || (entry.getUint16(6, true) & 0xff) > NEWEST)
    throw new CannotRead("the zip needs a newer program; pack it again in the usual way");
  if (method !== STORED && method !== DEFLATED)
    throw new CannotRead("the zip is packed in another way than stored or deflated; pack it again in the usual way");
  const parts = name.replace(/\/$/, "").split("/");
  if (/[\0\\]/.test(name) || parts.some((part) => ["", ".", ".."].includes(part)))
    throw new CannotRead("the zip holds a name that is no path in it");
  return {
    name,
    method,
    crc: entry.getUint32(16, true),
    packed: entry.getUint32(20, true),
    size: entry.getUint32(24, true),
    at: entry.getUint32(42, true),
  };
}

function nameOf(raw: Uint8Array): string {
  try {
    return fromUtf8(raw);
  } catch {
    throw new CannotRead("the zip holds a name that is not in UTF-8");
  }
}

function foldersOf(name: string): string[] {
  const parts = name.split("/").slice(0, -1);
  return parts.map((_, k) => parts.slice(0, k + 1).join("/"));
}

/** `name/` when everything, litter aside, lies below one folder that holds a head; otherwise nothing. */
function topFolder(names: readonly string[]): string {
  const tops = new Set(names.filter((name) => !isLitter(name)).map((name) => `${name.split("/")[0]}/`));
  const [top = "", ...more] = tops;
  return !names.includes(HEAD) && more.length === 0 && names.includes(top + HEAD) ? top : "";
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function crc32(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) crc = (crc >>> 8) ^ (CRC_TABLE[(crc ^ byte) & 0xff] ?? 0);
  return (crc ^ 0xffffffff) >>> 0;
}
