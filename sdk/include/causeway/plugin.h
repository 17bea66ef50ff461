#ifndef CAUSEWAY_PLUGIN_H
#define CAUSEWAY_PLUGIN_H

/* Everything stable that a plugin needs. Drafts (ext/draft/) are included by name. */

#include "entry.h"
#include "ext/candidate-source.h"
#include "ext/priority.h"
#include "host.h"
#include "types.h"
#include "version.h"

#endif
