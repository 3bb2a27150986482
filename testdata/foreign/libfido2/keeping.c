/* What the device keeps, shows and forgets. */
#include "device.h"

#include <err.h>
#include <string.h>

void
pin(void)
{
	fido_dev_t *dev = device_open();
	char long_pin[65] = {0};
	int tries;

	memset(long_pin, '9', 64);
	expect("change without a PIN", fido_dev_set_pin(dev, NEXT, PIN), FIDO_ERR_PIN_NOT_SET);
	expect("too long", fido_dev_set_pin(dev, long_pin, NULL), FIDO_ERR_PIN_POLICY_VIOLATION);
	check("set", fido_dev_set_pin(dev, PIN, NULL));
	verify("has PIN", fido_dev_has_pin(dev));
	expect("set twice", fido_dev_set_pin(dev, PIN, NULL), FIDO_ERR_PIN_AUTH_INVALID);
	ok("set");
	expect("wrong", fido_dev_set_pin(dev, NEXT, "0000"), FIDO_ERR_PIN_INVALID);
	check("retries", fido_dev_get_retry_count(dev, &tries));
	verify("seven left", tries == 7);
	check("change", fido_dev_set_pin(dev, NEXT, PIN));
	check("retries", fido_dev_get_retry_count(dev, &tries));
	verify("eight left", tries == 8);
	ok("change");
	expect("wrong", fido_dev_set_pin(dev, PIN, "0000"), FIDO_ERR_PIN_INVALID);
	expect("wrong", fido_dev_set_pin(dev, PIN, "0000"), FIDO_ERR_PIN_INVALID);
	expect("wrong", fido_dev_set_pin(dev, PIN, "0000"), FIDO_ERR_PIN_AUTH_BLOCKED);
	expect("right", fido_dev_set_pin(dev, PIN, NEXT), FIDO_ERR_PIN_AUTH_BLOCKED);
	check("retries", fido_dev_get_retry_count(dev, &tries));
	verify("five left", tries == 5);
	dev = device_restart(dev, "restart");
	check("change", fido_dev_set_pin(dev, PIN, NEXT));
	check("retries", fido_dev_get_retry_count(dev, &tries));
	verify("eight left", tries == 8);
	ok("lockout until a restart");
	expect("UV tries", fido_dev_get_uv_retry_count(dev, &tries), ERR_INVALID_SUBCOMMAND);
	ok("no built-in verification");
	device_close(dev);
}

static fido_credman_rk_t *
passkeys(fido_dev_t *dev, const char *rp, size_t count)
{
	fido_credman_rk_t *rks = fido_credman_rk_new();

	check("fido_credman_get_dev_rk", fido_credman_get_dev_rk(dev, rp, rks, PIN));
	verify("passkeys", fido_credman_rk_count(rks) == count);
	return rks;
}

void
credman(void)
{
	static const int extensions = FIDO_EXT_LARGEBLOB_KEY;
	fido_dev_t *dev = device_open();
	fido_credman_metadata_t *metadata = fido_credman_metadata_new();
	fido_credman_rp_t *rps = fido_credman_rp_new();
	fido_credman_rk_t *rks;
	fido_cred_t *made[3];

	check("set PIN", fido_dev_set_pin(dev, PIN, NULL));
	expect("no sites", fido_credman_get_dev_rp(dev, rps, PIN), FIDO_ERR_NO_CREDENTIALS);
	made[0] = make_cred(dev, COSE_ES256, RP, 1, true, extensions, PIN);
	made[1] = make_cred(dev, COSE_EDDSA, RP, 2, true, 0, PIN);
	made[2] = make_cred(dev, COSE_ES256, OTHER, 1, true, 0, PIN);
	check("metadata", fido_credman_get_dev_metadata(dev, metadata, PIN));
	verify("three passkeys", fido_credman_rk_existing(metadata) == 3);
	verify("room for more", fido_credman_rk_remaining(metadata) > 0);
	ok("metadata");

	check("fido_credman_get_dev_rp", fido_credman_get_dev_rp(dev, rps, PIN));
	verify("two sites", fido_credman_rp_count(rps) == 2);
	for (size_t i = 0; i < 2; i++)
		verify("site", strcmp(fido_credman_rp_id(rps, i), RP) == 0 ||
		    strcmp(fido_credman_rp_id(rps, i), OTHER) == 0);
	ok("sites");

	rks = passkeys(dev, RP, 2);
	for (size_t i = 0; i < 2; i++) {
		const fido_cred_t *rk = fido_credman_rk(rks, i);
		const fido_cred_t *want = made[*fido_cred_user_id_ptr(rk) - 1];

		verify("ID", fido_cred_id_len(rk) == fido_cred_id_len(want) &&
		    memcmp(fido_cred_id_ptr(rk), fido_cred_id_ptr(want),
			fido_cred_id_len(want)) == 0);
		verify("algorithm", fido_cred_type(rk) == fido_cred_type(want));
		verify("public key", memcmp(fido_cred_pubkey_ptr(rk), fido_cred_pubkey_ptr(want),
					 fido_cred_pubkey_len(want)) == 0);
		verify("name", strcmp(fido_cred_user_name(rk), "ann") == 0);
		verify("largeBlobKey", fido_cred_largeblob_key_len(rk) ==
		    fido_cred_largeblob_key_len(want));
	}
	fido_credman_rk_free(&rks);
	ok("passkeys");

	check("user", fido_cred_set_user(made[2], (const unsigned char *)"\1", 1, "bea", "Bea", NULL));
	check("fido_credman_set_dev_rk", fido_credman_set_dev_rk(dev, made[2], PIN));
	rks = passkeys(dev, OTHER, 1);
	verify("new name", strcmp(fido_cred_user_name(fido_credman_rk(rks, 0)), "bea") == 0);
	fido_credman_rk_free(&rks);
	ok("update");

	check("fido_credman_del_dev_rk", fido_credman_del_dev_rk(dev, fido_cred_id_ptr(made[0]),
					     fido_cred_id_len(made[0]), PIN));
	expect("delete twice", fido_credman_del_dev_rk(dev, fido_cred_id_ptr(made[0]),
				   fido_cred_id_len(made[0]), PIN), FIDO_ERR_NO_CREDENTIALS);
	rks = passkeys(dev, RP, 1);
	fido_credman_rk_free(&rks);
	ok("delete");
	for (size_t i = 0; i < LEN(made); i++)
		fido_cred_free(&made[i]);
	fido_credman_rp_free(&rps);
	fido_credman_metadata_free(&metadata);
	device_close(dev);
}

/* libfido2 1.12 encrypts nothing that deflates to 16 bytes or less. */
static const unsigned char text[] = "no shorter than libfido2 allows";
static const unsigned char other[] = "something else of sufficient length";

static void
expect_blob(fido_dev_t *dev, const fido_cred_t *cred, const unsigned char *want, size_t len)
{
	unsigned char *got = NULL;
	size_t got_len = 0;

	check("fido_dev_largeblob_get", fido_dev_largeblob_get(dev, fido_cred_largeblob_key_ptr(cred),
					    fido_cred_largeblob_key_len(cred), &got, &got_len));
	verify("blob", got_len == len && memcmp(got, want, len) == 0);
	free(got);
}

static void
set_blob(fido_dev_t *dev, const fido_cred_t *cred, const unsigned char *blob, size_t len,
    const char *pin, int want)
{
	expect("fido_dev_largeblob_set", fido_dev_largeblob_set(dev, fido_cred_largeblob_key_ptr(cred),
					     fido_cred_largeblob_key_len(cred), blob, len, pin), want);
}

void
largeblob(void)
{
	/* Beyond compression, and so longer than any fragment. */
	static unsigned char noise[12000];
	fido_dev_t *dev = device_open();
	fido_cred_t *first, *second;
	unsigned char *array = NULL, *key = NULL;
	size_t len = 0;
	uint32_t state = 1;

	for (size_t i = 0; i < sizeof(noise); i++) {
		state = state * 1664525 + 1013904223;
		noise[i] = (unsigned char)(state >> 24);
	}
	check("set PIN", fido_dev_set_pin(dev, PIN, NULL));
	first = make_cred(dev, COSE_ES256, RP, 1, true, FIDO_EXT_LARGEBLOB_KEY, PIN);
	second = make_cred(dev, COSE_ES256, RP, 2, true, FIDO_EXT_LARGEBLOB_KEY, PIN);
	verify("keys", fido_cred_largeblob_key_len(first) == 32 &&
	    memcmp(fido_cred_largeblob_key_ptr(first), fido_cred_largeblob_key_ptr(second), 32) != 0);
	check("fido_dev_largeblob_get_array", fido_dev_largeblob_get_array(dev, &array, &len));
	verify("an empty array", len == 1 && array[0] == 0x80);
	free(array);
	set_blob(dev, first, text, sizeof(text), PIN, FIDO_OK);
	set_blob(dev, first, other, sizeof(other), NULL, FIDO_ERR_PIN_REQUIRED);
	expect_blob(dev, first, text, sizeof(text));
	ok("write and read");

	set_blob(dev, second, noise, sizeof(noise), PIN, FIDO_OK);
	set_blob(dev, first, other, sizeof(other), PIN, FIDO_OK);
	expect_blob(dev, first, other, sizeof(other));
	expect_blob(dev, second, noise, sizeof(noise));
	ok("replace, and many fragments");

	check("fido_dev_largeblob_remove", fido_dev_largeblob_remove(dev,
					       fido_cred_largeblob_key_ptr(first), 32, PIN));
	expect("removed", fido_dev_largeblob_get(dev, fido_cred_largeblob_key_ptr(first), 32, &key,
			      &len), FIDO_ERR_NOTFOUND);
	dev = device_restart(dev, "restart");
	expect_blob(dev, second, noise, sizeof(noise));
	ok("remove, and after a restart");

	check("fido_dev_largeblob_set_array",
	    fido_dev_largeblob_set_array(dev, (const unsigned char *)"\x80", 1, PIN));
	check("fido_dev_largeblob_get_array", fido_dev_largeblob_get_array(dev, &array, &len));
	verify("an empty array", len == 1 && array[0] == 0x80);
	free(array);
	ok("the array itself");
	fido_cred_free(&first);
	fido_cred_free(&second);
	device_close(dev);
}

void
config(void)
{
	static const char *const sites[] = {RP};
	fido_dev_t *dev = device_open();
	fido_cbor_info_t *data = fido_cbor_info_new();
	fido_cred_t *made;
	fido_assert_t *assert;

	check("set PIN", fido_dev_set_pin(dev, PIN, NULL));
	made = make_cred(dev, COSE_ES256, RP, 1, false, 0, PIN);
	check("fido_dev_toggle_always_uv", fido_dev_toggle_always_uv(dev, PIN));
	assert = new_assert(RP, made);
	expect("always", fido_dev_get_assert(dev, assert, NULL), FIDO_ERR_PIN_REQUIRED);
	fido_assert_free(&assert);
	sign(dev, made, PIN);
	check("fido_dev_toggle_always_uv", fido_dev_toggle_always_uv(dev, PIN));
	sign(dev, made, NULL);
	fido_cred_free(&made);
	ok("toggleAlwaysUv");

	expect("enterprise attestation", fido_dev_enable_entattest(dev, PIN),
	    ERR_INVALID_SUBCOMMAND);
	ok("no enterprise attestation");

	check("fido_dev_set_pin_minlen_rpid", fido_dev_set_pin_minlen_rpid(dev, sites, 1, PIN));
	made = new_cred(COSE_ES256, RP, 1);
	check("minPinLength", fido_cred_set_pin_minlen(made, 4));
	check("fido_dev_make_cred", fido_dev_make_cred(dev, made, PIN));
	check("attestation", fido_cred_verify(made));
	verify("minPinLength", fido_cred_pin_minlen(made) == 4);
	fido_cred_free(&made);
	ok("minPinLength for listed sites");

	check("fido_dev_set_pin_minlen", fido_dev_set_pin_minlen(dev, 6, PIN));
	check("fido_dev_get_cbor_info", fido_dev_get_cbor_info(dev, data));
	verify("minimum", fido_cbor_info_minpinlen(data) == 6);
	verify("PIN too short now", fido_cbor_info_new_pin_required(data));
	expect("too short", fido_dev_set_pin(dev, "12345", PIN), FIDO_ERR_PIN_POLICY_VIOLATION);
	check("change", fido_dev_set_pin(dev, NEXT, PIN));
	expect("lower", fido_dev_set_pin_minlen(dev, 5, NEXT), FIDO_ERR_PIN_POLICY_VIOLATION);
	ok("setMinPINLength");

	check("fido_dev_force_pin_change", fido_dev_force_pin_change(dev, NEXT));
	expect("forced", fido_dev_toggle_always_uv(dev, NEXT), FIDO_ERR_PIN_POLICY_VIOLATION);
	check("change", fido_dev_set_pin(dev, "another PIN", NEXT));
	check("fido_dev_toggle_always_uv", fido_dev_toggle_always_uv(dev, "another PIN"));
	ok("forceChangePin");

	dev = device_restart(dev, "profile enterprise");
	check("set PIN", fido_dev_set_pin(dev, PIN, NULL));
	check("fido_dev_enable_entattest", fido_dev_enable_entattest(dev, PIN));
	ok("enterprise attestation");
	fido_cbor_info_free(&data);
	device_close(dev);
}

void
reset(void)
{
	fido_dev_t *dev = device_open();
	fido_cred_t *made;
	fido_assert_t *assert;

	check("set PIN", fido_dev_set_pin(dev, PIN, NULL));
	made = make_cred(dev, COSE_ES256, RP, 1, true, 0, PIN);
	ask("person refuse");
	expect("refused", fido_dev_reset(dev), FIDO_ERR_OPERATION_DENIED);
	ask("person approve");
	sign(dev, made, PIN);
	ok("a person who refuses");
	dev = device_restart(dev, "restart");
	check("fido_dev_reset", fido_dev_reset(dev));
	verify("no PIN", !fido_dev_has_pin(dev));
	dev = device_restart(dev, "restart");
	verify("no PIN", !fido_dev_has_pin(dev));
	assert = new_assert(RP, made);
	expect("gone", fido_dev_get_assert(dev, assert, NULL), FIDO_ERR_NO_CREDENTIALS);
	fido_assert_free(&assert);
	ok("a person who agrees");
	fido_cred_free(&made);
	device_close(dev);
}
