// The site over fido2-lib, as it is by default.
import { Fido2Lib } from 'fido2-lib';

import { origin, rpID, serve } from '../site.mjs';

const encode = (buffer) => Buffer.from(buffer).toString('base64url');
const decode = (text) => new Uint8Array(Buffer.from(text, 'base64url')).buffer;
const descriptor = ({ id }) => ({ type: 'public-key', id });

// Its "first" factor is a person verified, "either" also one who is merely there.
const factor = (userVerification) => (userVerification === 'required' ? 'first' : 'either');

serve({
  async create(account, { attestation, residentKey, userVerification }) {
    const library = new Fido2Lib({ rpId: rpID, rpName: 'Login', attestation, authenticatorUserVerification: userVerification });
    const options = await library.attestationOptions();
    return {
      ...options, challenge: encode(options.challenge),
      user: { id: encode(account.id), name: account.name, displayName: account.name },
      excludeCredentials: account.credentials.map(descriptor),
      authenticatorSelection: { ...options.authenticatorSelection, residentKey },
    };
  },

  async register(response, { challenge, userVerification }) {
    const result = await new Fido2Lib().attestationResult(inBytes(response), {
      rpId: rpID, challenge, origin, factor: factor(userVerification),
    });
    return {
      id: encode(result.authnrData.get('credId')),
      publicKey: result.authnrData.get('credentialPublicKeyPem'), counter: result.authnrData.get('counter'),
    };
  },

  async request(account, { userVerification }) {
    const options = await new Fido2Lib({ rpId: rpID, authenticatorUserVerification: userVerification }).assertionOptions();
    return { ...options, challenge: encode(options.challenge), allowCredentials: account?.credentials.map(descriptor) };
  },

  async verify(response, { challenge, userVerification, account }, credential) {
    const { userHandle } = response.response;
    const result = await new Fido2Lib().assertionResult(inBytes(response), {
      rpId: rpID, challenge, origin, factor: factor(userVerification), publicKey: credential.publicKey,
      prevCounter: credential.counter, userHandle: userHandle ? encode(account.id) : null,
    });
    credential.counter = result.authnrData.get('counter');
  },
});

// inBytes gives the IDs as the library wants them.
function inBytes(response) {
  return { ...response, id: decode(response.id), rawId: decode(response.rawId) };
}
