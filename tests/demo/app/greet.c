#include "greet.h"

#include <stdio.h>

const char *machine(void)
{
#if defined(__x86_64__)
	return "amd64";
#elif defined(__aarch64__)
	return "arm64";
#else
	return "a machine that nobody asked for";
#endif
}

int greet(const char *version)
{
	return printf("Hello from %s, version %s\n", machine(), version);
}
