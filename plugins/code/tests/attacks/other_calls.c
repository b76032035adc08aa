/* Makes a system call by the numbers of another architecture, for which a careless filter has no rule. */
#include <stdio.h>
int main(void) {
    puts("tried: getpid of 32 bits");
    fflush(stdout);
    long result = 20;
    __asm__ volatile("int $0x80" : "+a"(result) : : "memory");
    printf("got: %ld\n", result);
    return 0;
}
