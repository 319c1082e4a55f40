/* log.c - see log.h. */
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"

static const char *log_who = "callgate";
static enum log_level log_most = LOG_NOTICE;

void log_open(const char *who, enum log_level most)
{
	log_who = who;
	log_most = most;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	static const char *const names[] = {"error", "warning", "notice", "detail"};
	char line[1024];

	if (level > log_most)
		return;
	int n = snprintf(line, sizeof(line), "%s: %s: ", log_who, names[level]);
	va_list ap;
	va_start(ap, fmt);
	int m = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, ap);
	va_end(ap);
	if (m < 0)
		return;
	size_t len = (size_t)n + (size_t)m;
	if (len > sizeof(line) - 2)
		len = sizeof(line) - 2;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	line[len++] = '\n';
	/* A log that cannot be written must not stop the gate. */
	if (write(STDERR_FILENO, line, len) < 0)
		return;
}
