/* A library that is there when its plugin is linked, and nowhere to be found when that is loaded. */
int causeway_needed(void);
int causeway_needed(void) { return 1; }
