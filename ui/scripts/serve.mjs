// Serves a built UI as the daemon does: the same policy, and the shell for every address of a page.
import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};
// As src/web/headers.rs says it.
export const POLICY =
  "default-src 'self'; base-uri 'none'; connect-src 'self'; form-action 'none'; " +
  "frame-ancestors 'none'; object-src 'none'; report-uri /csp-report";

const api = (path) => path.startsWith('/holdfast.') || path === '/download';

/** The file that a path of a page means, and its type. */
export function fileOf(folder, url) {
  const path = normalize(decodeURIComponent(new URL(url, 'http://x').pathname));
  if (api(path)) return undefined;
  const asked = join(folder, path);
  const file = existsSync(asked) && statSync(asked).isFile() ? asked : join(folder, 'index.html');
  return { file, type: TYPES[extname(file)] ?? 'application/octet-stream' };
}

/** Answers the address it listens on, and how to stop. */
export async function serve(folder, port = 0) {
  const server = createServer((request, response) => {
    const found = fileOf(folder, request.url);
    if (!found) {
      // Every file that is downloaded has the same few lines.
      response.setHeader('content-type', 'text/plain; charset=utf-8');
      return response.end('# Photos\n\nOne folder a year; albums are lists of links.\n');
    }
    response.setHeader('content-type', found.type);
    response.setHeader('content-security-policy', POLICY);
    return createReadStream(found.file).pipe(response);
  });
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    stop: () => new Promise((resolve) => server.close(resolve)),
  };
}
