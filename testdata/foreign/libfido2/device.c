#include "device.h"

#include <err.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define REPORT CTAP_MAX_REPORT_LEN

static const char *socket_path;

struct channel {
	int fd;
};

static void *
stream_open(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct channel *channel = malloc(sizeof(*channel));

	if (channel == NULL || strlen(path) >= sizeof(address.sun_path))
		errx(1, "cannot open %s", path);
	strcpy(address.sun_path, path);
	if ((channel->fd = socket(AF_UNIX, SOCK_STREAM, 0)) < 0 ||
	    connect(channel->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		err(1, "connect to %s", path);
	return channel;
}

static void
stream_close(void *handle)
{
	struct channel *channel = handle;

	close(channel->fd);
	free(channel);
}

static int
stream_read(void *handle, unsigned char *buf, size_t len, int ms)
{
	struct channel *channel = handle;
	struct pollfd poller = {.fd = channel->fd, .events = POLLIN};
	size_t have = 0;

	if (len != REPORT || poll(&poller, 1, ms) != 1)
		return -1;
	while (have < len) {
		ssize_t n = read(channel->fd, buf + have, len - have);
		if (n <= 0)
			return -1;
		have += (size_t)n;
	}
	return (int)have;
}

/* libfido2 puts a report number in front, which the stream does not carry. */
static int
stream_write(void *handle, const unsigned char *buf, size_t len)
{
	struct channel *channel = handle;

	if (len != REPORT + 1 || buf[0] != 0)
		return -1;
	if (send(channel->fd, buf + 1, REPORT, MSG_NOSIGNAL) != REPORT)
		return -1;
	return (int)len;
}

void
device_path(const char *path)
{
	socket_path = path;
}

fido_dev_t *
device_open(void)
{
	const fido_dev_io_t io = {stream_open, stream_close, stream_read, stream_write};
	fido_dev_t *dev = fido_dev_new();

	if (dev == NULL)
		errx(1, "fido_dev_new");
	check("fido_dev_set_io_functions", fido_dev_set_io_functions(dev, &io));
	check("fido_dev_set_timeout", fido_dev_set_timeout(dev, 20000));
	check("fido_dev_open", fido_dev_open(dev, socket_path));
	return dev;
}

void
device_close(fido_dev_t *dev)
{
	check("fido_dev_close", fido_dev_close(dev));
	fido_dev_free(&dev);
}

/* Closes the device, has it restarted or replaced, and opens it again. */
fido_dev_t *
device_restart(fido_dev_t *dev, const char *words)
{
	device_close(dev);
	ask(words);
	return device_open();
}

void
ask(const char *words)
{
	char answer[80];

	printf("do %s\n", words);
	fflush(stdout);
	if (fgets(answer, sizeof(answer), stdin) == NULL || strcmp(answer, "done\n") != 0)
		errx(1, "asked for \"%s\", got no \"done\"", words);
}

void
ok(const char *step)
{
	printf("ok %s\n", step);
	fflush(stdout);
}

void
expect(const char *what, int got, int want)
{
	if (got != want)
		errx(1, "%s: %s (%d), want %s (%d)", what, fido_strerr(got), got,
		    fido_strerr(want), want);
}

void
check(const char *what, int rc)
{
	expect(what, rc, FIDO_OK);
}

void
verify(const char *what, bool holds)
{
	if (!holds)
		errx(1, "%s: does not hold", what);
}
