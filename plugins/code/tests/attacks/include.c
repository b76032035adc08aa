/* Has the compiler read a file of the machine into the program. */
#include <stdio.h>
__asm__(".section .rodata\n.global content\ncontent: .incbin \"@SECRET@\"\n.byte 0\n.previous");
extern const char content[];
int main(void) { return puts(content) < 0; }
