#ifndef CAUSEWAY_VERSION_H
#define CAUSEWAY_VERSION_H

#include <stdint.h>

/*
 * Version of the fixed core of the ABI (entry.h, host.h, types.h). A new minor only appends; a new major
 * breaks. Extensions carry their own revision in their id. 1.0 is frozen: no member of it moves, changes its
 * type or its meaning.
 */
#define CW_ABI_MAKE(major, minor) ((((uint32_t)(major)) << 16) | ((uint32_t)(minor)))
#define CW_ABI_MAJOR(version) (((uint32_t)(version)) >> 16)
#define CW_ABI_MINOR(version) (((uint32_t)(version)) & 0xffffu)

#define CW_ABI_VERSION_MAJOR 1
#define CW_ABI_VERSION_MINOR 0
#define CW_ABI_VERSION CW_ABI_MAKE(CW_ABI_VERSION_MAJOR, CW_ABI_VERSION_MINOR)

#endif
