/*
 * The device under test, as libfido2 reaches it through I/O functions of our
 * own, and the test that holds it.
 *
 * Standard output and input are the line to the test: "ok STEP" reports a step
 * that went well, "do WORDS" asks for something and waits for "done" (see
 * ../python/device.py). The first failure ends the program.
 */
#ifndef DEVICE_H
#define DEVICE_H

#include <stdbool.h>
#include <stddef.h>

#include <fido.h>
#include <fido/config.h>
#include <fido/credman.h>
#include <fido/eddsa.h>
#include <fido/es256.h>
#include <fido/es384.h>
#include <fido/rs256.h>

#define RP "example.com"
#define OTHER "other.example"
#define PIN "4711"
#define NEXT "0815-4711"

/* libfido2 1.12 has no name for it. */
#define ERR_INVALID_SUBCOMMAND 0x3e

#define LEN(array) (sizeof(array) / sizeof(*(array)))

/* device.c */
void device_path(const char *path);
fido_dev_t *device_open(void);
void device_close(fido_dev_t *dev);
fido_dev_t *device_restart(fido_dev_t *dev, const char *words);
void ask(const char *words);
void ok(const char *step);
void expect(const char *what, int got, int want);
void check(const char *what, int rc);
void verify(const char *what, bool holds);

/* ceremony.c: credentials and assertions with the usual contents */
extern const unsigned char challenge[32];
fido_cred_t *new_cred(int alg, const char *rp, unsigned char user);
fido_cred_t *make_cred(fido_dev_t *dev, int alg, const char *rp, unsigned char user, bool rk,
    int extensions, const char *pin);
fido_assert_t *new_assert(const char *rp, const fido_cred_t *cred);
void verify_assert(const fido_assert_t *assert, size_t index, const fido_cred_t *cred);
void sign(fido_dev_t *dev, const fido_cred_t *cred, const char *pin);

/* scenarios */
void info(void);
void cred(void);
void assertion(void);
void hmac_secret(void);
void u2f(void);
void touch(void);
void cancel(void);
void pin(void);
void credman(void);
void largeblob(void);
void config(void);
void reset(void);

#endif
