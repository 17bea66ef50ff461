#!/bin/sh
# Each library exports cw_plugin_entry and nothing else: other symbols could clash, and unique ones would pin it.
bad=0
for file in "$@"; do
  symbols=$(nm -D --defined-only "$file" | awk '{print $3}')
  if [ "$symbols" != cw_plugin_entry ]; then
    echo "$file exports: $symbols"
    bad=1
  fi
done
exit $bad
