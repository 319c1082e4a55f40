/*
 * wipe.h - heap memory that is cleared before it is released, for what passes through libraries.
 * Floor: base.
 */
#ifndef BASE_WIPE_H
#define BASE_WIPE_H

/** wipe_free(p): Wipe and release what malloc() gave.  NULL-safe. */
void wipe_free(void *p);

/** wipe_json(): From now on jansson wipes what it releases. */
void wipe_json(void);

#endif
