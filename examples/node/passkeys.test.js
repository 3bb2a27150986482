import assert from 'node:assert/strict';
import {after, before, test} from 'node:test';
import {serve} from 'signet-testing';

const origin = process.env.SITE ?? 'http://localhost:8080';
let signet, phone, cookie = '';

before(async () => {
  signet = await serve();
  phone = await signet.device({profile: 'phone'});
});
after(() => signet?.close());

// The site speaks the FIDO server REST profile; put your own requests here.
async function post(path, body) {
  const headers = {'Content-Type': 'application/json', cookie};
  const answer = await fetch(origin + path, {method: 'POST', headers, body: JSON.stringify(body)});
  cookie = answer.headers.get('Set-Cookie')?.split(';')[0] ?? cookie;
  return answer.json();
}

async function signIn() {
  const options = await post('/assertion/options', {username: 'nora'});
  return post('/assertion/result', await phone.get(options, {origin}));
}

test('nora registers and signs in', async () => {
  const options = await post('/attestation/options', {username: 'nora', displayName: 'Nora'});
  const registered = await post('/attestation/result', await phone.create(options, {origin}));
  assert.equal(registered.status, 'ok');
  assert.equal((await signIn()).status, 'ok');
});

test('a response from another port is refused', async () => {
  await phone.next({mutate: ['login.origin.port']});
  assert.equal((await signIn()).status, 'failed');
});

test('nora changes her mind', async () => {
  await phone.next({answer: 'deny'});
  await assert.rejects(signIn(), {name: 'NotAllowedError'});
});
