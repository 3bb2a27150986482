// Answers navigator.credentials in this page from a device of `signet serve`.
//
// A ceremony goes to the service by window.__signet where the test tool has put
// such a function there, and else by fetch, which the page's Content Security
// Policy must allow. __signet gets {device, op, body}, posts body to
// /v1/devices/DEVICE/OP with the service's token, and resolves to {status, body}:
// the answer's status and its JSON, parsed.
(signet => {
'use strict';
if (!navigator.credentials || Object.hasOwn(navigator.credentials, '__signet')) return;

const nativeFetch = window.fetch.bind(window);
const container = Object.getPrototypeOf(navigator.credentials);
const native = {create: container.create, get: container.get};

// What the browser lacks is made here, so that instanceof means something.
const missing = (name, parent = Object) => {
  if (!window[name]) {
    const made = {[name]: class extends parent {}}[name];
    Object.defineProperty(made.prototype, Symbol.toStringTag, {value: name, configurable: true});
    Object.defineProperty(window, name, {value: made, configurable: true, writable: true});
  }
  return window[name];
};
missing('Credential');
const PublicKey = missing('PublicKeyCredential', window.Credential);
missing('AuthenticatorResponse');
missing('AuthenticatorAttestationResponse', window.AuthenticatorResponse);
missing('AuthenticatorAssertionResponse', window.AuthenticatorResponse);

// An object of a native class whose members are its own: the class's accessors
// would refuse it.
const instance = (type, members) => {
  const object = Object.create(window[type].prototype);
  for (const [name, value] of Object.entries(members)) {
    Object.defineProperty(object, name, {value, enumerable: typeof value !== 'function', configurable: true});
  }
  return object;
};

const encode = bytes => {
  let text = '';
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
};

const decode = text => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), c => c.charCodeAt(0)).buffer;

// What a fault made no base64url of stays as it is.
const decoded = value => {
  try {
    return typeof value === 'string' && /^[\w-]*$/.test(value) ? decode(value) : value;
  } catch {
    return value;
  }
};

const isBuffer = value => value instanceof ArrayBuffer || ArrayBuffer.isView(value) ||
  Object.prototype.toString.call(value) === '[object ArrayBuffer]'; // of another frame

const view = value => ArrayBuffer.isView(value)
  ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : new Uint8Array(value);

const bytes = (value, name) => {
  if (!isBuffer(value)) throw new TypeError(`${name} is not an ArrayBuffer or a view of one`);
  return encode(view(value));
};

const array = (value, name) => {
  if (value === null || typeof value !== 'object' || typeof value[Symbol.iterator] !== 'function') {
    throw new TypeError(`${name} is not a sequence`);
  }
  return [...value];
};

// JSON of what holds no buffers but where JSON has base64url for them.
const plain = value => {
  if (isBuffer(value)) return encode(view(value));
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object') return value;
  const out = {};
  for (const name in value) {
    if (value[name] !== undefined && typeof value[name] !== 'function') out[name] = plain(value[name]);
  }
  return out;
};

const descriptors = (list, name) => array(list, name).map((d, i) => ({...plain(d), id: bytes(d.id, `${name}[${i}].id`)}));

const requestJSON = {
  create(o) {
    const json = plain(o);
    json.challenge = bytes(o.challenge, 'challenge');
    if (!o.user || typeof o.user !== 'object') throw new TypeError('user is missing');
    json.user.id = bytes(o.user.id, 'user.id');
    if (o.excludeCredentials !== undefined) json.excludeCredentials = descriptors(o.excludeCredentials, 'excludeCredentials');
    return json;
  },
  get(o) {
    const json = plain(o);
    json.challenge = bytes(o.challenge, 'challenge');
    if (o.allowCredentials !== undefined) json.allowCredentials = descriptors(o.allowCredentials, 'allowCredentials');
    return json;
  },
};

// Where this page stands: what a browser puts into the client data.
const place = () => {
  const here = {origin: location.origin};
  if (window === window.top) return here;
  const above = location.ancestorOrigins ? [...location.ancestorOrigins] : undefined;
  let crosses = above?.some(o => o !== location.origin);
  let top = above?.at(-1);
  if (!above) {
    try {
      // Ancestors between here and the top may be of another origin, too.
      for (let w = window; w !== w.top; w = w.parent) if (w.parent.location.origin !== location.origin) crosses = true;
    } catch {
      crosses = true;
      if (window.parent === window.top && document.referrer) top = new URL(document.referrer).origin;
    }
  }
  return crosses ? {...here, crossOrigin: true, ...(top && {topOrigin: top})} : here;
};

const allowed = op => {
  const policy = document.permissionsPolicy ?? document.featurePolicy;
  const feature = `publickey-credentials-${op}`;
  if (!policy?.features?.().includes(feature)) return true; // nobody tells
  return policy.allowsFeature(feature);
};

// What is wrong with the test, and not with what the page asks for. It has a name that
// no browser has, so that nobody takes it for a refusal.
class SignetError extends Error {
  get name() { return 'SignetError'; }
}
const broken = why => e => { throw new SignetError(`${why}: ${e?.message ?? e}`); };

const failure = e => e.name === 'TypeError' ? new TypeError(e.message) : new DOMException(e.message, e.name);

const post = async (op, body) => {
  const r = await nativeFetch(`${signet.url}/v1/page/${op}`, {
    method: 'POST', credentials: 'omit', cache: 'no-store', referrerPolicy: 'no-referrer',
    headers: {'Authorization': `Bearer ${signet.tokens[location.origin]}`, 'Content-Type': 'application/json'},
    body: JSON.stringify(body),
  });
  return {status: r.status, body: await r.json()};
};

// Whether a function of the test tool is there is asked each time: it may come
// late.
const ask = async (op, body) => {
  if (typeof window.__signet === 'function') {
    return (async () => window.__signet({device: signet.device, op, body}))().catch(broken('window.__signet failed'));
  }
  if (signet.tokens[location.origin]) {
    return post(op, body).catch(broken(`this page cannot reach ${signet.url}; its Content Security Policy may forbid it, then give it window.__signet`));
  }
  throw new SignetError(`the shim was not made for pages of ${location.origin}, and there is no window.__signet`);
};

const send = async (op, body) => {
  const answer = await ask(op, body);
  if (answer?.status === 200) return answer.body;
  if (answer?.status === 409) throw failure(answer.body);
  throw new SignetError(`${answer?.body?.name}: ${answer?.body?.message}`);
};

const outputs = json => {
  const out = structuredClone(json.clientExtensionResults ?? {});
  for (const side of ['first', 'second']) {
    if (out.prf?.results?.[side]) out.prf.results[side] = decoded(out.prf.results[side]);
  }
  if (out.largeBlob?.blob) out.largeBlob.blob = decoded(out.largeBlob.blob);
  return out;
};

const responses = {
  create: r => instance('AuthenticatorAttestationResponse', {
    clientDataJSON: decoded(r.clientDataJSON), attestationObject: decoded(r.attestationObject),
    getTransports: () => Array.isArray(r.transports) ? [...r.transports] : [],
    getAuthenticatorData: () => decoded(r.authenticatorData),
    getPublicKey: () => decoded(r.publicKey ?? null),
    getPublicKeyAlgorithm: () => r.publicKeyAlgorithm,
  }),
  get: r => instance('AuthenticatorAssertionResponse', {
    clientDataJSON: decoded(r.clientDataJSON), authenticatorData: decoded(r.authenticatorData),
    signature: decoded(r.signature), userHandle: decoded(r.userHandle ?? null),
  }),
};

const credential = (op, json) => instance('PublicKeyCredential', {
  id: json.id, rawId: decoded(json.rawId), type: json.type,
  authenticatorAttachment: json.authenticatorAttachment ?? null,
  response: responses[op](json.response ?? {}),
  getClientExtensionResults: () => outputs(json),
  toJSON: () => structuredClone(json),
});

// One ceremony at a time, as browsers have it.
let pending = null;

const ceremony = async (op, options) => {
  const {signal, mediation} = options;
  if (signal?.aborted) throw signal.reason;
  if (mediation !== undefined && !['silent', 'optional', 'required', 'conditional'].includes(mediation)) {
    throw new TypeError(`mediation ${mediation} is none of silent, optional, required, conditional`);
  }
  const body = {id: crypto.randomUUID(), ...place(), options: requestJSON[op](options.publicKey), ...(mediation && {mediation: `${mediation}`})};
  if (!allowed(op)) throw new DOMException(`the permissions policy forbids publickey-credentials-${op} here`, 'NotAllowedError');
  if (pending) throw new DOMException('a request is already pending', 'NotAllowedError');
  pending = body.id;
  const free = () => { if (pending === body.id) pending = null; };
  const abort = () => send('abort', {id: body.id}).catch(() => {});
  let onAbort;
  const aborted = new Promise((_, reject) => {
    onAbort = () => {
      free(); // at once: pages abort and ask again in one go
      abort();
      reject(signal.reason);
    };
  });
  signal?.addEventListener('abort', onAbort);
  addEventListener('pagehide', abort);
  try {
    return credential(op, await Promise.race([send(op, body), aborted]));
  } finally {
    signal?.removeEventListener('abort', onAbort);
    removeEventListener('pagehide', abort);
    free();
  }
};

const patch = (target, name, value) => Object.defineProperty(target, name, {value, writable: true, enumerable: true, configurable: true});

for (const op of ['create', 'get']) {
  patch(container, op, {
    async [op](options) {
      return options?.publicKey ? ceremony(op, options) : native[op].call(this, options);
    },
  }[op]);
}

// Options from JSON, where the browser does not do it.
const binary = (text, name) => {
  if (typeof text !== 'string' || !/^[\w-]*$/.test(text)) throw new DOMException(`${name} is not base64url`, 'EncodingError');
  return decode(text);
};
const listed = list => list?.map(d => ({...d, id: binary(d.id, 'id')}));
const extensions = e => {
  if (!e) return e;
  const values = v => v && Object.fromEntries(Object.entries(v).map(([k, t]) => [k, binary(t, `prf ${k}`)]));
  const out = structuredClone(e);
  if (e.prf?.eval) out.prf.eval = values(e.prf.eval);
  for (const id in e.prf?.evalByCredential) out.prf.evalByCredential[id] = values(e.prf.evalByCredential[id]);
  if (e.largeBlob?.write) out.largeBlob.write = binary(e.largeBlob.write, 'largeBlob.write');
  return out;
};
const tidy = o => Object.fromEntries(Object.entries(o).filter(([, v]) => v !== undefined));

const statics = {
  parseCreationOptionsFromJSON: o => tidy({
    ...o, challenge: binary(o.challenge, 'challenge'), user: {...o.user, id: binary(o.user.id, 'user.id')},
    excludeCredentials: listed(o.excludeCredentials), extensions: extensions(o.extensions),
  }),
  parseRequestOptionsFromJSON: o => tidy({
    ...o, challenge: binary(o.challenge, 'challenge'),
    allowCredentials: listed(o.allowCredentials), extensions: extensions(o.extensions),
  }),
};
for (const [name, f] of Object.entries(statics)) if (!PublicKey[name]) patch(PublicKey, name, f);

patch(PublicKey, 'isUserVerifyingPlatformAuthenticatorAvailable', async () => signet.capabilities.userVerifyingPlatformAuthenticator);
patch(PublicKey, 'isConditionalMediationAvailable', async () => true);
patch(PublicKey, 'getClientCapabilities', async () => ({...signet.capabilities}));
for (const kind of ['unknownCredential', 'allAcceptedCredentials', 'currentUserDetails']) {
  patch(PublicKey, `signal${kind[0].toUpperCase()}${kind.slice(1)}`, async options => {
    const {rpId, credentialId, userId, allAcceptedCredentialIds, name, displayName} = options;
    await send(`signal/${kind}`, tidy({...place(), rpId, credentialId, userId, allAcceptedCredentialIds, name, displayName}));
  });
}

Object.defineProperty(navigator.credentials, '__signet', {value: true});
})(SIGNET);
