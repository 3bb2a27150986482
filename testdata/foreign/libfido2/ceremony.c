/* Registering and signing in. */
#include "device.h"

#include <err.h>
#include <stdio.h>
#include <string.h>

const unsigned char challenge[32] = "thirty-two bytes of a challenge";

static const int extensions_of_level3 = FIDO_EXT_CRED_PROTECT | FIDO_EXT_HMAC_SECRET;

fido_cred_t *
new_cred(int alg, const char *rp, unsigned char user)
{
	fido_cred_t *cred = fido_cred_new();

	check("type", fido_cred_set_type(cred, alg));
	check("clientDataHash", fido_cred_set_clientdata_hash(cred, challenge, sizeof(challenge)));
	check("rp", fido_cred_set_rp(cred, rp, "Example"));
	check("user", fido_cred_set_user(cred, &user, 1, "ann", "Ann", NULL));
	return cred;
}

/* Makes a credential and has the library verify its attestation. */
fido_cred_t *
make_cred(fido_dev_t *dev, int alg, const char *rp, unsigned char user, bool rk, int extensions,
    const char *pin)
{
	fido_cred_t *cred = new_cred(alg, rp, user);

	check("rk", fido_cred_set_rk(cred, rk ? FIDO_OPT_TRUE : FIDO_OPT_OMIT));
	check("extensions", fido_cred_set_extensions(cred, extensions));
	if (extensions & FIDO_EXT_CRED_PROTECT)
		check("prot", fido_cred_set_prot(cred, FIDO_CRED_PROT_UV_REQUIRED));
	check("fido_dev_make_cred", fido_dev_make_cred(dev, cred, pin));
	check("attestation", fido_cred_x5c_len(cred) ? fido_cred_verify(cred)
						     : fido_cred_verify_self(cred));
	verify("rp", strcmp(fido_cred_rp_id(cred), rp) == 0);
	verify("UV", !(fido_cred_flags(cred) & CTAP_AUTHDATA_USER_VERIFIED) == (pin == NULL));
	return cred;
}

fido_assert_t *
new_assert(const char *rp, const fido_cred_t *cred)
{
	fido_assert_t *assert = fido_assert_new();

	check("clientDataHash",
	    fido_assert_set_clientdata_hash(assert, challenge, sizeof(challenge)));
	check("rp", fido_assert_set_rp(assert, rp));
	if (cred != NULL)
		check("allow", fido_assert_allow_cred(assert, fido_cred_id_ptr(cred),
				   fido_cred_id_len(cred)));
	return assert;
}

void
verify_assert(const fido_assert_t *assert, size_t index, const fido_cred_t *cred)
{
	int alg = fido_cred_type(cred);
	const unsigned char *raw = fido_cred_pubkey_ptr(cred);
	size_t len = fido_cred_pubkey_len(cred);
	void *key = NULL;
	int rc = FIDO_ERR_INTERNAL;

	switch (alg) {
	case COSE_ES256:
		rc = es256_pk_from_ptr(key = es256_pk_new(), raw, len);
		break;
	case COSE_ES384:
		rc = es384_pk_from_ptr(key = es384_pk_new(), raw, len);
		break;
	case COSE_EDDSA:
		rc = eddsa_pk_from_ptr(key = eddsa_pk_new(), raw, len);
		break;
	case COSE_RS256:
		rc = rs256_pk_from_ptr(key = rs256_pk_new(), raw, len);
		break;
	}
	check("public key", rc);
	check("fido_assert_verify", fido_assert_verify(assert, index, alg, key));
	free(key);
}

/* Signs in with a credential by its ID, and verifies the signature. */
void
sign(fido_dev_t *dev, const fido_cred_t *cred, const char *pin)
{
	fido_assert_t *assert = new_assert(fido_cred_rp_id(cred), cred);

	if (pin != NULL)
		check("uv", fido_assert_set_uv(assert, FIDO_OPT_TRUE));
	check("fido_dev_get_assert", fido_dev_get_assert(dev, assert, pin));
	verify("one assertion", fido_assert_count(assert) == 1);
	verify_assert(assert, 0, cred);
	fido_assert_free(&assert);
}

void
cred(void)
{
	static const int algs[] = {COSE_ES256, COSE_EDDSA, COSE_ES384, COSE_RS256};
	fido_dev_t *dev = device_open();
	fido_cred_t *made, *again;
	char step[80];

	for (size_t i = 0; i < LEN(algs); i++) {
		made = make_cred(dev, algs[i], RP, 1, false, 0, NULL);
		sign(dev, made, NULL);
		fido_cred_free(&made);
		snprintf(step, sizeof(step), "COSE algorithm %d", algs[i]);
		ok(step);
	}

	made = make_cred(dev, COSE_ES256, RP, 2, true, extensions_of_level3, NULL);
	verify("credProtect", fido_cred_prot(made) == FIDO_CRED_PROT_UV_REQUIRED);
	again = new_cred(COSE_ES256, RP, 2);
	check("exclude", fido_cred_exclude(again, fido_cred_id_ptr(made), fido_cred_id_len(made)));
	check("level 3 stays hidden", fido_dev_make_cred(dev, again, NULL));
	fido_cred_free(&again);
	fido_cred_free(&made);
	ok("credProtect and hmac-secret");

	made = make_cred(dev, COSE_ES256, RP, 3, true, 0, NULL);
	again = new_cred(COSE_ES256, RP, 4);
	check("exclude", fido_cred_exclude(again, fido_cred_id_ptr(made), fido_cred_id_len(made)));
	expect("exclude", fido_dev_make_cred(dev, again, NULL), FIDO_ERR_CREDENTIAL_EXCLUDED);
	fido_cred_free(&again);
	fido_cred_free(&made);
	ok("exclude");

	check("set PIN", fido_dev_set_pin(dev, PIN, NULL));
	made = new_cred(COSE_ES256, RP, 5);
	expect("no PIN given", fido_dev_make_cred(dev, made, NULL), FIDO_ERR_PIN_REQUIRED);
	fido_cred_free(&made);
	made = make_cred(dev, COSE_EDDSA, RP, 6, true, extensions_of_level3, PIN);
	sign(dev, made, PIN);
	fido_cred_free(&made);
	ok("with a PIN");
	device_close(dev);
}

void
assertion(void)
{
	fido_dev_t *dev = device_open();
	fido_cred_t *made[3];
	fido_assert_t *assert;
	static const unsigned char blob[] = "a small blob";

	for (size_t i = 0; i < LEN(made); i++) {
		made[i] = new_cred(COSE_ES256, RP, (unsigned char)(i + 1));
		check("rk", fido_cred_set_rk(made[i], FIDO_OPT_TRUE));
		check("blob", fido_cred_set_blob(made[i], blob, sizeof(blob)));
		check("fido_dev_make_cred", fido_dev_make_cred(dev, made[i], NULL));
	}
	assert = new_assert(RP, NULL);
	check("extensions", fido_assert_set_extensions(assert, FIDO_EXT_CRED_BLOB));
	check("fido_dev_get_assert", fido_dev_get_assert(dev, assert, NULL));
	verify("three assertions", fido_assert_count(assert) == LEN(made));
	for (size_t i = 0; i < LEN(made); i++) {
		fido_cred_t *newest = made[LEN(made) - 1 - i];

		verify_assert(assert, i, newest);
		verify("user.id", fido_assert_user_id_len(assert, i) == 1 &&
		    *fido_assert_user_id_ptr(assert, i) == *fido_cred_user_id_ptr(newest));
		verify("no name", fido_assert_user_name(assert, i) == NULL);
		verify("blob", fido_assert_blob_len(assert, i) == sizeof(blob) &&
		    memcmp(fido_assert_blob_ptr(assert, i), blob, sizeof(blob)) == 0);
	}
	fido_assert_free(&assert);
	ok("three accounts, newest first, each with its credBlob");

	assert = new_assert(RP, made[0]);
	check("up", fido_assert_set_up(assert, FIDO_OPT_FALSE));
	check("fido_dev_get_assert", fido_dev_get_assert(dev, assert, NULL));
	verify("no UP", (fido_assert_flags(assert, 0) & CTAP_AUTHDATA_USER_PRESENT) == 0);
	fido_assert_free(&assert);
	assert = new_assert("nowhere.example", made[0]);
	expect("another site", fido_dev_get_assert(dev, assert, NULL), FIDO_ERR_NO_CREDENTIALS);
	fido_assert_free(&assert);
	ok("silent probe, and another site");

	check("set PIN", fido_dev_set_pin(dev, PIN, NULL));
	sign(dev, made[0], NULL);
	sign(dev, made[0], PIN);
	assert = new_assert(RP, made[0]);
	expect("wrong PIN", fido_dev_get_assert(dev, assert, "0000"), FIDO_ERR_PIN_INVALID);
	fido_assert_free(&assert);
	ok("with and without a PIN");
	for (size_t i = 0; i < LEN(made); i++)
		fido_cred_free(&made[i]);
	device_close(dev);
}

static void
secrets(fido_dev_t *dev, const fido_cred_t *cred, size_t salts, const char *pin,
    unsigned char out[64])
{
	static const unsigned char salt[64] = "sixty-four bytes, which make two salts of thirty-two each";
	fido_assert_t *assert = new_assert(RP, cred);

	check("extensions", fido_assert_set_extensions(assert, FIDO_EXT_HMAC_SECRET));
	check("salt", fido_assert_set_hmac_salt(assert, salt, 32 * salts));
	check("fido_dev_get_assert", fido_dev_get_assert(dev, assert, pin));
	verify_assert(assert, 0, cred);
	verify("secret length", fido_assert_hmac_secret_len(assert, 0) == 32 * salts);
	memcpy(out, fido_assert_hmac_secret_ptr(assert, 0), 32 * salts);
	fido_assert_free(&assert);
}

void
hmac_secret(void)
{
	unsigned char one[64], two[64], again[64], verified[64];
	fido_dev_t *dev = device_open();
	fido_cred_t *made = make_cred(dev, COSE_ES256, RP, 1, false, FIDO_EXT_HMAC_SECRET, NULL);

	secrets(dev, made, 1, NULL, one);
	secrets(dev, made, 2, NULL, two);
	verify("same first secret", memcmp(one, two, 32) == 0);
	verify("other second secret", memcmp(two, two + 32, 32) != 0);
	ok("one salt and two");
	check("set PIN", fido_dev_set_pin(dev, PIN, NULL));
	secrets(dev, made, 2, PIN, verified);
	verify("other secrets when verified", memcmp(two, verified, 32) != 0);
	dev = device_restart(dev, "restart");
	secrets(dev, made, 2, NULL, again);
	verify("same without PIN", memcmp(two, again, 64) == 0);
	secrets(dev, made, 2, PIN, again);
	verify("same with PIN", memcmp(verified, again, 64) == 0);
	ok("with a PIN, and after a restart");
	fido_cred_free(&made);
	device_close(dev);
}
