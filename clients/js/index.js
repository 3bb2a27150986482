// Passkey devices for tests: starts `signet serve` and speaks to it.

import {spawn} from 'node:child_process';
import {readFile} from 'node:fs/promises';

/** What the service says of a request that is wrong: an unknown profile, say. */
export class ServiceError extends Error {
  constructor(status, {name, message}) {
    super(message);
    this.name = name;
    this.status = status;
  }
}

// The name is what a page would see; a TypeError is none of DOMException's.
const exception = ({name, message}) => name === 'TypeError' ? new TypeError(message) : new DOMException(message, name);

/** Starts the program and resolves when it is ready. */
export async function serve({binary = process.env.SIGNET_BIN || 'signet', args = [], env = process.env} = {}) {
  // The pipe is what ends it where this process is killed.
  const child = spawn(binary, ['serve', '--until-eof', ...args], {env, stdio: 'pipe'});
  const exited = new Promise(resolve => child.once('close', resolve));
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', text => { errors += text; });
  const line = await new Promise((resolve, reject) => {
    let text = '';
    child.once('error', e => reject(new Error(`signet: cannot start ${binary}; is it in PATH, or SIGNET_BIN its path? ${e.message}`)));
    child.once('close', code => reject(new Error(`signet: ${binary} serve ended with ${code}: ${errors}`)));
    child.stdout.setEncoding('utf8').on('data', more => {
      text += more;
      if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')));
    });
  });
  // A test that forgets to close does not hang.
  for (const handle of [child, ...child.stdio]) handle.unref();
  const {url, tokenFile} = JSON.parse(line);
  const token = tokenFile ? (await readFile(tokenFile, 'utf8')).trim() : env.SIGNET_TOKEN;
  return new Signet(url, token, async () => {
    child.ref(); // or nobody waits for its end
    child.stdin.end();
    await exited;
  });
}

/** A service that runs already, in a container, say. */
export const connect = (url, token) => new Signet(url, token, async () => {});

class Signet {
  #token;
  #end;

  constructor(url, token, end) {
    this.url = url;
    this.#token = token;
    this.#end = end;
  }

  /** One request, the answer's status and its text. */
  async request(method, path, body) {
    const answer = await fetch(this.url + path, {
      method,
      headers: {Authorization: `Bearer ${this.#token}`, ...(body !== undefined && {'Content-Type': 'application/json'})},
      body: body === undefined ? undefined : JSON.stringify(body),
    }).catch(e => {
      // fetch has a TypeError for this, and a page may have one for its options.
      throw new Error(`signet: ${this.url} does not answer`, {cause: e});
    });
    return {status: answer.status, text: await answer.text()};
  }

  /** One request, and what its answer's JSON says. */
  async call(method, path, body) {
    const {status, text} = await this.request(method, path, body);
    if (status === 409) throw exception(JSON.parse(text));
    if (status >= 300) throw new ServiceError(status, JSON.parse(text));
    return JSON.parse(text);
  }

  async device(config = {}) {
    const {id, config: settled} = await this.call('POST', '/v1/devices', config);
    return new Device(this, id, settled);
  }

  /** The faults that next, create and get take. */
  mutations() { return this.call('GET', '/v1/mutations'); }

  /** Audits a site; done, it has passed if exitStatus is 0. */
  async audit(asked) {
    let run = await this.call('POST', '/v1/runs', asked);
    while (run.state === 'running') {
      await new Promise(resolve => setTimeout(resolve, 200));
      run = await this.call('GET', `/v1/runs/${run.id}`);
    }
    if (run.state === 'failed') throw new Error(`signet: the audit failed: ${run.failure}`);
    return run;
  }

  /** Gives a page of Playwright or Puppeteer, or a context of Playwright, the device, before it is opened. */
  async install(page, device) {
    // What a page asked for while it loaded is with the browser already.
    const open = (page.pages?.() ?? [page]).map(p => p.url?.()).find(url => /^(https?|file):/.test(url));
    if (open) throw new Error(`signet: ${open} is open: install the device before the page is opened`);
    await page.exposeFunction('__signet', call => device.answer(call));
    await (page.addInitScript ? page.addInitScript({content: await device.shim()})
      : page.evaluateOnNewDocument(await device.shim()));
  }

  /** Ends the program; the devices are gone with it. */
  close() { return this.#end(); }

  [Symbol.asyncDispose]() { return this.close(); }
}

class Device {
  #signet;
  #fault; // of a request that a page's shim sent

  constructor(signet, id, config) {
    this.#signet = signet;
    this.id = id;
    this.config = config;
  }

  async #call(method, path, body) {
    const fault = this.#fault;
    this.#fault = undefined;
    if (fault) throw fault;
    return this.#signet.call(method, `/v1/devices/${this.id}${path}`, body);
  }

  /** navigator.credentials.create for a page of the origin: JSON in, JSON out. */
  create(options, page = {}) { return this.#call('POST', '/create', {...page, options}); }

  /** navigator.credentials.get, likewise. */
  get(options, page = {}) { return this.#call('POST', '/get', {...page, options}); }

  /** What the person, or a fault, does in the next ceremony. */
  async next(behaviour) { await this.#call('POST', '/behaviour', behaviour); }

  /** What they do from now on. */
  async always(behaviour) { await this.next({...behaviour, always: true}); }

  /** Picks a passkey in autofill, so that a conditional get goes on. */
  async autofill(choice = {}) { await this.#call('POST', '/autofill', choice); }

  credentials() { return this.#call('GET', '/credentials'); }
  add(credential) { return this.#call('POST', '/credentials', credential); }
  setProperties(credentialId, properties) { return this.#call('PATCH', `/credentials/${encodeURIComponent(credentialId)}`, properties); }
  async remove(credentialId) { await this.#call('DELETE', `/credentials/${encodeURIComponent(credentialId)}`); }

  /** The device's log: each ceremony, its options and its response or error. */
  events() { return this.#call('GET', '/events'); }

  /** The script that answers navigator.credentials in pages of an origin. */
  async shim(origin) {
    const query = new URLSearchParams({device: this.id, ...(origin && {origin})});
    const {status, text} = await this.#signet.request('GET', `/v1/shim.js?${query}`);
    if (status !== 200) throw new ServiceError(status, JSON.parse(text));
    return text;
  }

  /**
   * Answers a call of the shim's window.__signet. What is wrong with such a request is a
   * SignetError in the page, and is thrown by the device's next method, too.
   */
  async answer({op, body}) {
    // A page gets to ceremonies, not to private keys.
    if (!/^(create|get|abort|signal\/\w+)$/.test(op)) throw new TypeError(`pages have no ${op}`);
    const {mutations, ...asked} = body; // nor to faults: the test gives them
    try {
      const {status, text} = await this.#signet.request('POST', `/v1/devices/${this.id}/${op}`, asked);
      const answer = {status, body: JSON.parse(text)};
      if (status !== 200 && status !== 409) this.#fault = new ServiceError(status, answer.body);
      return answer;
    } catch (e) {
      this.#fault = e;
      throw e;
    }
  }

  /** Erases the device; what waits for it fails with AbortError. */
  async close() { await this.#call('DELETE', ''); }
}
