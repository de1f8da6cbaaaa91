/** Repeatable noise: the same seed gives the same numbers. Mulberry32, public domain, Tommy Ettinger. */
export function randomNumbers(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** How many inputs a fuzz test tries: PATGATE_FUZZ_RUNS, or enough for a quick check. */
export const FUZZ_RUNS = Number(process.env['PATGATE_FUZZ_RUNS'] ?? 20_000);
/** Where the noise starts: PATGATE_FUZZ_SEED repeats a run. */
export const FUZZ_SEED = Number(process.env['PATGATE_FUZZ_SEED'] ?? 20_260_101);

/** Values that lengths and counts go wrong at. */
const EDGES = [0, 1, 3, 4, 5, 7, 8, 127, 128, 255, 256, 1024, 10_004, 10_005, 65_535, 0x7fff_ffff, -1, -4];

type Mutation = (bytes: Buffer, random: (below: number) => number, corpus: readonly Buffer[]) => Buffer;

const MUTATIONS: readonly Mutation[] = [
  (bytes, random) =>
    at(bytes, random, (place) => bytes.writeUInt8(bytes.readUInt8(place) ^ (1 << random(8)), place)),
  (bytes, random) => at(bytes, random, (place) => bytes.writeUInt8(random(256), place)),
  (bytes, random) => at(bytes, random, (place) => bytes.writeUInt8(random(2) * 255, place)),
  (bytes, random) => {
    if (bytes.length >= 4) bytes.writeInt32BE(EDGES[random(EDGES.length)] ?? 0, random(bytes.length - 3));
    return bytes;
  },
  (bytes, random) => bytes.subarray(0, random(bytes.length + 1)),
  (bytes, random) => bytes.subarray(random(bytes.length + 1)),
  (bytes, random) => {
    const [from, length] = [random(bytes.length + 1), random(16)];
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + length)]);
  },
  (bytes, random) => {
    const place = random(bytes.length + 1);
    const noise = Buffer.from(Array.from({ length: random(16) }, () => random(256)));
    return Buffer.concat([bytes.subarray(0, place), noise, bytes.subarray(place)]);
  },
  (bytes, random) => {
    const [from, to] = [random(bytes.length + 1), random(bytes.length + 1)];
    return Buffer.concat([bytes.subarray(0, Math.max(from, to)), bytes.subarray(Math.min(from, to))]);
  },
  (bytes, random, corpus) => {
    const other = corpus[random(corpus.length)] ?? bytes;
    return Buffer.concat([
      bytes.subarray(0, random(bytes.length + 1)),
      other.subarray(random(other.length + 1)),
    ]);
  },
];

/** One of the corpus with a few things wrong. */
export function mutated(corpus: readonly Buffer[], random: (below: number) => number): Buffer {
  let bytes = Buffer.from(corpus[random(corpus.length)] ?? []);
  for (let count = random(4); count >= 0; count -= 1) {
    bytes = Buffer.from(MUTATIONS[random(MUTATIONS.length)]?.(bytes, random, corpus) ?? bytes);
  }
  return bytes;
}

function at(bytes: Buffer, random: (below: number) => number, change: (place: number) => void): Buffer {
  if (bytes.length > 0) change(random(bytes.length));
  return bytes;
}
