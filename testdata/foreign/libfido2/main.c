/* Drives a device with libfido2: main PATH SCENARIO, or main list. */
#include "device.h"

#include <err.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	void (*run)(void);
} scenarios[] = {
	{"info", info},
	{"cred", cred},
	{"assertion", assertion},
	{"hmac_secret", hmac_secret},
	{"u2f", u2f},
	{"touch", touch},
	{"cancel", cancel},
	{"pin", pin},
	{"credman", credman},
	{"largeblob", largeblob},
	{"config", config},
	{"reset", reset},
};

int
main(int argc, char **argv)
{
	bool list = argc == 2 && strcmp(argv[1], "list") == 0;

	if (!list && argc != 3)
		errx(2, "usage: %s PATH SCENARIO, or %s list", argv[0], argv[0]);
	fido_init(FIDO_DISABLE_U2F_FALLBACK);
	for (size_t i = 0; i < LEN(scenarios); i++) {
		if (list) {
			puts(scenarios[i].name);
		} else if (strcmp(argv[2], scenarios[i].name) == 0) {
			device_path(argv[1]);
			scenarios[i].run();
			return 0;
		}
	}
	if (!list)
		errx(2, "no scenario %s", argv[2]);
	return 0;
}
