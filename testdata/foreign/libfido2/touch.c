/* The person's part, and CTAP1. */
#include "device.h"

#include <string.h>

void
info(void)
{
	fido_dev_t *dev = device_open();
	fido_cbor_info_t *data = fido_cbor_info_new();
	char **versions, **options;
	bool found = false;

	verify("fido2", fido_dev_is_fido2(dev));
	verify("protocol", fido_dev_protocol(dev) == 2);
	verify("capabilities", fido_dev_flags(dev) & FIDO_CAP_CBOR);
	verify("U2F", !(fido_dev_flags(dev) & FIDO_CAP_NMSG));
	verify("PIN", fido_dev_supports_pin(dev) && !fido_dev_has_pin(dev));
	verify("credman", fido_dev_supports_credman(dev));
	verify("credProtect", fido_dev_supports_cred_prot(dev));
	verify("permissions", fido_dev_supports_permissions(dev));
	ok("INIT and getInfo on opening");

	check("fido_dev_get_cbor_info", fido_dev_get_cbor_info(dev, data));
	versions = fido_cbor_info_versions_ptr(data);
	for (size_t i = 0; i < fido_cbor_info_versions_len(data); i++)
		found |= strcmp(versions[i], "FIDO_2_3") == 0;
	verify("FIDO_2_3", found);
	verify("AAGUID", fido_cbor_info_aaguid_len(data) == 16);
	verify("maxMsgSize", fido_cbor_info_maxmsgsiz(data) >= 1024);
	verify("minPINLength", fido_cbor_info_minpinlen(data) >= 4);
	verify("credBlob", fido_cbor_info_maxcredbloblen(data) >= 32);
	verify("large blobs", fido_cbor_info_maxlargeblob(data) >= 1024);
	verify("ES256", fido_cbor_info_algorithm_count(data) > 0);
	verify("remaining", fido_cbor_info_rk_remaining(data) > 0);
	options = fido_cbor_info_options_name_ptr(data);
	for (size_t i = 0; i < fido_cbor_info_options_len(data); i++)
		verify("preview option", strcmp(options[i], "credentialMgmtPreview") != 0);
	ok("getInfo");
	fido_cbor_info_free(&data);
	device_close(dev);
}

static uint64_t
count_passkeys(fido_dev_t *dev)
{
	fido_credman_metadata_t *metadata = fido_credman_metadata_new();
	uint64_t count;

	check("metadata", fido_credman_get_dev_metadata(dev, metadata, PIN));
	count = fido_credman_rk_existing(metadata);
	fido_credman_metadata_free(&metadata);
	return count;
}

/* The touch is waited for as programs do that let a person choose a device. */
static void
probe(fido_dev_t *dev)
{
	int touched = 0;

	check("fido_dev_get_touch_begin", fido_dev_get_touch_begin(dev));
	for (int i = 0; i < 100 && !touched; i++)
		check("fido_dev_get_touch_status", fido_dev_get_touch_status(dev, &touched, 100));
	verify("touched", touched);
}

void
touch(void)
{
	fido_dev_t *dev = device_open();

	probe(dev);
	check("set PIN", fido_dev_set_pin(dev, PIN, NULL));
	probe(dev);
	ok("touch");
	verify("no passkeys", count_passkeys(dev) == 0);
	ok("leaves no trace");
	device_close(dev);
}

void
cancel(void)
{
	fido_dev_t *dev = device_open();
	fido_cred_t *made = make_cred(dev, COSE_ES256, RP, 1, false, 0, NULL);
	int touched = 0;

	check("cancel with nothing in flight", fido_dev_cancel(dev));
	sign(dev, made, NULL);
	ok("cancel with nothing in flight");
	ask("person wait");
	check("fido_dev_get_touch_begin", fido_dev_get_touch_begin(dev));
	check("fido_dev_get_touch_status", fido_dev_get_touch_status(dev, &touched, 300));
	verify("not touched", !touched);
	check("fido_dev_cancel", fido_dev_cancel(dev));
	expect("the cancelled request", fido_dev_get_touch_status(dev, &touched, 5000),
	    FIDO_ERR_KEEPALIVE_CANCEL);
	ok("cancel while a person is asked");
	ask("person approve");
	sign(dev, made, NULL);
	ok("and go on");
	fido_cred_free(&made);
	device_close(dev);
}

void
u2f(void)
{
	fido_dev_t *dev = device_open();
	fido_cred_t *made, *again;
	fido_assert_t *assert;

	fido_dev_force_u2f(dev);
	verify("not fido2", !fido_dev_is_fido2(dev));
	made = new_cred(COSE_ES256, RP, 1);
	check("fido_dev_make_cred", fido_dev_make_cred(dev, made, NULL));
	verify("format", strcmp(fido_cred_fmt(made), "fido-u2f") == 0);
	check("fido_cred_verify", fido_cred_verify(made));
	ok("REGISTER");
	sign(dev, made, NULL);
	ok("AUTHENTICATE");
	again = new_cred(COSE_ES256, RP, 1);
	check("exclude", fido_cred_exclude(again, fido_cred_id_ptr(made), fido_cred_id_len(made)));
	expect("exclude", fido_dev_make_cred(dev, again, NULL), FIDO_ERR_CREDENTIAL_EXCLUDED);
	fido_cred_free(&again);
	ok("exclude");
	assert = new_assert(RP, made);
	check("up", fido_assert_set_up(assert, FIDO_OPT_FALSE));
	expect("check only", fido_dev_get_assert(dev, assert, NULL),
	    FIDO_ERR_USER_PRESENCE_REQUIRED);
	fido_assert_free(&assert);
	assert = new_assert(OTHER, made);
	expect("another site", fido_dev_get_assert(dev, assert, NULL), FIDO_ERR_NO_CREDENTIALS);
	fido_assert_free(&assert);
	ok("check only, and another site");
	fido_dev_force_fido2(dev);
	sign(dev, made, NULL);
	ok("a U2F key signs CTAP2 assertions");
	fido_cred_free(&made);
	device_close(dev);
}
