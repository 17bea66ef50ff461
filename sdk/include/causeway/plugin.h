#ifndef CAUSEWAY_PLUGIN_H
#define CAUSEWAY_PLUGIN_H

/* Everything that a plugin needs. */

#include "entry.h"
#include "ext/candidate-source.h"
#include "ext/priority.h"
#include "ext/state.h"
#include "ext/transport.h"
#include "host.h"
#include "types.h"
#include "version.h"

#endif
