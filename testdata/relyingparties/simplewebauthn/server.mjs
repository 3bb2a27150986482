// The site over SimpleWebAuthn, as it is by default.
//
//	node server.mjs [FOLDER PACKAGE]
//
// takes another version of the library, as it is installed in a folder.
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import { origin, rpID, serve } from '../site.mjs';

const [folder, name] = process.argv.slice(2);
const loaded = folder
  ? await import(pathToFileURL(createRequire(resolve(folder, 'package.json')).resolve(name)))
  : await import('@simplewebauthn/server');
const library = loaded.verifyRegistrationResponse ? loaded : loaded.default;

const descriptor = ({ id, transports }) => ({ id, transports });

serve({
  create(account, { attestation, residentKey, userVerification }) {
    return library.generateRegistrationOptions({
      rpName: 'Login', rpID, userName: account.name, userID: new Uint8Array(account.id),
      attestationType: attestation, excludeCredentials: account.credentials.map(descriptor),
      authenticatorSelection: { residentKey, userVerification },
    });
  },

  async register(response, { challenge, userVerification, conditional }) {
    const { verified, registrationInfo } = await library.verifyRegistrationResponse({
      response, expectedChallenge: challenge, expectedOrigin: origin, expectedRPID: rpID,
      requireUserVerification: userVerification === 'required', requireUserPresence: !conditional,
    });
    if (!verified) throw new Error('not verified');
    return registrationInfo.credential ?? { // before v11
      id: registrationInfo.credentialID, publicKey: registrationInfo.credentialPublicKey, counter: registrationInfo.counter,
    };
  },

  request(account, { userVerification, extensions }) {
    return library.generateAuthenticationOptions({
      rpID, userVerification, extensions, allowCredentials: account?.credentials.map(descriptor),
    });
  },

  async verify(response, { challenge, userVerification }, credential) {
    const { verified, authenticationInfo } = await library.verifyAuthenticationResponse({
      response, expectedChallenge: challenge, expectedOrigin: origin, expectedRPID: rpID,
      credential, requireUserVerification: userVerification === 'required',
    });
    if (!verified) throw new Error('not verified');
    credential.counter = authenticationInfo.newCounter;
  },

  trust(pem, identifier) {
    const trusted = library.SettingsService.getRootCertificates({ identifier });
    library.SettingsService.setRootCertificates({ identifier, certificates: [...trusted, pem] });
  },
});
