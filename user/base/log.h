/*
 * log.h - one line per event on standard error: "callgate-proxy[0]: warning: text".
 * Floor: base.      Never pass a secret or a tool argument's value.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level { LOG_ERROR, LOG_WARNING, LOG_NOTICE, LOG_DETAIL };

/** log_open(who, most): Name the process once, at start; lines above ${most} are dropped.  ${who} is borrowed for ever. */
void log_open(const char *who, enum log_level most);

/** log_line(level, fmt, ...): Write one line; control characters in it are shown as '?'. */
void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_notice(...) log_line(LOG_NOTICE, __VA_ARGS__)
#define log_detail(...) log_line(LOG_DETAIL, __VA_ARGS__)

#endif
