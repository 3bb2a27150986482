// A site over a library that verifies passkeys: the REST profile of FIDO's
// conformance tests, and a few paths more. Sessions and accounts are the site's
// own, since libraries leave them to their callers.
//
//	POST /attestation/options, /attestation/result, /assertion/options, /assertion/result
//	POST /logout
//	GET  /whoami                {"user"}, or 400
//	GET  /credentials           {"credentials": [{"id"}]}
//	DELETE /credentials/ID
//	POST /roots                 {"pem", "formats": ["packed"]}: who is trusted to attest
//
// It serves on a free port of this machine, prints its address, and ends with its
// standard input.
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';

export const rpID = 'login.example';
export const origin = 'https://login.example';
const maxBody = 1 << 20;

// serve runs the site over a library:
//
//	create(account, {attestation, residentKey, userVerification}) gives creation options
//	register(response, ceremony) gives a credential {id, ...}, or throws
//	request(account, {userVerification, extensions}) gives request options; account may be undefined
//	verify(response, ceremony, credential) throws, or changes the credential
//	trust(pem, format)
//
// A ceremony is {challenge, userVerification, conditional, account}.
export function serve(library) {
  const sessions = new Map(); // {account, registering, login}
  const accounts = new Map(); // by name: {id, name, credentials}

  const paths = {
    async 'POST /attestation/options'(session, body) {
      if (!body.username) throw new Error('no username');
      const there = accounts.get(body.username);
      if (there && session.account !== there) throw new Error('the name is taken: sign in to add a passkey');
      const account = there ?? { id: randomBytes(32), name: body.username, credentials: [] };
      const userVerification = verification(body.authenticatorSelection?.userVerification);
      const options = await library.create(account, {
        attestation: body.attestation === 'direct' ? 'direct' : 'none',
        residentKey: body.authenticatorSelection?.residentKey ?? 'preferred', userVerification,
      });
      session.registering = {
        account, challenge: options.challenge, userVerification, conditional: body.mediation === 'conditional',
      };
      return options;
    },

    async 'POST /attestation/result'(session, body) {
      const ceremony = session.registering;
      delete session.registering;
      if (!ceremony) throw new Error('no registration is under way');
      const credential = await library.register(body, ceremony);
      const { account } = ceremony;
      for (const a of accounts.values()) {
        if (a.credentials.some(({ id }) => id === credential.id)) throw new Error('the credential ID is taken');
      }
      const there = accounts.get(account.name);
      if (there && there !== account) throw new Error('the name is taken');
      account.credentials.push(credential);
      accounts.set(account.name, account);
      session.account = account;
    },

    async 'POST /assertion/options'(session, body) {
      const account = accounts.get(body.username);
      if (body.username && !account) throw new Error('nobody has that name');
      const userVerification = verification(body.userVerification);
      const options = await library.request(account, { userVerification, extensions: body.extensions });
      session.login = { account, challenge: options.challenge, userVerification };
      return options;
    },

    async 'POST /assertion/result'(session, body) {
      const ceremony = session.login;
      delete session.login;
      if (!ceremony) throw new Error('no sign-in is under way');
      const among = ceremony.account ? [ceremony.account] : [...accounts.values()];
      const account = among.find((a) => a.credentials.some(({ id }) => id === body.id));
      if (!account) throw new Error('no such credential');
      await library.verify(body, { ...ceremony, account }, account.credentials.find(({ id }) => id === body.id));
      session.account = account;
    },

    async 'POST /logout'(session) {
      delete session.account;
    },

    async 'GET /whoami'(session) {
      return { user: signedIn(session).name };
    },

    async 'GET /credentials'(session) {
      return { credentials: signedIn(session).credentials.map(({ id }) => ({ id })) };
    },

    async 'DELETE /credentials'(session, body, id) {
      const account = signedIn(session);
      const i = account.credentials.findIndex((c) => c.id === id);
      if (i < 0) throw new Error('the account has no such credential');
      account.credentials.splice(i, 1);
    },

    async 'POST /roots'(session, { pem, formats }) {
      for (const format of formats) library.trust(pem, format);
    },
  };

  function sessionOf(request, response) {
    const id = /(?:^|;\s*)session=([^;]+)/.exec(request.headers.cookie ?? '')?.[1];
    if (sessions.has(id)) return sessions.get(id);
    const session = {};
    const fresh = randomBytes(32).toString('base64url');
    sessions.set(fresh, session);
    response.setHeader('Set-Cookie', `session=${fresh}; Path=/; HttpOnly`);
    return session;
  }

  const server = createServer(async (request, response) => {
    response.setHeader('Content-Type', 'application/json');
    try {
      const [, path, id] = /^(\/\w+(?:\/(?:options|result))?)(?:\/([\w-]+))?$/.exec(request.url) ?? [];
      const answer = paths[`${request.method} ${path}`];
      if (!answer) {
        response.statusCode = 404;
        throw new Error('no such path');
      }
      const session = sessionOf(request, response);
      const result = await answer(session, await read(request), id);
      response.end(JSON.stringify({ status: 'ok', errorMessage: '', ...result }));
    } catch (error) {
      if (response.statusCode === 200) response.statusCode = 400;
      response.end(JSON.stringify({ status: 'failed', errorMessage: `${error.name}: ${error.message}` }));
    }
  });

  server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
  process.stdin.on('end', () => process.exit()).resume();
}

// verification is "required" where the client wishes it, and no less than the site
// asks for in any case.
function verification(wish) {
  return wish === 'required' ? 'required' : 'preferred';
}

function signedIn(session) {
  if (!session.account) throw new Error('nobody is signed in');
  return session.account;
}

async function read(request) {
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) {
    if (body.length <= maxBody) body += chunk;
  }
  if (body.length > maxBody) throw new Error('the body is too long');
  return body === '' ? {} : JSON.parse(body);
}
