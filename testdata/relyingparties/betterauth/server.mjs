// better-auth with its passkey plugin, as it is by default, over memory.
//
//	node server.mjs [FOLDER PACKAGE PLUGIN]
//
// takes other versions, as they are installed in a folder. It serves on a free
// port of this machine, prints its address, and ends with its standard input.
//
// Besides better-auth's own paths there is GET /row/CREDENTIAL-ID, which gives
// the {"id"} by which better-auth speaks of a passkey: one user does not learn
// another's from it, but an attacker may in other ways.
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const [folder, name = 'better-auth', plugin = '@better-auth/passkey'] = process.argv.slice(2);
const require = createRequire(folder ? resolve(folder, 'package.json') : import.meta.url);
const load = async (module) => import(pathToFileURL(require.resolve(module)));
const { betterAuth } = await load(name);
const { memoryAdapter } = await load(`${name}/adapters/memory`);
const { toNodeHandler } = await load(`${name}/node`);
const { passkey } = await load(plugin);

const origin = 'https://login.example';
const db = { user: [], session: [], account: [], verification: [], passkey: [] };

const server = createServer();
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const baseURL = `http://127.0.0.1:${server.address().port}`;

const auth = betterAuth({
  baseURL,
  secret: randomBytes(32).toString('hex'),
  trustedOrigins: [origin],
  database: memoryAdapter(db),
  rateLimit: { enabled: false },
  logger: { disabled: true },
  telemetry: { enabled: false },
  emailAndPassword: {
    enabled: true,
    // Hundreds of people sign up, and passwords are not what is tested.
    password: { hash: async (password) => password, verify: async ({ hash, password }) => hash === password },
  },
  user: { deleteUser: { enabled: true } },
  plugins: [passkey({ rpID: 'login.example', rpName: 'Login', origin })],
});

const handler = toNodeHandler(auth);
server.on('request', (request, response) => {
  const [, id] = /^\/row\/([\w-]+)$/.exec(request.url) ?? [];
  if (!id) return handler(request, response);
  const row = db.passkey.find(({ credentialID }) => credentialID === id);
  response.statusCode = row ? 200 : 404;
  response.setHeader('Content-Type', 'application/json');
  response.end(JSON.stringify({ id: row?.id }));
});

console.log(baseURL);
process.stdin.on('end', () => process.exit()).resume();
