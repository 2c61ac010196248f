// Writes src/gen, the messages and services of the API, from a descriptor set.
//
//   node scripts/messages.mjs DESCRIPTORS
//
// The set comes from `tests/ui_messages.rs`, which also says when src/gen is stale.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { create, fromBinary } from '@bufbuild/protobuf';
import { CodeGeneratorRequestSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

const require = createRequire(import.meta.url);
const { protocGenEs } = require(
  join(
    dirname(require.resolve('@bufbuild/protoc-gen-es/package.json')),
    'dist/cjs/src/protoc-gen-es-plugin.js',
  ),
);

const bytes = readFileSync(process.argv[2]);
const set = fromBinary(FileDescriptorSetSchema, bytes);
const wanted = set.file.map((file) => file.name).filter((name) => name.includes('/api/v1/'));
const request = create(CodeGeneratorRequestSchema, {
  fileToGenerate: wanted,
  parameter: 'target=ts',
  protoFile: set.file,
});

const out = new URL('../src/gen/', import.meta.url).pathname;
rmSync(out, { recursive: true, force: true });
for (const file of protocGenEs.run(request).file) {
  mkdirSync(dirname(out + file.name), { recursive: true });
  writeFileSync(out + file.name, file.content);
}
writeFileSync(`${out}DESCRIPTORS.sha256`, `${createHash('sha256').update(bytes).digest('hex')}\n`);
console.log(`${wanted.length} files in src/gen`);
