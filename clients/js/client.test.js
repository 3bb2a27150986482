import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {createServer} from 'node:http';
import {after, before, test} from 'node:test';
import {ServiceError, connect, serve} from './index.js';

const page = {origin: 'https://login.example'};
const creation = {
  rp: {id: 'login.example', name: 'Login'}, user: {id: 'AQIDBA', name: 'ann', displayName: 'Ann'},
  challenge: 'AAECAwQFBgcICQoLDA0ODw', pubKeyCredParams: [{type: 'public-key', alg: -7}],
  authenticatorSelection: {residentKey: 'required'},
};
const request = {rpId: 'login.example', challenge: 'AAECAwQFBgcICQoLDA0ODw'};

let signet;
before(async () => { signet = await serve(); });
after(() => signet?.close());

test('ceremonies', async () => {
  const phone = await signet.device({seed: 'a', origins: [page.origin]});
  assert.equal(phone.config.profile, 'phone');
  const {id} = await phone.create({publicKey: creation});
  assert.equal((await phone.get(request, page)).id, id);
  const stored = await phone.credentials();
  assert.deepEqual(stored.map(c => [c.credentialId, c.userName]), [[id, 'ann']]);
  assert.equal((await phone.setProperties(id, {backupState: false, signCount: 7})).signCount, 7);

  await phone.remove(id);
  assert.deepEqual(await phone.credentials(), []);
  assert.equal((await phone.add({...stored[0], largeBlob: 'YmxvYg'})).largeBlob, 'YmxvYg');
  const offered = phone.get(request, {...page, mediation: 'conditional'});
  await phone.autofill({pick: 'ann'});
  assert.equal((await offered).id, id);
  assert.deepEqual((await phone.events()).filter(e => e.type === 'begin').map(e => e.kind), ['create', 'get', 'get']);

  await phone.close();
  await assert.rejects(phone.credentials(), {name: 'NotFound', status: 404});
});

test('errors', async () => {
  const key = await signet.device({profile: 'security-key'});
  await key.create(creation, page);
  await key.next({answer: 'deny'});
  await assert.rejects(key.get(request, page), e => e instanceof DOMException && e.name === 'NotAllowedError');
  await key.always({error: 'ConstraintError'});
  await assert.rejects(key.get(request, page), {name: 'ConstraintError'});
  await assert.rejects(key.get(request, page), {name: 'ConstraintError'});
  await key.always({});
  await assert.rejects(key.create({...creation, pubKeyCredParams: undefined}, page), TypeError);
  await assert.rejects(signet.device({profile: 'toaster'}), e => e instanceof ServiceError && e.name === 'BadRequest' && e.status === 400 && /toaster/.test(e.message));
  await assert.rejects(key.next({mutate: ['login.nothing']}), ServiceError);
});

test('mutations', async () => {
  assert.ok((await signet.mutations()).some(m => m.id === 'login.origin.port' && m.kind === 'login'));
  const phone = await signet.device();
  await phone.create(creation, page);
  const {response} = await phone.get(request, {...page, mutations: ['origin=https://evil.example']});
  assert.equal(JSON.parse(atob(response.clientDataJSON)).origin, 'https://evil.example');
});

test('an audit', async () => {
  const refuses = createServer((_, answer) => { answer.writeHead(403).end('not today'); });
  await new Promise(resolve => refuses.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${refuses.address().port}`;
  try {
    const run = await signet.audit({url, origin: page.origin, only: ['login.origin.port']});
    assert.deepEqual([run.findings, run.failing, run.noVerdict, run.exitStatus], [0, 0, 1, 3]);
  } finally {
    refuses.close();
    refuses.closeAllConnections();
  }
  await assert.rejects(signet.audit({url}), /the audit failed: .*refused/);
  await assert.rejects(signet.audit({url: 'https://login.example'}), ServiceError);
});

test('an ID stays one', async () => {
  const [phone, other] = [await signet.device(), await signet.device()];
  await assert.rejects(phone.remove(`../../${other.id}`), ServiceError);
  assert.deepEqual(await other.credentials(), []);
});

test('pages', async () => {
  const phone = await signet.device({origins: [page.origin]});
  assert.match(await phone.shim(page.origin), /navigator\.credentials/);
  await assert.rejects(phone.shim('https://other.example'), {name: 'Forbidden'});

  const done = [];
  const tools = {exposeFunction: async (name, f) => done.push(name, f)};
  await signet.install({...tools, addInitScript: async ({content}) => done.push(content.length > 1000)}, phone);
  await signet.install({...tools, evaluateOnNewDocument: async text => done.push(text.length > 1000)}, phone);
  assert.deepEqual([done[0], done[2], done[3], done[5]], ['__signet', true, '__signet', true]);
  const created = await done[1]({op: 'create', body: {...page, options: creation}});
  assert.equal(created.status, 200);
  assert.equal((await done[1]({op: 'get', body: {origin: 'https://other.example', options: request}})).status, 403);
  await assert.rejects(phone.events(), {name: 'Forbidden', status: 403}); // the test hears of it, once
  await phone.next({mutate: ['register.attestation.format.unknown']});
  assert.equal((await done[1]({op: 'get', body: {...page, options: request}})).status, 400);
  await assert.rejects(phone.next({answer: 'deny'}), ServiceError);
  await phone.next({answer: 'deny'});
  assert.equal((await done[1]({op: 'get', body: {...page, options: request}})).status, 409);
  assert.equal((await phone.events()).at(-1).error.name, 'NotAllowedError');
  const honest = await done[1]({op: 'get', body: {...page, options: request, mutations: ['origin=https://evil.example']}});
  assert.equal(JSON.parse(atob(honest.body.response.clientDataJSON)).origin, page.origin);
  for (const op of ['credentials', '../d1/credentials', 'signal/../credentials']) {
    await assert.rejects(done[1]({op, body: {}}), /pages have no/);
  }
});

test('a page that is open already', async () => {
  const phone = await signet.device();
  const tools = {exposeFunction: () => assert.fail('it is installed'), addInitScript: () => assert.fail('it is installed')};
  const open = {url: () => 'https://login.example/'};
  await assert.rejects(signet.install({...tools, ...open}, phone), /https:\/\/login\.example\/ is open: install/);
  await assert.rejects(signet.install({...tools, pages: () => [{url: () => 'about:blank'}, open]}, phone), /is open: install/);
  const fresh = {exposeFunction: async () => {}, addInitScript: async () => {}, url: () => 'about:blank'};
  await signet.install(fresh, phone);
  await signet.install({...fresh, url: undefined, pages: () => [fresh]}, phone);
});

test('mistakes are no refusals', async () => {
  const phone = await signet.device();
  await assert.rejects(phone.create(creation, {origin: 'login.example'}), e => e instanceof ServiceError && /"login\.example" is not like https:\/\/login\.example/.test(e.message));
  await assert.rejects(phone.create(creation, {...page, mutations: ['login.signature.other-key']}), ServiceError);
});

test('a program that does not start', async () => {
  await assert.rejects(serve({binary: '/nowhere/signet'}), /cannot start \/nowhere\/signet/);
  await assert.rejects(serve({args: ['--nonsense']}), /ended with 2: .*nonsense/s);
});

test('a service that runs already, and one that has ended', async () => {
  const token = '0123456789abcdef0123456789abcdef';
  const first = await serve({env: {...process.env, SIGNET_TOKEN: token}});
  const second = connect(first.url, token);
  await second.device();
  await assert.rejects(connect(first.url, 'x').device(), {name: 'Unauthorized', status: 401});
  await second.close();
  const phone = await first.device();
  await first.close();
  await first.close();
  await assert.rejects(first.device(), /^Error: signet: http:\S+ does not answer$/);
  await assert.rejects(phone.answer({op: 'get', body: {...page, options: request}}), /does not answer/);
  await assert.rejects(phone.events(), /does not answer/);
});

// ended waits for the service of a process that is gone.
async function ended(url) {
  assert.match(url, /^http:/);
  for (const began = Date.now(); Date.now() - began < 10_000;) {
    const alive = await connect(url, 'x').mutations().catch(e => e.name === 'Unauthorized');
    if (!alive) return;
  }
  assert.fail(`${url} answers after 10 s`);
}

for (const [name, end] of [['forgets to close', ''], ['is killed', 'process.kill(process.pid, "SIGKILL");']]) {
  test(`a test that ${name}`, () => {
    const {stdout} = spawnSync(process.execPath, ['--input-type=module', '-e', `
      import {writeSync} from 'node:fs';
      import {serve} from ${JSON.stringify(import.meta.resolve('./index.js'))};
      writeSync(1, (await serve()).url); ${end}`], {encoding: 'utf8'});
    return ended(stdout);
  });
}
