/** How to start the program. */
export interface ServeOptions {
  /** Its path; else SIGNET_BIN of this process, else signet in PATH. */
  binary?: string;
  /** More arguments for `signet serve`. */
  args?: string[];
  /** The program's environment; else this process's. */
  env?: Record<string, string | undefined>;
}

/** Starts `signet serve` on a free port and resolves when it is ready. */
export function serve(options?: ServeOptions): Promise<Signet>;

/** A service that runs already. */
export function connect(url: string, token: string): Signet;

/** A request that is wrong in itself. What a page would see is a DOMException or a TypeError. */
export class ServiceError extends Error {
  readonly status: number;
}

export interface DeviceConfig {
  /** The same seed gives the same keys, IDs and bytes; absent: random. */
  seed?: string;
  /** Absent: phone. */
  profile?: 'phone' | 'security-key' | 'u2f' | 'windows' | 'platform';
  aaguid?: string;
  /** COSE numbers, the preferred first. */
  algorithms?: number[];
  transports?: string[];
  backupEligible?: boolean;
  backedUp?: boolean;
  counter?: {start?: number; step?: number};
  attestation?: 'none' | 'packed-self' | 'packed' | 'packed-direct' | 'fido-u2f' | 'tpm' | 'android-key' | 'apple' | 'compound';
  noVerification?: boolean;
  noDiscoverable?: boolean;
  noPrf?: boolean;
  noLargeBlob?: boolean;
  /** Where the device's clock stands still, RFC 3339. */
  clock?: string;
  /** The pages that may use the device; absent: all. */
  origins?: string[];
  /** By RP ID, what its /.well-known/webauthn names. */
  relatedOrigins?: Record<string, string[]>;
}

export interface Behaviour {
  /** What the person does; absent: approve. */
  answer?: 'approve' | 'deny' | 'timeout' | 'never';
  delayMs?: number;
  /** The account to sign in with: its name or its user handle. */
  pick?: string;
  wrongPins?: number;
  /** The name with which the browser fails: a DOMException's that create and get throw, or TypeError. */
  error?:
    | 'AbortError' | 'ConstraintError' | 'EncodingError' | 'InvalidStateError' | 'NotAllowedError' | 'NotReadableError'
    | 'NotSupportedError' | 'OperationError' | 'SecurityError' | 'SyntaxError' | 'TimeoutError' | 'TypeError' | 'UnknownError';
  /** Faults to put into the response, such as login.origin.port. */
  mutate?: string[];
}

/** The page that asks. */
export interface Page {
  /** Its origin; may be left out where the device is bound to one. */
  origin?: string;
  topOrigin?: string;
  crossOrigin?: boolean;
  mediation?: 'silent' | 'optional' | 'required' | 'conditional';
  /** Faults for this response. */
  mutations?: string[];
  /** Names the ceremony in the log. */
  id?: string;
}

export interface Registration {
  id: string;
  rawId: string;
  type: 'public-key';
  authenticatorAttachment?: 'platform' | 'cross-platform';
  clientExtensionResults: Record<string, unknown>;
  response: {
    clientDataJSON: string; authenticatorData: string; attestationObject: string;
    transports: string[]; publicKey?: string; publicKeyAlgorithm: number;
  };
}

export interface Assertion {
  id: string;
  rawId: string;
  type: 'public-key';
  authenticatorAttachment?: 'platform' | 'cross-platform';
  clientExtensionResults: Record<string, unknown>;
  response: {clientDataJSON: string; authenticatorData: string; signature: string; userHandle?: string};
}

/** A passkey under WebDriver's field names; bytes are base64url. */
export interface Credential {
  credentialId: string;
  isResidentCredential: boolean;
  rpId: string;
  /** PKCS #8 */
  privateKey: string;
  userHandle?: string;
  /** What the last answer said; null: the passkey does not count. */
  signCount?: number | null;
  backupEligibility?: boolean;
  backupState?: boolean;
  userName?: string;
  userDisplayName?: string;
  largeBlob?: string;
}

export interface Event {
  seq: number;
  time: string;
  type: 'begin' | 'end' | 'signal' | 'credential' | 'reset';
  [member: string]: unknown;
}

export type Severity = 'low' | 'medium' | 'high' | 'critical';

/** What is audited, and how. */
export interface Audit {
  /** The site's address; wins over the mapping's base. */
  url?: string;
  /** The text of a mapping file, or the same as an object; absent: the FIDO REST profile. */
  mapping?: string | object;
  /** Of the site's pages. */
  origin?: string;
  seed?: string;
  /** What the audit's devices are. */
  device?: Omit<DeviceConfig, 'seed' | 'origins' | 'relatedOrigins'>;
  trusted?: boolean;
  modelList?: boolean;
  atLeast?: Severity;
  /** Findings from this severity on fail the audit; absent: high. */
  failOn?: Severity;
  only?: string[];
  skip?: string[];
  slow?: boolean;
  baseline?: {known: Record<string, string>};
  /** Certificate authorities to trust besides the system's: the text of the PEM. */
  ca?: string;
  timeoutMs?: number;
  /** Allows a site that is not on this machine. */
  iOwnThis?: boolean;
}

/** An audit; its report is at /v1/runs/ID/report.json. */
export interface Run {
  id: string;
  state: 'running' | 'done' | 'failed';
  done: number;
  total: number;
  failure?: string;
  /** New ones, of any severity. */
  findings?: number;
  /** Those of them that fail the audit. */
  failing?: number;
  /** Cases that say nothing of the site. */
  noVerdict?: number;
  /** 0: the site has passed; 1: findings fail it; 3: cases have no verdict; 130: it was stopped. */
  exitStatus?: 0 | 1 | 3 | 130;
  rp?: string;
  seed?: string;
}

/** What install asks of a Playwright page or context, or a Puppeteer page. */
export interface BrowserPage {
  /** Of a page: where it is. */
  url?(): string;
  /** Of a context: its pages. */
  pages?(): any;
  exposeFunction(name: string, f: (call: any) => any): Promise<unknown>;
  addInitScript?(script: any): Promise<unknown>;
  evaluateOnNewDocument?(script: any): Promise<unknown>;
}

export interface Signet {
  readonly url: string;
  device(config?: DeviceConfig): Promise<Device>;
  mutations(): Promise<{id: string; kind?: 'register' | 'login'; help: string; takesValue?: boolean}[]>;
  /** Audits a site and resolves when that is done: the site has passed if exitStatus is 0. Throws where it could not begin. */
  audit(asked: Audit): Promise<Run>;
  /** Gives a page the device. Open the page afterwards; it runs unchanged. Throws where it is open. */
  install(page: BrowserPage, device: Device): Promise<void>;
  /** Any other request that the OpenAPI document describes. */
  call(method: string, path: string, body?: unknown): Promise<any>;
  request(method: string, path: string, body?: unknown): Promise<{status: number; text: string}>;
  /** Ends the program; the devices are gone with it. `await using` does it, too. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface Device {
  readonly id: string;
  readonly config: DeviceConfig;
  /** navigator.credentials.create: options in W3C's JSON, as they are or as member publicKey. */
  create(options: object, page?: Page): Promise<Registration>;
  /** navigator.credentials.get */
  get(options: object, page?: Page): Promise<Assertion>;
  /** What the person, or a fault, does in the next ceremony. */
  next(behaviour: Behaviour): Promise<void>;
  /** What they do from now on. */
  always(behaviour: Behaviour): Promise<void>;
  /** Picks a passkey in autofill, so that a conditional get goes on. */
  autofill(choice?: {pick?: string; origin?: string; waitMs?: number}): Promise<void>;
  /** The passkeys with their private keys, the newest first. */
  credentials(): Promise<Credential[]>;
  add(credential: Credential): Promise<Credential>;
  /** Changes what the device says of a passkey. */
  setProperties(credentialId: string, properties: Pick<Credential, 'backupEligibility' | 'backupState' | 'signCount'>): Promise<Credential>;
  remove(credentialId: string): Promise<void>;
  /** The log of the last ceremonies. */
  events(): Promise<Event[]>;
  /** A script that answers navigator.credentials in pages of the origin. */
  shim(origin?: string): Promise<string>;
  /** Answers a call of the shim's window.__signet. What is wrong with it is thrown by the next method, too. */
  answer(call: {op: string; body: unknown}): Promise<{status: number; body: unknown}>;
  /** Erases the device. */
  close(): Promise<void>;
}
