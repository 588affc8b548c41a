#include "greet.h"

#ifndef VERSION
#define VERSION "dev"
#endif

int main(void)
{
	return greet(VERSION) < 0;
}
