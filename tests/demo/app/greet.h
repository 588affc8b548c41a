#ifndef GREET_H
#define GREET_H

/* What to call the machine that this was compiled for. */
const char *machine(void);

/* Writes a greeting to standard output; returns what printf returned. */
int greet(const char *version);

#endif
